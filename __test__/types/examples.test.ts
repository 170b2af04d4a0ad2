/** Whether programs that use the package compile. Those of its documents are in `__test__/docs`. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
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
  it.each(['engine.mts', 'streaming.mts', 'files.mts', 'names.mts', 'use.mts'])('%s compiles', async (name) => {
    expect(await complaints(example(name), module)).toBe('');
  });
});
