// `npm run docs`: writes the pages of docs/ that are made from something else. With --check it only says which of them
// are out of date, as `npm test` does.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../lib/project.mjs';
import * as api from './api.mjs';
import * as cli from './cli.mjs';
import * as configuration from './configuration.mjs';
import * as performance from './performance.mjs';
import * as recording from './recording.mjs';

/** One module per page: `FILE`, and `generate`, which resolves with what should be in it. */
export const PAGES = [api, cli, configuration, performance, recording];

/** Paths of the pages that are not what they should be. Mends them if told to. */
export async function outdated({ write = false } = {}) {
  const paths = [];
  for (const { FILE, generate } of PAGES) {
    const text = await generate();
    if ((await readFile(join(root, FILE), 'utf8').catch(() => '')) === text) continue;
    paths.push(FILE);
    if (write) await writeFile(join(root, FILE), text);
  }
  return paths;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes('--check');
  const paths = await outdated({ write: !check });
  for (const path of paths) process.stdout.write(`${check ? 'out of date' : 'written'}: ${path}\n`);
  if (check && paths.length) process.exitCode = 1;
}
