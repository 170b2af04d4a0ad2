/** `isol8 session`: what a server keeps for its clients. */
import { beforeAll, expect, it } from 'vitest';
import { KEY, type LiveServer, liveServer } from '../support/live-server.js';
import { cli } from '../support/process.js';
import { scratch } from '../support/scratch.js';

let server: LiveServer;

beforeAll(async () => {
  server = await liveServer();
});

const session = (args: string[], key: string | undefined = KEY) =>
  cli(['session', ...args, '--host', `${server.host}/`], { env: { HOME: scratch(), ISOL8_API_KEY: key } }).ended;

it('lists sessions and ends them', async () => {
  expect(await session(['list'])).toEqual({ code: 0, stdout: '[INFO] No active sessions.\n', stderr: '' });
  expect(await session(['list', '--json'])).toEqual({ code: 0, stdout: '[]\n', stderr: '' });

  await server.client({ sessionId: 'idle/one' }).execute({ runtime: 'bash', cmd: ':' });
  const busy = server.client({ sessionId: 'busy' }).executeStream({ runtime: 'bash', cmd: 'echo; sleep 100' });
  await busy.next();

  const listed = JSON.parse((await session(['list', '--json'])).stdout);
  expect(listed.sort((a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1))).toMatchObject([
    { id: 'busy', isActive: true, lastAccessedAt: expect.stringMatching(/^\d{4}-.*Z$/) },
    { id: 'idle/one', isActive: false },
  ]);
  const { stdout } = await session(['list']);
  expect(stdout).toMatch(/^2 active session\(s\):\n/);
  expect(stdout).toMatch(/^ {2}busy {2}\[running\] {2}last accessed: \S/m);
  expect(stdout).toMatch(/^ {2}idle\/one {2}\[idle\] {2}last accessed: \S/m);

  const stopped = await session(['stop', 'idle/one']);
  expect(stopped).toEqual({ code: 0, stdout: '[OK] Session "idle/one" destroyed.\n', stderr: '' });
  // The execution in it ends with an error.
  await session(['stop', 'busy']);
  await expect(busy.next()).rejects.toMatchObject({ code: 'STOPPED' });
  expect((await session(['list'])).stdout).toBe('[INFO] No active sessions.\n');
});

it('has nothing against a session that is not there', async () => {
  expect(await session(['stop', 'nobody'])).toMatchObject({ code: 0, stdout: '[OK] Session "nobody" destroyed.\n' });
});

it.each([['list'], ['stop', 'a']])('%s needs a good key', async (...args) => {
  const what = args[0] === 'list' ? 'Failed to list sessions' : 'Failed to delete session';
  expect(await session(args, 'wrong')).toEqual({ code: 1, stdout: '', stderr: `[ERR] ${what}: Invalid API key\n` });
  expect(await session(args, '')).toEqual({
    code: 1,
    stdout: '',
    stderr: '[ERR] API key required. Use --key, ISOL8_API_KEY env var, or `isol8 login`.\n',
  });
});

it('needs a server, and to be told what to do', async () => {
  const without = await cli(['session', 'list']).ended;
  expect(without).toMatchObject({ code: 1, stdout: '' });
  expect(without.stderr).toContain("error: required option '--host <url>' not specified");
  const nothing = await cli(['session']).ended;
  expect(nothing.code).toBe(1);
  expect(nothing.stderr).toContain('Usage: isol8 session');
  expect((await cli(['session', 'pause']).ended).stderr).toContain('unknown command');
});
