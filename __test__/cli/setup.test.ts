/** `isol8 setup`: images that are there and current. */
import { expect, inject, it } from 'vitest';
import { inspect } from '../support/docker.js';
import { cli } from '../support/process.js';

const env = inject('buildEnv');

it('does nothing twice', async () => {
  expect(await cli(['setup'], { env }).ended).toEqual({
    code: 0,
    stdout: '[DONE] Setup complete!\n',
    stderr: [
      '[OK] Docker is running',
      ...['python', 'node', 'bun', 'bash', 'deno', 'agent'].map((runtime) => `[OK] ${runtime}: Up to date`),
      '',
    ].join('\n'),
  });
});

it('can be for some runtimes only', async () => {
  expect(await cli(['setup', '--only', 'bash, python'], { env }).ended).toEqual({
    code: 0,
    stdout: '[DONE] Setup complete!\n',
    stderr: '[OK] Docker is running\n[OK] python: Up to date\n[OK] bash: Up to date\n',
  });
});

it('builds again when forced to, and leaves an image of the same kind', { timeout: 120_000 }, async () => {
  const before = await inspect('isol8:bash');
  const { code, stdout, stderr } = await cli(['setup', '--force', '--only', 'bash'], { env }).ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: '[DONE] Setup complete!\n' });
  expect(stderr).toMatch(/^\[OK\] Docker is running\n(\[INFO\] bash: .*\n)+\[OK\] bash\n$/);
  expect(stderr).not.toMatch(/Up to date|Error|Failed/);
  const after = await inspect('isol8:bash');
  expect(after.Config.Labels).toEqual(before.Config.Labels);
  expect(after.Config.Labels['org.isol8.build.hash']).toMatch(/^[0-9a-f]{64}$/);
});

it.each([
  [['--only', 'ruby'], 'Unknown runtime: "ruby". Available: python, node, bun, bash, deno, agent'],
  [['--only', ','], 'Invalid value for --only: ,'],
])('refuses %j', async (flags, message) => {
  expect(await cli(['setup', ...flags], { env }).ended).toEqual({ code: 1, stdout: '', stderr: `[ERR] ${message}\n` });
});
