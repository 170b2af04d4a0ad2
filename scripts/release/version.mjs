// `npm run release:version -- 0.2.0`: the next release. Writes the version everywhere it stands, and gives what the
// changelog has under "Unreleased" a section of its own. Writes everything or nothing; commits nothing.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../lib/project.mjs';
import { released } from './changelog.mjs';
import { files, VERSION, versionsIn, withVersion } from './versions.mjs';

const CHANGELOG = 'CHANGELOG.md';

try {
  const [version, ...rest] = process.argv.slice(2);
  if (!version || rest.length || !VERSION.test(version)) {
    throw new Error('which version? For example: npm run release:version -- 0.2.0');
  }
  // First of all, since a place that is not found would be left behind.
  await versionsIn(root);
  const texts = await Promise.all(files.map(async (file) => [file, withVersion(file, await read(file), version)]));
  texts.push([CHANGELOG, released(await read(CHANGELOG), version, new Date().toISOString().slice(0, 10))]);
  for (const [file, text] of texts) await writeFile(join(root, file), text);
  process.stdout.write(`${texts.map(([file]) => file).join('\n')}\n`);
  process.stderr.write(`\nThese now say ${version}. Next: npm test, commit, and push the tag v${version}.\n`);
} catch (error) {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}

function read(file) {
  return readFile(join(root, file), 'utf8');
}
