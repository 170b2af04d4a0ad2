// `node scripts/release/publish.mjs DIR`: publishes the tarballs in a directory, with provenance. What is published
// already is left alone, so that a run that broke off can be repeated. Platforms come first: whoever installs `isol8`
// in the meantime finds what it needs.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ORDER = [/^isol8-addon-/, /^isol8-\d/, /^isol8-cli-/];

const run = promisify(execFile);
const directory = resolve(process.argv[2] ?? 'release');
const home = await mkdtemp(join(tmpdir(), 'isol8-publish-'));
try {
  const env = await npmEnvironment();
  const names = (await readdir(directory)).filter((name) => name.endsWith('.tgz')).sort();
  const tarballs = ORDER.flatMap((pattern) => names.filter((name) => pattern.test(name)));
  if (!tarballs.length) throw new Error(`there is nothing to publish in ${directory}`);
  for (const tarball of tarballs) await publish(join(directory, tarball), env);
} catch (error) {
  process.stderr.write(`error: ${error.stderr || error.message}\n`);
  process.exitCode = 1;
} finally {
  await rm(home, { recursive: true, force: true });
}

async function publish(tarball, env) {
  const { stdout } = await run('tar', [
    '--extract',
    '--gzip',
    '--to-stdout',
    '--file',
    tarball,
    'package/package.json',
  ]);
  const { name, version } = JSON.parse(stdout);
  const id = `${name}@${version}`;
  if (await run('npm', ['view', id, 'version'], { env }).then(({ stdout }) => stdout.trim() === version, notFound)) {
    process.stdout.write(`${id} is published already\n`);
    return;
  }
  // A pre-release is for those who ask for it.
  const tag = version.includes('-') ? 'next' : 'latest';
  await run('npm', ['publish', tarball, '--provenance', '--access', 'public', '--tag', tag], { env });
  process.stdout.write(`${id} published\n`);
}

/** A registry that does not answer is no reason to believe that nothing is published. */
function notFound(error) {
  if (/E404/.test(error.stderr)) return false;
  throw error;
}

/** With a token, if there is one, for the registry that npm is set to. Without, npm proves which workflow it runs in. */
async function npmEnvironment() {
  const { NPM_TOKEN, ...env } = process.env;
  if (!NPM_TOKEN) return env;
  const { stdout } = await run('npm', ['config', 'get', 'registry']);
  const config = join(home, 'npmrc');
  await writeFile(config, `${stdout.trim().replace(/^https?:/, '')}:_authToken=${NPM_TOKEN}\n`, { mode: 0o600 });
  return { ...env, npm_config_userconfig: config };
}
