/** The working directory: inside /sandbox, made when it is missing. */
import { expect, it } from 'vitest';
import { ownEngine, sharedEngine, WITHOUT_DOCKER } from '../support/any-engine.js';

const engine = await sharedEngine();

it.each([
  [undefined, '/sandbox'],
  ['.', '/sandbox'],
  ['sub', '/sandbox/sub'],
  ['/sandbox/a/../b', '/sandbox/b'],
  ['deep/er/and deeper', '/sandbox/deep/er/and deeper'],
])('%s is %s', async (workdir, expected) => {
  const { stdout, exitCode } = await engine.execute({ runtime: 'bash', code: 'pwd; : > writable', workdir });
  expect({ stdout, exitCode }).toEqual({ stdout: expected, exitCode: 0 });
});

it('is made as the sandbox user', async () => {
  const code = 'stat --format "%U:%G %a" /sandbox/made /sandbox/made/here';
  const { stdout } = await engine.execute({ runtime: 'bash', code, workdir: 'made/here' });
  expect(stdout).toBe('sandbox:sandbox 755\nsandbox:sandbox 755');
});

it('is the same for files that came with the request', async () => {
  const { stdout } = await engine.execute({
    runtime: 'bash',
    cmd: 'cat note',
    workdir: 'project',
    files: { 'project/note': 'found' },
  });
  expect(stdout).toBe('found');
});

it.each(['/', '/etc', '../../etc', '/sandboxed', '..', ''])(
  '%o is refused, without a word to Docker',
  async (workdir) => {
    // Nobody answers at that socket, so a request that got so far would fail with another code.
    const offline = await ownEngine(WITHOUT_DOCKER);
    await expect(offline.execute({ runtime: 'bash', code: 'pwd', workdir })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: 'Working directory must be inside /sandbox',
    });
  },
);

it('cannot be a file', async () => {
  const request = { runtime: 'bash', code: 'pwd', workdir: 'taken', files: { taken: 'a file' } } as const;
  await expect(engine.execute(request)).rejects.toMatchObject({ code: 'WORKDIR_FAILED' });
});
