/** Files that a request brings along. */
import { createHash, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { ownEngine, sharedEngine } from '../support/any-engine.js';

const engine = await sharedEngine();

it('are there before the program starts, text and bytes alike', async () => {
  const bytes = Buffer.from([0, 255, 10, 13, 128, 0]);
  const { stdout } = await engine.execute({
    runtime: 'python',
    code: `
import pathlib
print(pathlib.Path("text.txt").read_text(), pathlib.Path("/sandbox/bytes").read_bytes().hex(), pathlib.Path("/tmp/array").read_bytes().hex())
`,
    files: { 'text.txt': 'zwölf 🦀', '/sandbox/bytes': bytes, '/tmp/array': new Uint8Array([1, 2]) },
  });
  expect(stdout).toBe(`zwölf 🦀 ${bytes.toString('hex')} 0102`);
});

it('belong to the sandbox user, and so do the directories made for them', async () => {
  const { stdout } = await engine.execute({
    runtime: 'bash',
    code: 'stat --format "%n %U:%G %a" a a/b a/b/c.txt main.sh',
    files: { 'a/b/c.txt': 'x' },
  });
  expect(stdout.split('\n')).toEqual([
    'a sandbox:sandbox 755',
    'a/b sandbox:sandbox 755',
    'a/b/c.txt sandbox:sandbox 644',
    'main.sh sandbox:sandbox 644',
  ]);
});

// W7: paths were pasted into a shell redirect.
it('may be called anything', async () => {
  const names = [
    'with space',
    '-rf',
    '$(id)',
    "it's",
    '"quoted"',
    'a\nb',
    'ünïcode 🦀',
    '..x',
    '*',
    `${'n'.repeat(255)}`,
    'd;e/f|g',
  ];
  const { stdout, files } = await engine.execute({
    runtime: 'python',
    code: 'import json, os; print(json.dumps({os.path.join(d, f): open(os.path.join(d, f)).read() for d, _, fs in os.walk(".") for f in fs}))',
    files: Object.fromEntries(names.map((name, index) => [name, `content ${index}`])),
    outputPaths: names.map((name) => `/sandbox/${name}`),
  });
  const found = JSON.parse(stdout);
  names.forEach((name, index) => {
    expect(found[`./${name}`]).toBe(`content ${index}`);
    expect(files?.[`/sandbox/${name}`]).toBe(Buffer.from(`content ${index}`).toString('base64'));
  });
});

it('may be empty, and may be large', async () => {
  const large = randomBytes(20 << 20);
  const { stdout } = await engine.execute({
    runtime: 'bash',
    code: 'stat --format %s empty; sha256sum large | cut -c 1-64',
    files: { empty: '', large },
  });
  expect(stdout).toBe(`0\n${createHash('sha256').update(large).digest('hex')}`);
});

// W6: files were written in pieces that did not wait for each other.
it('of 100 KiB arrives complete', async () => {
  const { stdout } = await engine.execute({
    runtime: 'bash',
    code: 'wc --bytes < f',
    files: { f: 'y'.repeat(102_400) },
  });
  expect(stdout).toBe('102400');
});

it('can replace nothing outside of /sandbox and /tmp', async () => {
  for (const path of ['/etc/passwd', '../etc/passwd', '/usr/local/bin/isol8-init', '/sandbox/../x', '/dev/shm/x']) {
    await expect(engine.execute({ runtime: 'bash', code: ':', files: { [path]: 'x' } })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining(`Failed to write file ${path} in container`),
    });
  }
});

it('that do not fit are an error with a code', async () => {
  const files = { big: Buffer.alloc(3 << 20) };
  const small = await ownEngine({ sandboxSize: '1m' });
  await expect(small.execute({ runtime: 'bash', code: ':', files })).rejects.toMatchObject({
    code: 'WRITE_FILE_FAILED',
    message: expect.stringMatching(/^Failed to write file \/sandbox\/big in container \(exit code 1\)/),
  });
});

it('can be ten thousand, in and out', async () => {
  const names = Array.from({ length: 10_000 }, (_, n) => `d${n % 100}/f${n}`);
  const began = performance.now();
  const { stdout, files = {} } = await engine.execute({
    runtime: 'bash',
    code: 'find . -type f -name "f*" | wc --lines',
    files: Object.fromEntries(names.map((name) => [name, name])),
    outputPaths: names.map((name) => `/sandbox/${name}`),
  });
  const seconds = (performance.now() - began) / 1000;
  expect(stdout).toBe('10000');
  expect(Object.keys(files)).toHaveLength(10_000);
  expect(names.every((name) => files[`/sandbox/${name}`] === Buffer.from(name).toString('base64'))).toBe(true);
  expect(seconds).toBeLessThan(10);
});
