/** What is left when the process that uses isol8 goes away: nothing. */
import { expect, it } from 'vitest';
import { containersOf, noContainersOf, runningContainersOf } from '../support/docker.js';
import { ownEngine } from '../support/engine.js';
import { program } from '../support/process.js';
import { until, within } from '../support/until.js';

it.each(['execute', 'stream', 'idle'])('after kill -9 in the middle of it (%s)', async (what) => {
  const child = program('busy', [what]);
  await child.printed('busy');
  await until('the pool to come to rest', 5000, async () => (await runningContainersOf(child.pid)).length === 2);
  child.kill('SIGKILL');
  await noContainersOf(child.pid, 3000);
});

// Docker removes a container when it ends. One that was created and never started has no end to wait for, so what is
// in that state when its owner is killed goes when isol8 is used the next time.
it('after kill -9 while sandboxes are being started, once somebody else starts one', async () => {
  const child = program('busy', ['starting']);
  await until('a container to be created', 5000, async () => (await containersOf(child.pid)).length > 0);
  child.kill('SIGKILL');
  await child.ended;
  await ownEngine().execute({ runtime: 'bash', code: ':' });
  await noContainersOf(child.pid, 3000);
});

// W43: a timer kept the process alive.
it('after an end without stop(), which it does not delay', async () => {
  const child = program('no-stop');
  const { code, stdout, stderr } = await within('the process to end', 10_000, child.ended);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
  await noContainersOf(child.pid, 3000);
});

it('after process.exit() in the middle of it', async () => {
  const child = program('busy', ['exit']);
  const { code } = await within('the process to end', 10_000, child.ended);
  expect(code).toBe(3);
  await noContainersOf(child.pid, 3000);
});
