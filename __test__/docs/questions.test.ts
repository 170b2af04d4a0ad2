/** Whoever asks where something is decided, and has read ARCHITECTURE.md, finds the file. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../support/paths.js';
import { read } from './support/pages.js';

const section =
  read('CONTRIBUTING.md')
    .split(/^## /m)
    .find((text) => text.startsWith('Ten questions')) ?? '';

const questions = [...section.matchAll(/^\| (.*\?) \| `(.*)` \|$/gm)].map(
  ([, question = '', file = '']) => [question, file] as const,
);

it('there are ten of them', () => {
  expect(questions).toHaveLength(10);
});

it.each(questions)('%s', (_, file) => {
  expect(existsSync(join(ROOT, file))).toBe(true);
  // The page names the file, or its folder, beside what is in it.
  const lines = read('ARCHITECTURE.md').split('\n');
  const names = [file, basename(file), `${dirname(file)}/`, `${basename(dirname(file))}/`];
  expect(lines.some((line) => names.some((name) => line.includes(`\`${name}\``)))).toBe(true);
});
