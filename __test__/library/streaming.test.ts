/** Streaming executions: events as they happen, in order, and an end to what nobody wants to hear any more. */
import type { ExecutionRequest } from 'isol8';
import { describe, expect, it } from 'vitest';
import { type Engine, ONE_SANDBOX, ownEngine, sharedEngine } from '../support/any-engine.js';
import { processesIn } from '../support/docker.js';
import { collect, text } from '../support/events.js';
import { until, within } from '../support/until.js';

const engine = await sharedEngine();

const eventsOf = (request: ExecutionRequest) => collect(engine.executeStream(request));

it.each(['python', 'node', 'bun', 'deno', 'bash'] as const)(
  'yields output and then the exit code, in %s',
  async (runtime) => {
    const events = await eventsOf({ runtime, cmd: 'echo out; echo err >&2; exit 7' });
    expect(events.every(({ phase }) => phase === 'code')).toBe(true);
    expect(text(events, 'stdout')).toBe('out\n');
    expect(text(events, 'stderr')).toBe('err\n');
    expect(events.at(-1)).toEqual({ type: 'exit', data: '7', phase: 'code' });
    expect(events.filter(({ type }) => type === 'exit')).toHaveLength(1);
  },
);

it('tells an exception from a good end', async () => {
  const events = await eventsOf({ runtime: 'python', code: 'raise ValueError("no good")' });
  expect(text(events, 'stderr')).toContain('ValueError: no good');
  expect(events.at(-1)).toEqual({ type: 'exit', data: '1', phase: 'code' });
});

it('keeps the order of each stream, and every white space', async () => {
  const lines = Array.from({ length: 20_000 }, (_, n) => ` ${n} \n`).join('');
  const events = await eventsOf({ runtime: 'bash', cmd: 'for ((n = 0; n < 20000; n++)); do echo " $n "; done' });
  expect(text(events, 'stdout')).toBe(lines);
});

it('yields output while the program runs', async () => {
  const arrivals: [string, number][] = [];
  const code = 'for n in 0 1 2; do echo $n; sleep 0.4; done';
  for await (const { data } of engine.executeStream({ runtime: 'bash', code })) {
    arrivals.push([data.trim(), performance.now()]);
  }
  expect(arrivals.map(([what]) => what)).toEqual(['0', '1', '2', '0']);
  const [first = 0, second = 0, third = 0, exit = 0] = arrivals.map(([, at]) => at);
  for (const gap of [second - first, third - second, exit - third]) expect(gap).toBeGreaterThan(300);
});

it('is an async iterator like any other', async () => {
  const stream = engine.executeStream({ runtime: 'bash', code: 'echo x' });
  expect(stream[Symbol.asyncIterator]()).toBe(stream);
  expect(await stream.next()).toEqual({ done: false, value: { type: 'stdout', data: 'x\n', phase: 'code' } });
  expect(await stream.next()).toEqual({ done: false, value: { type: 'exit', data: '0', phase: 'code' } });
  for (let n = 0; n < 3; n++) expect(await stream.next()).toMatchObject({ done: true });
  expect(await stream.return?.()).toMatchObject({ done: true });
});

it('answers requests for several events at once in order', async () => {
  const stream = engine.executeStream({ runtime: 'bash', code: 'echo x' });
  const answers = await Promise.all([stream.next(), stream.next(), stream.next()]);
  expect(answers.map(({ value }) => value?.type)).toEqual(['stdout', 'exit', undefined]);
});

// W21: output waited in a queue without end.
it('lets a slow reader slow the program down, instead of storing its output', async () => {
  const patient = await ownEngine({ maxOutputSize: 1 << 30 });
  const cmd = 'for ((n = 0; n < 64; n++)); do head --bytes 1048576 /dev/zero; done';
  const before = process.memoryUsage.rss();
  const stream = patient.executeStream({ runtime: 'bash', cmd });
  let bytes = (await stream.next()).value?.data.length ?? 0;
  // Meanwhile all of it could have been printed.
  await engine.execute({ runtime: 'bash', code: 'sleep 1' });
  expect(process.memoryUsage.rss() - before).toBeLessThan(30 << 20);
  for await (const { type, data } of stream) if (type === 'stdout') bytes += data.length;
  expect(bytes).toBe(64 << 20);
});

// W23: it went on.
describe('a program that nobody listens to any more', () => {
  const ENDLESS = 'trap "" TERM INT; (setsid sleep 98765 &); echo up; while :; do sleep 0.01; done';

  /** What still runs in the only container of this engine, besides its guest, when it should all be gone. */
  async function survivors(start: (one: Engine) => Promise<void>): Promise<string> {
    const one = await ownEngine(ONE_SANDBOX);
    const { containerId } = await one.execute({ runtime: 'bash', code: ':' });
    await start(one);
    await until('the program to be killed', 1000, async () => (await processesIn(containerId)).length === 1);
    const next = await within(
      'the next run',
      2000,
      one.execute({ runtime: 'bash', code: 'cat /proc/[0-9]*/cmdline | tr "\\0" " "' }),
    );
    expect(next.containerId).toBe(containerId);
    return next.stdout;
  }

  it('is killed when the loop is left', async () => {
    const left = await survivors(async (one) => {
      for await (const { data } of one.executeStream({ runtime: 'bash', code: ENDLESS })) {
        expect(data).toBe('up\n');
        break;
      }
    });
    expect(left).not.toContain('98765');
  });

  it('is killed when the loop throws', async () => {
    const left = await survivors(async (one) => {
      const loop = async () => {
        for await (const _ of one.executeStream({ runtime: 'bash', code: ENDLESS })) throw new Error('enough');
      };
      await expect(loop()).rejects.toThrow('enough');
    });
    expect(left).not.toContain('98765');
  });

  it('is killed by return(), which ends a next() that waits', async () => {
    const left = await survivors(async (one) => {
      const stream = one.executeStream({ runtime: 'bash', code: ENDLESS });
      await stream.next();
      const waiting = stream.next();
      expect(await within('return()', 2000, stream.return?.() ?? Promise.reject())).toMatchObject({ done: true });
      expect(await within('the next() that waited', 500, waiting)).toMatchObject({ done: true });
    });
    expect(left).not.toContain('98765');
  });

  it('never starts when it is abandoned before', async () => {
    const one = await ownEngine(ONE_SANDBOX);
    const stream = one.executeStream({ runtime: 'bash', code: 'echo never' });
    expect(await stream.return?.()).toMatchObject({ done: true });
    expect(await stream.next()).toMatchObject({ done: true });
    expect((await one.execute({ runtime: 'bash', code: 'echo fine' })).stdout).toBe('fine');
  });
});
