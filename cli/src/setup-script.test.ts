import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { setupScript } from './setup-script.js';

const directory = mkdtempSync(join(tmpdir(), 'isol8-setup-'));
afterAll(() => rmSync(directory, { recursive: true }));

const path = (name: string) => join(directory, name);

it('is none where nothing is to be set up', async () => {
  expect(await setupScript([])).toBeUndefined();
});

it('is the commands in their order, each on a line of its own', async () => {
  expect(await setupScript(['echo one'])).toBe('echo one');
  expect(await setupScript(['echo one', 'cd x &&\n  ls', 'echo three'])).toBe('echo one\ncd x &&\n  ls\necho three');
});

it('is what a file says, among commands as well', async () => {
  writeFileSync(path('prepare.sh'), '#!/bin/bash\necho é\n');
  expect(await setupScript([path('prepare.sh')])).toBe('#!/bin/bash\necho é\n');
  expect(await setupScript(['echo one', path('prepare.sh'), 'echo three'])).toBe(
    'echo one\n#!/bin/bash\necho é\n\necho three',
  );
});

it.each(['nowhere', 'directory', 'file/below', 'x'.repeat(5000), 'a\0b'])(
  'is a command where %j is no file',
  async (name) => {
    mkdirSync(path('directory'), { recursive: true });
    writeFileSync(path('file'), '');
    expect(await setupScript([path(name)])).toBe(path(name));
  },
);
