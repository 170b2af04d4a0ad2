/** Whether programs that use the package compile: the examples of its documents as they are written, and its types. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ROOT } from '../support/paths.js';

const MODULES = {
  nodenext: ['--module', 'nodenext'],
  bundler: ['--module', 'esnext', '--moduleResolution', 'bundler'],
};

const STRICT = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022', '--types', 'node'];

/** What the compiler has to say about a file. The package's own declarations are checked as well. */
async function complaints(file: string, module: string[]): Promise<string> {
  const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...STRICT, ...module, file];
  return promisify(execFile)(process.execPath, args, { cwd: ROOT }).then(
    () => '',
    ({ stdout, message }) => stdout || message,
  );
}

const example = (name: string) => join(ROOT, '__test__/types/examples', name);

it('a CommonJS program compiles', async () => {
  expect(await complaints(example('required.cts'), MODULES.nodenext)).toBe('');
});

describe.each(Object.entries(MODULES))('with module resolution of %s', (_, module) => {
  it.each(['streaming.mts', 'files.mts', 'names.mts', 'use.mts'])('%s compiles', async (name) => {
    expect(await complaints(example(name), module)).toBe('');
  });

  // Waits for fields to come: `codeUrl`, `codeHash`, `installPackages`. The day it compiles, it belongs into that list.
  it.fails('engine.mts compiles', async () => {
    expect(await complaints(example('engine.mts'), module)).toBe('');
  });

  it('the examples of the README compile', async () => {
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    const examples = [...readme.matchAll(/^```(?:js|ts)\n(.*?)^```$/gms)].map(([, text]) => text ?? '');
    expect(examples).not.toHaveLength(0);
    // Inside the checkout, since programs find packages from where they are.
    const directory = await mkdtemp(join(ROOT, 'node_modules/.isol8-examples-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    for (const [i, text] of examples.entries()) {
      const file = join(directory, `example-${i}.mts`);
      await writeFile(file, text);
      expect(await complaints(file, module)).toBe('');
    }
  });
});
