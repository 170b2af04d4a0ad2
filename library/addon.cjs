// Loads the native addon. Where that fails, the error says what was tried, what came of it, and what to do next.
//
// `../index.js`, which napi generates, does the looking: the file that NAPI_RS_NATIVE_LIBRARY_PATH names, or else a
// local build, or else the package for this platform. What it throws when all is in vain is of no help to anybody;
// the reasons hang on it as a chain of causes, the last one first. The rest of this folder imports `../index.js`, for
// its types; bundling puts this file in its place.

'use strict';

const { existsSync } = require('node:fs');
const { join } = require('node:path');

/** Platforms that there is a package for. A test compares this with the manifest. */
const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/** Replaced by the version of the manifest when this is bundled. */
const VERSION = ISOL8_VERSION;

module.exports = load();

function load() {
  let addon;
  try {
    addon = require('../index.js');
  } catch (error) {
    throw unavailable(error);
  }
  if (addon.VERSION === VERSION) return addon;
  throw failure(`the native addon is of version ${addon.VERSION}, and isol8 of ${VERSION}`, missing(), undefined);
}

function unavailable(error) {
  const tried = attempts(error);
  const what = `the native addon of isol8 could not be loaded on ${process.platform} ${process.arch}`;
  const lines = tried.map((reason) => `\n  tried: ${reason}`);
  return failure(what + lines.join(''), advice(tried), error);
}

/** Why each place that was tried did not do, in the order in which they were. */
function attempts(error) {
  const reasons = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    // What follows the first line says only which module asked.
    const [reason = ''] = cause.message.split('\n');
    reasons.unshift(reason);
  }
  return reasons.length ? reasons : [error.message];
}

function advice(tried) {
  const override = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  if (override) return `unset NAPI_RS_NATIVE_LIBRARY_PATH (${override}), or let it name an addon of isol8 ${VERSION}`;
  if (process.platform === 'win32') {
    return 'isol8 does not run on Windows itself. Run it inside WSL2, where it finds Docker Desktop, or run `isol8 serve` on a Linux machine and send it requests over HTTP';
  }
  if (!PLATFORMS.includes(`${process.platform}-${process.arch}`)) {
    return `isol8 runs on ${PLATFORMS.join(', ')}. From elsewhere, send requests to \`isol8 serve\` on one of those over HTTP`;
  }
  const libc = tried.find((reason) => /GLIBC_\d|ld-musl|libc\.musl/.test(reason));
  if (libc) return 'the C library of this system is older than the addon, or another: use a newer system or image';
  return missing();
}

/** Advice for a platform that has an addon, which is not here or does not fit. */
function missing() {
  if (existsSync(join(__dirname, '../Cargo.toml'))) return '`npm run build` builds it in this checkout';
  return `remove node_modules and run \`npm install\` on this machine. It leaves the addon out if told to omit optional dependencies, or if node_modules or a lock file without it came from another platform`;
}

function failure(message, hint, cause) {
  const error = new Error(message, { cause });
  return Object.assign(error, { code: 'ADDON_UNAVAILABLE', hint });
}
