// `node scripts/release/notes.mjs v0.2.0`: what the changelog says about a release. Fails unless every file of this
// checkout states that version, and before anything of a release is built.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../lib/project.mjs';
import { notesOf } from './changelog.mjs';
import { versionsIn } from './versions.mjs';

try {
  const [tag = ''] = process.argv.slice(2);
  const version = tag.replace(/^v/, '');
  if (tag === version) throw new Error('which tag? For example: v0.2.0');
  const others = (await versionsIn(root)).filter(({ versions }) => versions.some((stated) => stated !== version));
  if (others.length) throw new Error(`the tag is ${tag}, but another version stands in ${others[0].file}`);
  const notes = notesOf(await readFile(join(root, 'CHANGELOG.md'), 'utf8'), version);
  if (!notes) throw new Error(`CHANGELOG.md has no section for ${version}`);
  process.stdout.write(`${notes}\n`);
} catch (error) {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
