/** Several executions at a time. */
import { expect, it } from 'vitest';
import { here, ownEngine, sharedEngine } from '../support/any-engine.js';

const engine = await sharedEngine();

it('work in different runtimes', async () => {
  const results = await Promise.all([
    engine.execute({ runtime: 'python', code: 'print("python")' }),
    engine.execute({ runtime: 'node', code: 'console.log("node")' }),
    engine.execute({ runtime: 'bash', code: 'echo bash' }),
  ]);
  expect(results.map(({ stdout }) => stdout)).toEqual(['python', 'node', 'bash']);
  expect(new Set(results.map(({ containerId }) => containerId)).size).toBe(3);
});

it('each have a sandbox of their own', async () => {
  const runs = Array.from({ length: 8 }, (_, n) =>
    engine.execute({ runtime: 'bash', code: `test ! -e taken && : > taken && sleep 0.2 && echo ${n}` }),
  );
  const results = await Promise.all(runs);
  expect(results.map(({ stdout }) => stdout)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
});

/** When each of some executions ran, by the clock of the sandboxes' kernel. */
async function spans(on: typeof engine, count: number): Promise<[number, number][]> {
  const code = 'echo $EPOCHREALTIME; sleep 0.5; echo $EPOCHREALTIME';
  const runs = Array.from({ length: count }, () => on.execute({ runtime: 'bash', code }));
  return (await Promise.all(runs)).map(({ stdout }) => stdout.split('\n').map(Number) as [number, number]);
}

function mostAtOnce(all: [number, number][]): number {
  return Math.max(...all.map(([start]) => all.filter(([from, to]) => from <= start && start < to).length));
}

it('are no more than maxConcurrent', async () => {
  const one = await ownEngine({}, 1);
  expect(mostAtOnce(await spans(one, 4))).toBe(1);
  const two = await ownEngine({}, 2);
  await two.start({ prewarm: { runtimes: ['bash'] } });
  expect(mostAtOnce(await spans(two, 6))).toBe(2);
});

// A server hears them over as many connections. In what order is chance, but for those of a session.
here(() => {
  it('are served in the order in which they came', async () => {
    const one = await ownEngine({}, 1);
    const order: number[] = [];
    const run = (n: number) => one.execute({ runtime: 'bash', code: ':' }).then(() => order.push(n));
    await Promise.all([0, 1, 2, 3, 4].map(run));
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });
});

it('count streams until they have ended or are abandoned', async () => {
  const one = await ownEngine({}, 1);
  const stream = one.executeStream({ runtime: 'bash', code: 'echo up; sleep 60' });
  expect((await stream.next()).value).toMatchObject({ data: 'up\n' });
  const waiting = one.execute({ runtime: 'bash', code: 'echo mine' });
  const early = await Promise.race([waiting, engine.execute({ runtime: 'bash', code: 'echo other; sleep 0.5' })]);
  expect(early.stdout).toBe('other');
  await stream.return?.();
  expect((await waiting).stdout).toBe('mine');
});

it('lose no permit to requests that fail', async () => {
  const one = await ownEngine({}, 1);
  for (let n = 0; n < 3; n++) {
    await expect(one.execute({ runtime: 'bash' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(one.execute({ runtime: 'bash', code: ':', workdir: '/etc' })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  }
  expect((await one.execute({ runtime: 'bash', code: 'echo still' })).stdout).toBe('still');
});
