/**
 * The documents for users, and the examples in them.
 *
 * An example is a fenced block. What its fence says after the language says what becomes of it:
 *
 * | mark | meaning |
 * |---|---|
 * | (none) | `console` is typed into a shell, `js` is compiled and run, `ts` compiled, `json` parsed, `text` shown |
 * | `file=NAME` | it is a file, there for all examples that follow on the page |
 * | `output` | it is what the example before it prints |
 * | `no-run=REASON` | it is not run, and why; `js` is still compiled |
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../support/paths.js';

/** What the examples of a page may need that a test does not have. */
export const REASONS = {
  internet: 'it reaches for the internet',
  install: 'it installs or replaces isol8 itself',
  docker: 'it sets up a Docker engine, or needs one of another kind',
  everything: 'it concerns all that isol8 left on this machine',
  interactive: 'it waits for a person',
  model: 'it needs a language model and its key',
  bench: 'it measures for many minutes, on a machine that does nothing else',
  service: 'it goes on until it is stopped; tests have one of their own',
} as const;

export type Reason = keyof typeof REASONS;

export interface Example {
  /** Where it is: `docs/library.md:12`. */
  at: string;
  page: string;
  line: number;
  language: string;
  file: string | undefined;
  isOutput: boolean;
  noRun: Reason | undefined;
  text: string;
}

const LANGUAGES = ['console', 'js', 'ts', 'json', 'text', 'python', 'sh', 'yaml', 'nginx', 'http'];

/** Paths of the documents, from the root of the checkout. */
export const PAGES: string[] = [
  'README.md',
  'cli/README.md',
  ...markdownIn('docs'),
  ...markdownIn('skill'),
  ...markdownIn('examples'),
];

export function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** The examples of a page, in their order. Throws where a fence says something that means nothing. */
export function examplesIn(page: string): Example[] {
  const examples: Example[] = [];
  let open: (Example & { fence: string; lines: string[] }) | undefined;
  for (const [index, line] of read(page).split('\n').entries()) {
    const fence = /^(```+)(.*)$/.exec(line);
    if (open === undefined && fence) {
      open = { ...heading(page, index + 1, fence[2] ?? ''), fence: fence[1] ?? '', lines: [] };
    } else if (open !== undefined && line === open.fence) {
      const { fence: _, lines, ...example } = open;
      examples.push({ ...example, text: lines.map((text) => `${text}\n`).join('') });
      open = undefined;
    } else open?.lines.push(line);
  }
  if (open) throw new Error(`${open.at}: the block does not end`);
  return examples;
}

function heading(page: string, line: number, info: string): Example {
  const at = `${page}:${line}`;
  const [language = '', ...marks] = info.trim().split(/ +/);
  if (!LANGUAGES.includes(language)) throw new Error(`${at}: nobody knows what to do with \`${language}\``);
  const example: Example = { at, page, line, language, file: undefined, isOutput: false, noRun: undefined, text: '' };
  for (const mark of marks) {
    const [name, value = ''] = mark.split('=');
    if (name === 'file' && value) example.file = value;
    else if (mark === 'output' && language === 'text') example.isOutput = true;
    else if (name === 'no-run' && value in REASONS) example.noRun = value as Reason;
    else throw new Error(`${at}: \`${mark}\` means nothing`);
  }
  return example;
}

function markdownIn(directory: string): string[] {
  const files = readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
    .sort()
    .map((file) => join(directory, file));
}
