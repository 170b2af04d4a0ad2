/** Warm sandboxes: which are kept, which are used again, and how many. */
import { expect, it } from 'vitest';
import { containersOf, docker, processesIn } from '../support/docker.js';
import { ONE_SANDBOX, ownEngine } from '../support/engine.js';
import { until } from '../support/until.js';

const mine = () => containersOf(process.pid);

async function runInContainer(engine: ReturnType<typeof ownEngine>): Promise<string> {
  return (await engine.execute({ runtime: 'bash', code: ':' })).containerId;
}

it('fast uses a sandbox again', async () => {
  const engine = ownEngine(ONE_SANDBOX);
  const first = await runInContainer(engine);
  for (let n = 0; n < 5; n++) expect(await runInContainer(engine)).toBe(first);
});

// W41: the first run did not have the next sandbox made.
it('fast has another sandbox ready after the first run', async () => {
  const engine = ownEngine();
  const first = await runInContainer(engine);
  await until('another to be ready', 5000, async () => (await mine()).some((id) => id !== first));
});

it('fast comes back to a few sandboxes, by default', async () => {
  const engine = ownEngine();
  const used = new Set<string>();
  for (let n = 0; n < 20; n++) used.add(await runInContainer(engine));
  expect(used.size).toBeLessThanOrEqual(3);
  expect((await mine()).length).toBeLessThanOrEqual(3);
});

it('secure uses each sandbox once', async () => {
  const engine = ownEngine({ poolStrategy: 'secure' });
  const used = new Set<string>();
  for (let n = 0; n < 5; n++) used.add(await runInContainer(engine));
  expect(used.size).toBe(5);
  await until('only an unused one to be left', 5000, async () => {
    const left = await mine();
    return left.length === 1 && !left.some((id) => used.has(id));
  });
});

it('secure hands sandboxes to a burst once each', async () => {
  const engine = ownEngine({ poolStrategy: 'secure', poolSize: 2 });
  const used = await Promise.all(Array.from({ length: 6 }, () => runInContainer(engine)));
  expect(new Set(used).size).toBe(6);
});

it('a writable root is used once', async () => {
  const engine = ownEngine({ ...ONE_SANDBOX, readonlyRootFs: false });
  expect(await runInContainer(engine)).not.toBe(await runInContainer(engine));
});

it('a pool of size 0 leaves nothing idle', async () => {
  const engine = ownEngine({ poolSize: 0 });
  const first = await runInContainer(engine);
  await until('the sandbox to go', 5000, async () => (await mine()).length === 0);
  expect(await runInContainer(engine)).not.toBe(first);
});

it('keeps as many ready as were asked for', async () => {
  const engine = ownEngine({ poolSize: { clean: 3, dirty: 0 } });
  await engine.start({ prewarm: { runtimes: ['bash'] } });
  expect(await mine()).toHaveLength(3);
  await runInContainer(engine);
  // The one that was used may stay for a while, as a surplus.
  await until('three to be ready again', 5000, async () => (await mine()).length >= 3);
});

it('serves bursts, again and again, and none gets what another had', async () => {
  const engine = ownEngine({}, 6);
  for (let burst = 0; burst < 4; burst++) {
    const runs = Array.from({ length: 12 }, (_, n) =>
      engine.execute({ runtime: 'bash', code: `ls /sandbox /tmp | grep trace; echo ${burst}/${n} > trace; cat trace` }),
    );
    const results = await Promise.all(runs);
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 12 }, (_, n) => `${burst}/${n}`));
  }
  expect((await mine()).length).toBeLessThanOrEqual(7);
});

it('sandboxes beyond its size go when the burst is over', async () => {
  const engine = ownEngine({ poolSize: { clean: 0, dirty: 1 } });
  await Promise.all(Array.from({ length: 4 }, () => engine.execute({ runtime: 'bash', code: 'sleep 0.3' })));
  await until('the surplus to go', 20_000, async () => (await mine()).length === 1);
});

it('a sandbox that was killed from outside is not handed out', async () => {
  const engine = ownEngine(ONE_SANDBOX);
  const first = await runInContainer(engine);
  await docker(['kill', first]);
  await until('its container to go', 5000, async () => !(await mine()).includes(first));
  expect(await runInContainer(engine)).not.toBe(first);
});

it('a sandbox that is killed during a run is an error with a code', async () => {
  const engine = ownEngine(ONE_SANDBOX);
  const container = await runInContainer(engine);
  const run = engine.execute({ runtime: 'bash', code: 'sleep 60' });
  const outcome = expect(run).rejects.toMatchObject({ code: 'SANDBOX_LOST' });
  await until('the program to run', 5000, async () =>
    (await processesIn(container)).some((line) => line.includes('sleep 60')),
  );
  await docker(['kill', container]);
  await outcome;
  expect((await engine.execute({ runtime: 'bash', code: 'echo fine' })).stdout).toBe('fine');
});
