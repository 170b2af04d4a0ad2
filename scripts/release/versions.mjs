// Every place in the checkout that states the version of the product. All state the same one.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A version as npm and cargo both take it. */
export const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$/;

const ANY = '\\d+\\.\\d+\\.\\d+(?:-[0-9A-Za-z.]+)?';

/**
 * What finds the version in a file: before and after it stands what these expressions name. A file that has none of
 * the sort, or not as many as it should, is a mistake that `versionsIn` reports.
 */
const PLACES = [
  { file: 'package.json', before: '\n  "version": "', count: 1 },
  { file: 'cli/package.json', before: '\n  "version": "', count: 1 },
  { file: 'cli/package.json', before: '"dependencies": \\{\n    "isol8": "', count: 1 },
  // The checkout's own packages stand before all others: itself, itself again as a package, and the CLI.
  { file: 'package-lock.json', before: '\n  "version": "', count: 1 },
  { file: 'package-lock.json', before: '\n {4}"(?:cli)?": \\{\n {6}"name": "[^"]+",\n {6}"version": "', count: 2 },
  { file: 'package-lock.json', before: '\n {4}"cli": \\{[^]*?\n {6}"dependencies": \\{\n {8}"isol8": "', count: 1 },
  { file: 'Cargo.toml', before: '\\[workspace\\.package\\]\nversion = "', count: 1 },
  { file: 'Cargo.lock', before: '\nname = "isol8(?:-init|-protocol)?"\nversion = "', count: 3 },
  { file: 'fuzz/Cargo.lock', before: '\nname = "isol8-protocol"\nversion = "', count: 1 },
  // The loader's check of the version of a platform's package, as napi generates it.
  { file: 'index.js', before: "bindingPackageVersion !== '", after: "'" },
  { file: 'index.js', before: 'version mismatch, expected ', after: ' but got' },
].map((place) => ({ ...place, pattern: new RegExp(`(${place.before})(${ANY})(?=${place.after ?? '"'})`, 'g') }));

export const files = [...new Set(PLACES.map(({ file }) => file))];

/** `[{ file, versions }]`: what each place in the checkout at `root` states. Rejects if a place is not there. */
export async function versionsIn(root) {
  return Promise.all(
    PLACES.map(async ({ file, pattern, count }) => {
      const text = await readFile(join(root, file), 'utf8');
      const versions = [...text.matchAll(pattern)].map(([, , version]) => version);
      if (!versions.length || (count !== undefined && versions.length !== count)) {
        throw new Error(
          `${file} states its version ${versions.length} times where ${pattern} looks, not ${count ?? 'once or more'}`,
        );
      }
      return { file, versions };
    }),
  );
}

/** The text of `file` with another version in its places. */
export function withVersion(file, text, version) {
  return PLACES.filter((place) => place.file === file).reduce(
    (text, { pattern }) => text.replace(pattern, (_, before) => before + version),
    text,
  );
}
