/** Persistent engines whose container ends by itself, or is taken away: one call is told, the next one works. W30. */
import { describe, expect, it } from 'vitest';
import { type Engine, hasContainer, mine, ownEngine, PERSISTENT } from '../support/any-engine.js';
import { docker, processesIn } from '../support/docker.js';
import { collect } from '../support/events.js';
import { until, within } from '../support/until.js';

const hello = (engine: Engine) => engine.execute({ runtime: 'bash', code: 'echo hello; ls kept 2>&1' });

/** An engine that has had a container, and has just lost it. */
async function bereft(...how: string[]): Promise<{ engine: Engine; lost: string }> {
  const engine = await ownEngine(PERSISTENT);
  const { containerId: lost } = await engine.execute({ runtime: 'bash', code: ': > kept' });
  await docker([...how, lost]);
  await until('the container to go', 5000, async () => !(await mine()).includes(lost));
  return { engine, lost };
}

const told = (lost: string) => ({
  code: 'SESSION_LOST',
  message: `the container ${lost.slice(0, 12)} of this session is gone, and its files with it; the next execution starts another`,
});

it.each([['kill'], ['stop', '--time', '0'], ['rm', '--force']])('between two runs (docker %s)', async (...how) => {
  const { engine, lost } = await bereft(...how);
  await expect(within('the call that is told', 5000, hello(engine))).rejects.toMatchObject(told(lost));
  hasContainer(engine, null);
  const next = await hello(engine);
  expect(next.stdout).toMatch(/^hello\n.*No such file/);
  expect(next.containerId).not.toBe(lost);
});

it.each<[string, (engine: Engine) => Promise<unknown>]>([
  ['a stream', (engine) => collect(engine.executeStream({ runtime: 'bash', code: ':' }))],
  ['putFile()', (engine) => engine.putFile('x', 'x')],
  ['getFile()', (engine) => engine.getFile('kept')],
])('%s is told as well', async (_, call) => {
  const { engine, lost } = await bereft('kill');
  await expect(call(engine)).rejects.toMatchObject(told(lost));
  expect((await hello(engine)).exitCode).not.toBe(0);
  await call(engine).catch(() => {});
});

it('the next one may have another runtime', async () => {
  const { engine, lost } = await bereft('kill');
  await expect(hello(engine)).rejects.toMatchObject(told(lost));
  expect((await engine.execute({ runtime: 'python', code: 'print(1)' })).stdout).toBe('1');
});

it('during a run', async () => {
  const engine = await ownEngine(PERSISTENT);
  const { containerId } = await hello(engine);
  const run = engine.execute({ runtime: 'bash', code: 'sleep 60' });
  const outcome = expect(within('the run to end', 10_000, run)).rejects.toMatchObject({
    code: 'SANDBOX_LOST',
    message: expect.stringContaining('the sandbox was lost'),
  });
  await until('the program to run', 5000, async () =>
    (await processesIn(containerId)).some((line) => line.includes('sleep 60')),
  );
  await docker(['kill', containerId]);
  await outcome;
  expect((await hello(engine)).stdout).toContain('hello');
});

// Files count as memory, and where only the guest is left to be killed, the container goes.
describe('for want of memory', () => {
  const BIG = Buffer.alloc(72 << 20);
  const small = () => ownEngine({ ...PERSISTENT, memoryLimit: '64m' });

  it('during a run, whose result says so', async () => {
    const engine = await small();
    const { containerId, ...killed } = await engine.execute({ runtime: 'bash', code: ':', files: { BIG } });
    expect(killed).toMatchObject({ exitCode: 137, outOfMemory: true, timedOut: false });
    await expect(hello(engine)).rejects.toMatchObject(told(containerId));
    expect((await hello(engine)).stdout).toContain('hello');
  });

  it('during putFile(), which says so', async () => {
    const engine = await small();
    const { containerId } = await hello(engine);
    await expect(engine.putFile('big', BIG)).rejects.toMatchObject(told(containerId));
    expect((await hello(engine)).stdout).toContain('hello');
  });
});
