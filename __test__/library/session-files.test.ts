/** Files of a persistent engine: put into its container and got out of it, beside whatever runs there. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ownEngine, PERSISTENT, sharedEngine, WITHOUT_CONTAINER } from '../support/any-engine.js';

const engine = await sharedEngine(PERSISTENT);

const bash = async (code: string) => (await engine.execute({ runtime: 'bash', code })).stdout;

describe('without a container', () => {
  it('before the first run, and after stop(), there are none', async () => {
    const own = await ownEngine(PERSISTENT);
    for (let n = 0; n < 2; n++) {
      await expect(own.putFile('/sandbox/x', 'x')).rejects.toMatchObject(WITHOUT_CONTAINER.persistent);
      await expect(own.getFile('/sandbox/x')).rejects.toMatchObject(WITHOUT_CONTAINER.persistent);
      await own.execute({ runtime: 'bash', code: ':' });
      await own.stop();
    }
  });

  it('an ephemeral engine has none, even after a run', async () => {
    const own = await ownEngine();
    await own.execute({ runtime: 'bash', code: ':' });
    await expect(own.putFile('/sandbox/x', 'x')).rejects.toMatchObject(WITHOUT_CONTAINER.ephemeral);
    await expect(own.getFile('/sandbox/x')).rejects.toMatchObject(WITHOUT_CONTAINER.ephemeral);
  });
});

it('text arrives as UTF-8, under absolute and relative paths', async () => {
  await bash(':');
  await engine.putFile('note', 'zwölf 🦀\n');
  await engine.putFile('/tmp/note', 'other');
  expect(await bash('cat note /tmp/note')).toBe('zwölf 🦀\nother');
  expect((await engine.getFile('/sandbox/note')).toString()).toBe('zwölf 🦀\n');
  expect((await engine.getFile('note')).toString()).toBe('zwölf 🦀\n');
});

it('bytes come back as they went', async () => {
  await bash(':');
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  await engine.putFile('bytes', bytes);
  expect(await bash('base64 --wrap 0 bytes')).toBe(bytes.toString('base64'));
  const back = await engine.getFile('bytes');
  expect(Buffer.isBuffer(back)).toBe(true);
  expect(back).toEqual(bytes);
  await engine.putFile('part', new Uint8Array(bytes.buffer, bytes.byteOffset + 128, 4));
  expect(await engine.getFile('part')).toEqual(bytes.subarray(128, 132));
  await engine.putFile('empty', '');
  expect(await engine.getFile('empty')).toHaveLength(0);
});

// W6: files were written in pieces of 8 KB by processes that did not wait for each other.
it('50 MiB arrive in order, and come back', async () => {
  await bash(':');
  const large = randomBytes(50 << 20);
  const sum = createHash('sha256').update(large).digest('hex');
  await engine.putFile('large', large);
  expect(await bash('sha256sum < large')).toBe(`${sum}  -`);
  expect((await engine.getFile('large')).equals(large)).toBe(true);
});

// W7: paths were pasted into a shell redirect, and directories had to be there already.
it('may be called anything, in directories that are not there yet', async () => {
  await bash(':');
  const names = ['with space', "it's", '"quoted"', '$(touch pwned)', 'a\nb', 'ünïcode 🦀', '-rf', ';|&>*', '..x'];
  await Promise.all(names.map((name) => engine.putFile(`/sandbox/new ${name}/deep/${name}`, name)));
  for (const name of names) expect(String(await engine.getFile(`new ${name}/deep/${name}`))).toBe(name);
  expect(await bash('find . -name "pwned*" -prune -o -path "./new *" -type f -print0 | tr -cd "\\0" | wc -c')).toBe(
    String(names.length),
  );
});

it('belong to the sandbox user', async () => {
  await bash(':');
  await engine.putFile('made/here', 'x');
  expect(await bash('stat --format "%U:%G %a" made made/here')).toBe('sandbox:sandbox 755\nsandbox:sandbox 644');
});

it('are put and got while a run goes on', async () => {
  const code = 'echo ready > out; echo up; until test -s go; do sleep 0.01; done; cat go';
  const stream = engine.executeStream({ runtime: 'bash', code });
  expect((await stream.next()).value).toMatchObject({ data: 'up\n' });
  expect(String(await engine.getFile('out'))).toBe('ready\n');
  await engine.putFile('go', 'seen');
  expect((await stream.next()).value).toMatchObject({ type: 'stdout', data: 'seen' });
  expect((await stream.next()).value).toMatchObject({ type: 'exit', data: '0' });
});

it('are written in /sandbox and /tmp only', async () => {
  await bash('ln -sf /etc/passwd link');
  for (const path of ['/etc/x', '../etc/x', '/dev/shm/x', '/usr/local/bin/isol8-init']) {
    await expect(engine.putFile(path, 'x')).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining(`Failed to write file ${path} in container`),
    });
  }
  for (const path of ['', '.', '/sandbox', 'directory/', 'a\0b']) {
    await expect(engine.putFile(path, 'x')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  }
  // Where the path leads is for the kernel to judge, as it would for user code.
  await expect(engine.putFile('link', 'x')).rejects.toMatchObject({
    code: 'WRITE_FILE_FAILED',
    message: expect.stringMatching(/^Failed to write file \/sandbox\/link in container \(exit code 1\): /),
  });
});

it('that are missing, or locked, or no files, are an error that says so', async () => {
  await bash('mkdir -p directory; mkfifo pipe');
  for (const [path, reason] of [
    ['/sandbox/missing', 'no such file or directory'],
    ['/etc/shadow', 'permission denied'],
    ['/sandbox/directory', 'not a regular file'],
    ['/sandbox/pipe', 'not a regular file'],
  ] as const) {
    await expect(engine.getFile(path)).rejects.toMatchObject({
      code: 'READ_FILE_FAILED',
      message: `Failed to read file ${path} in container: ${reason} (exit code 1)`,
    });
  }
});

// W34: files were read into memory whatever their length.
it('that are longer than a sandbox could hold are not read', async () => {
  await bash('truncate --size 300M hole');
  await expect(engine.getFile('hole')).rejects.toMatchObject({
    code: 'READ_FILE_FAILED',
    message: 'Failed to read file /sandbox/hole in container: too large (exit code 1)',
  });
});

it('that do not fit are an error, and the session goes on', async () => {
  const small = await ownEngine({ ...PERSISTENT, sandboxSize: '1m' });
  const { containerId } = await small.execute({ runtime: 'bash', code: 'echo kept > kept' });
  await expect(small.putFile('big', Buffer.alloc(3 << 20))).rejects.toMatchObject({
    code: 'WRITE_FILE_FAILED',
    message: 'Failed to write file /sandbox/big in container (exit code 1): no space left on device',
  });
  // A program that is written to a file needs room.
  const next = await small.execute({ runtime: 'bash', code: 'cat kept; stat --format %s big' });
  expect(next).toMatchObject({ stdout: 'kept\n0', containerId });
});

// W8: with a writable root, files were written under the mounts, as root, with names cut at 100 bytes.
it('are seen by the program where the root file system is writable, too', async () => {
  const open = await ownEngine({ ...PERSISTENT, readonlyRootFs: false });
  const name = 'n'.repeat(200);
  const code = 'cat n*; stat --format %U exec_* n*';
  const { stdout } = await open.execute({ runtime: 'bash', code, files: { [name]: 'mine\n' } });
  expect(stdout).toBe('mine\nsandbox\nsandbox');
  await open.putFile(`${name}x`, 'later');
  expect((await open.execute({ runtime: 'bash', cmd: `cat ${name}x` })).stdout).toBe('later');
});
