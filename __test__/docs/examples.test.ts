/** Every example of the documents works as it is written: what can be run is run, and the rest is compiled or listed. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadConfig } from 'isol8';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { ROOT } from '../support/paths.js';
import { scratch } from '../support/scratch.js';
import { type Example, examplesIn, PAGES, REASONS, type Reason } from './support/pages.js';
import { play } from './support/stage.js';

const EXAMPLES = PAGES.flatMap(examplesIn);

const MODULES = {
  nodenext: ['--module', 'nodenext'],
  bundler: ['--module', 'esnext', '--moduleResolution', 'bundler'],
};

const STRICT = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022', '--types', 'node'];

describe('all examples in JavaScript and TypeScript compile', () => {
  const sources = EXAMPLES.filter(({ language, file }) => ['js', 'ts'].includes(language) && !file?.endsWith('.cjs'));

  it.each(Object.entries(MODULES))('with module resolution of %s', async (_, module) => {
    expect(sources).not.toHaveLength(0);
    const directory = mkdtempSync(join(ROOT, 'node_modules/.isol8-examples-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const files = sources.map((example) => {
      const file = join(directory, `${example.page.replaceAll('/', '-')}-${example.line}.mts`);
      writeFileSync(file, example.text);
      return file;
    });
    const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...STRICT, ...module, ...files];
    const complaints = await promisify(execFile)(process.execPath, args, { cwd: ROOT }).then(
      () => '',
      ({ stdout, message }) => stdout || message,
    );
    expect(complaints).toBe('');
  });
});

describe('all examples in JSON', () => {
  const texts = EXAMPLES.filter(({ language }) => language === 'json');

  it.each(texts.map((example) => [example.at, example] as const))('%s is valid', (_, { file, text }) => {
    const { $schema, ...value } = JSON.parse(text);
    expect(typeof ($schema ?? '')).toBe('string');
    if (file !== 'isol8.config.json') return;
    const directory = scratch();
    writeFileSync(join(directory, file), text);
    // It refuses what the schema refuses, and gives what the file says.
    expect(loadConfig(directory)).toMatchObject(value);
  });
});

describe('what the examples of a page say is what happens', () => {
  const runs = ({ language, noRun, file }: Example) => ['console', 'js'].includes(language) && !noRun && !file;
  const pages = PAGES.filter((page) => examplesIn(page).some(runs));

  it.each(pages)('%s', { timeout: 120_000 }, async (page) => {
    expect(await play(page, inject('buildEnv'))).toEqual([]);
  });
});

it('what cannot be run here is listed', () => {
  const unrun = EXAMPLES.filter((example): example is Example & { noRun: Reason } => example.noRun !== undefined);
  for (const { at, noRun } of unrun) console.log(`not run: ${at} (${REASONS[noRun]})`);
  expect(unrun.every(({ language }) => ['console', 'js', 'ts'].includes(language))).toBe(true);
});
