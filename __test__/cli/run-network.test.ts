/** `isol8 run` on a network: which mode follows from the flags, and what is said of it afterwards. */
import { expect, it } from 'vitest';
import { cli } from '../support/process.js';

const WHY = String.raw`not-whitelisted; to allow it: --allow '^denied\.invalid$'`;
/** By name, so that no image is chosen that has packages already. */
const BARE = ['--image', 'isol8:python'];
const ASK = 'curl --silent --max-time 5 http://denied.invalid/x';

it.each([[[]], [['--no-stream']]])('prints what was asked of the network, and what was blocked (%j)', async (flags) => {
  // W89: in both modes.
  const args = ['run', '--net', 'filtered', '--allow', '^allowed\\.invalid$', '--log-network', ...flags, '--cmd', ASK];
  const { stdout, stderr, code } = await cli(args).ended;
  expect({ stdout: stdout.trim(), code }).toEqual({
    stdout: 'isol8: request to denied.invalid blocked by network filter',
    code: 0,
  });
  const lines = stderr.split('\n');
  const heading = lines.indexOf('--- Network Logs ---');
  expect(lines[heading - 1]).toBe('');
  expect(JSON.parse(lines[heading + 1] ?? '')).toMatchObject({
    method: 'GET',
    host: 'denied.invalid',
    path: '/x',
    action: 'BLOCK',
    durationMs: 0,
    block: WHY,
  });
  expect(stderr).toContain(`[WARN] The network filter blocked requests to:\n  denied.invalid (${WHY})\n`);
});

it('says nothing of a network that nothing was asked of', async () => {
  const { stderr } = await cli(['run', '--net', 'filtered', '--log-network', '--cmd', 'true']).ended;
  expect(stderr).toBe('');
});

it('denies whatever is allowed', async () => {
  const { stdout } = await cli(['run', '--net=filtered', '--allow', 'invalid', '--deny', '^denied', '--cmd', ASK])
    .ended;
  expect(stdout).toContain('blocked by network filter');
});

// W85: in either spelling, what was asked for is never replaced.
it.each([[['--net', 'none']], [['--net=none']]])('%j stays, also with --install', async (net) => {
  const { stdout, stderr, code } = await cli(['run', ...net, ...BARE, '--install', 'six', '-e', 'print(1)']).ended;
  expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
  expect(stderr).toContain('[ERR] Package install failed');
});

it('--install alone lets the registries through, and nothing is left of that without it', async () => {
  const { stdout, stderr, code } = await cli([
    'run',
    ...BARE,
    '--install',
    'six',
    '-e',
    'import six; print(six.__name__)',
  ]).ended;
  expect({ stdout, stderr, code }).toEqual({ stdout: 'six\n', stderr: '', code: 0 });
});

it('a pattern that is none is refused before anything runs', async () => {
  const { stderr, code } = await cli(['run', '--net', 'filtered', '--allow', '(', '--cmd', 'true']).ended;
  expect(code).toBe(1);
  expect(stderr).toContain('networkFilter.whitelist[0]');
});
