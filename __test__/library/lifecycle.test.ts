/** Starting, stopping, and starting again. */
import { expect, it } from 'vitest';
import { here, mine, nothingRuns, ownEngine } from '../support/any-engine.js';
import { noContainersOf } from '../support/docker.js';
import { program } from '../support/process.js';
import { until, within } from '../support/until.js';

it('nothing is started by the constructor, or by start()', async () => {
  const engine = await ownEngine();
  expect(await mine()).toEqual([]);
  await engine.start();
  await engine.start({});
  await engine.start({ prewarm: false });
  expect(await mine()).toEqual([]);
});

// A server sees to that itself.
here(() => {
  it('prewarming makes a sandbox ready, which the first run gets', async () => {
    const engine = await ownEngine();
    await engine.start({ prewarm: { runtimes: ['python'] } });
    const ready = await mine();
    expect(ready).toHaveLength(1);
    const { containerId, stdout } = await engine.execute({ runtime: 'python', code: 'print("quick")' });
    expect(stdout).toBe('quick');
    expect(ready).toContain(containerId);
  });

  it('prewarming can be for all runtimes, and be repeated', async () => {
    const engine = await ownEngine();
    await engine.start({ prewarm: true });
    const ready = await mine();
    expect(ready).toHaveLength(5);
    await engine.start({ prewarm: { runtimes: [] } });
    await engine.start({ prewarm: {} });
    expect((await mine()).sort()).toEqual(ready.sort());
    await engine.stop();
    expect(await mine()).toEqual([]);
  });

  it('prewarming a runtime that does not exist is refused', async () => {
    const engine = await ownEngine();
    await expect(engine.start({ prewarm: { runtimes: ['ruby' as never] } })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  });
});

it('stop() without a start, and twice, is fine', async () => {
  const engine = await ownEngine();
  await engine.stop();
  await engine.execute({ runtime: 'bash', code: ':' });
  await Promise.all([engine.stop(), engine.stop()]);
  await engine.stop();
  await nothingRuns();
});

it('a stopped engine can be used again', async () => {
  const engine = await ownEngine();
  for (let n = 0; n < 2; n++) {
    const { stdout } = await engine.execute({ runtime: 'bash', code: `echo ${n}` });
    expect(stdout).toBe(String(n));
    await engine.stop();
    await nothingRuns();
  }
  await engine.start();
});

// W42: sandboxes that came back after stop() stayed.
it('stop() ends what runs, what waits, and what streams', async () => {
  const engine = await ownEngine({}, 2);
  const stream = engine.executeStream({ runtime: 'bash', code: 'echo up; sleep 60' });
  await stream.next();
  const running = engine.execute({ runtime: 'bash', code: 'sleep 60' });
  const waiting = engine.execute({ runtime: 'bash', code: 'echo late' });
  const outcomes = Promise.allSettled([running, waiting, stream.next()]);
  await until('both to run', 5000, async () => (await mine()).length >= 2);

  await within('stop()', 5000, engine.stop());
  await nothingRuns();
  for (const outcome of await within('the executions to settle', 1000, outcomes)) {
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { code: 'STOPPED', message: 'the engine was stopped' },
    });
  }
});

it('stop() leaves alone what begins after it, even at once', async () => {
  const engine = await ownEngine();
  const before = engine.execute({ runtime: 'bash', code: 'sleep 60' });
  const stopped = engine.stop();
  const after = engine.execute({ runtime: 'bash', code: 'echo after' });
  await expect(before).rejects.toMatchObject({ code: 'STOPPED' });
  expect((await after).stdout).toBe('after');
  await stopped;
});

it('stop() while sandboxes are being started leaves none', async () => {
  const engine = await ownEngine();
  const runs = Array.from({ length: 4 }, () => engine.execute({ runtime: 'bash', code: 'sleep 60' }));
  const outcomes = Promise.allSettled(runs);
  await until('a container to be created', 5000, async () => (await mine()).length > 0);
  await within('stop()', 10_000, engine.stop());
  await nothingRuns();
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'STOPPED' } });
});

here(() => {
  it('an engine in a worker that ends leaves nothing, and does not keep others from starting', async () => {
    const child = program('workers');
    const { code, stdout, stderr } = await within('the process to end', 20_000, child.ended);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'first\nsecond\nmain\n', stderr: '' });
    await noContainersOf(child.pid, 3000);
  });
});
