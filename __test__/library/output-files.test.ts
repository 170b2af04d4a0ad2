/** Files that are read back when the program has ended. */
import { expect, it } from 'vitest';
import { ownEngine, sharedEngine } from '../support/any-engine.js';

const engine = await sharedEngine();

const base64 = (text: string) => Buffer.from(text).toString('base64');

it('come in base64, under the path that was asked for', async () => {
  const { files } = await engine.execute({
    runtime: 'python',
    code: 'open("/sandbox/a", "wb").write(bytes(range(256))); open("/tmp/b", "w").write("b")',
    outputPaths: ['/sandbox/a', '/tmp/b'],
  });
  expect(files).toEqual({
    '/sandbox/a': Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('base64'),
    '/tmp/b': base64('b'),
  });
});

it('are left out when they are not there', async () => {
  const { files } = await engine.execute({
    runtime: 'bash',
    code: 'echo -n x > x',
    outputPaths: ['/sandbox/x', '/sandbox/y'],
  });
  expect(files).toEqual({ '/sandbox/x': base64('x') });
});

it('are an empty record when none is there, and no field when none was asked for', async () => {
  const missing = await engine.execute({ runtime: 'bash', code: ':', outputPaths: ['/sandbox/none'] });
  expect(missing.files).toEqual({});
  const unasked = await engine.execute({ runtime: 'bash', code: ':' });
  expect(unasked).not.toHaveProperty('files');
});

it('come from a program that failed, too', async () => {
  const { files, exitCode } = await engine.execute({
    runtime: 'bash',
    code: 'echo -n log > log; exit 3',
    outputPaths: ['/sandbox/log'],
  });
  expect({ files, exitCode }).toEqual({ files: { '/sandbox/log': base64('log') }, exitCode: 3 });
});

it('come from a program that was killed at its limit, too', async () => {
  const { files, exitCode } = await engine.execute({
    runtime: 'bash',
    code: 'echo -n so far > log; sleep 60',
    outputPaths: ['/sandbox/log'],
    timeoutMs: 500,
  });
  expect({ files, exitCode }).toEqual({ files: { '/sandbox/log': base64('so far') }, exitCode: 137 });
});

it('are read with no more rights than the program has', async () => {
  const { files } = await engine.execute({
    runtime: 'bash',
    code: 'ln -s /etc/shadow shadow; ln -s /proc/1/environ environ; ln -s /etc/hostname hostname; mkfifo pipe; mkdir directory; echo x > locked; chmod 0 locked',
    outputPaths: ['shadow', 'environ', 'pipe', 'directory', 'locked'].map((name) => `/sandbox/${name}`),
  });
  expect(files).toEqual({});
});

it('may be a big one', async () => {
  const { files = {} } = await engine.execute({
    runtime: 'bash',
    code: 'head --bytes 33554432 /dev/zero > zeros',
    outputPaths: ['/sandbox/zeros'],
  });
  expect(Buffer.from(files['/sandbox/zeros'] ?? '', 'base64').equals(Buffer.alloc(33_554_432))).toBe(true);
});

it('come once, however often and in how many ways they are asked for', async () => {
  const { files } = await engine.execute({
    runtime: 'bash',
    code: 'echo -n x > x',
    outputPaths: ['/sandbox/./x', '//sandbox/x', '/sandbox/x', '/sandbox/y/../x'],
  });
  expect(files).toEqual({ '/sandbox/./x': base64('x') });
});

it('are 64 MiB together at the most; what does not fit is left out, and what still fits is not', async () => {
  const { files = {} } = await engine.execute({
    runtime: 'bash',
    code: 'truncate --size 40M a; ln -s a b; ln a c; echo -n d > d',
    outputPaths: ['a', 'b', 'c', 'd'].map((name) => `/sandbox/${name}`),
  });
  expect(Object.keys(files).sort()).toEqual(['/sandbox/a', '/sandbox/d']);
  expect(Buffer.byteLength(files['/sandbox/a'] ?? '', 'base64')).toBe(40 << 20);
});

it('are twenty thousand at the most, which is said before anything runs', async () => {
  const outputPaths = Array.from({ length: 20_001 }, (_, n) => `/sandbox/${n}`);
  await expect(engine.execute({ runtime: 'bash', code: ':', outputPaths })).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    message: expect.stringContaining('too many outputPaths: 20001, at most 20000'),
  });
});

// W34: files were read into memory whatever their length.
it('cannot be made of holes: what is read back is bounded by the memory of the sandbox', async () => {
  const small = await ownEngine({ memoryLimit: '64m' });
  const before = process.memoryUsage().rss;
  const { files } = await small.execute({
    runtime: 'bash',
    code: 'echo real > real; truncate --size 200M hole',
    outputPaths: ['/sandbox/real', '/sandbox/hole'],
  });
  expect(files).toEqual({ '/sandbox/real': base64('real\n') });
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
});
