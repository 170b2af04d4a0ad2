/** Executions that their caller ends with an AbortSignal, at whatever moment: nothing of them stays. */
import { getEventListeners } from 'node:events';
import type { ExecutionOptions, ExecutionRequest } from 'isol8';
import { describe, expect, it } from 'vitest';
import { type Engine, mine, ONE_SANDBOX, ownEngine, sharedEngine } from '../support/any-engine.js';
import { processesIn } from '../support/docker.js';
import { collect } from '../support/events.js';
import { until, within } from '../support/until.js';

type Face = (engine: Engine, request: ExecutionRequest, options: ExecutionOptions) => Promise<unknown>;

const FACES: [string, Face][] = [
  ['execute', (engine, request, options) => engine.execute(request, options)],
  ['executeStream', (engine, request, options) => collect(engine.executeStream(request, options))],
];

const ENDLESS = 'trap "" TERM INT; (setsid sleep 98765 &); while :; do sleep 0.01; done';

const aborted = (cause: unknown) => ({
  name: 'AbortError',
  code: 'ABORT_ERR',
  message: 'the execution was aborted',
  cause,
});

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort');

describe.each(FACES)('%s is aborted', (_, run) => {
  it('before it starts: nothing is', async () => {
    const engine = await ownEngine();
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    await expect(run(engine, { runtime: 'bash', code: ':' }, { signal })).rejects.toMatchObject(aborted(reason));
    expect(await mine()).toEqual([]);
    expect(listeners(signal)).toEqual([]);
  });

  it('while it waits its turn: the one that runs goes on', async () => {
    const engine = await ownEngine(ONE_SANDBOX, 1);
    const input = new TransformStream<string, string>();
    const first = engine.execute({ runtime: 'bash', cmd: 'cat', stdin: input.readable });
    const controller = new AbortController();
    const second = run(engine, { runtime: 'bash', code: 'echo second' }, { signal: controller.signal });
    const third = engine.execute({ runtime: 'bash', code: 'echo third' });
    controller.abort('enough');
    await expect(within('the abort', 2000, second)).rejects.toMatchObject(aborted('enough'));
    const writer = input.writable.getWriter();
    await writer.write('first');
    await writer.close();
    expect([(await first).stdout, (await third).stdout]).toEqual(['first', 'third']);
  });

  it('while its sandbox starts: the next one gets that', async () => {
    const engine = await ownEngine(ONE_SANDBOX);
    const controller = new AbortController();
    const running = run(engine, { runtime: 'bash', code: 'sleep 60' }, { signal: controller.signal });
    const outcome = expect(running).rejects.toMatchObject(aborted('enough'));
    const [created] = await until('a container to be created', 5000, async () => {
      const ids = await mine();
      return ids.length > 0 && ids;
    });
    controller.abort('enough');
    await outcome;
    expect((await engine.execute({ runtime: 'bash', code: ':' })).containerId).toBe(created);
  });

  it.each([
    ['a setup script', { setupScript: ENDLESS, code: ':' }],
    ['the program', { code: ENDLESS }],
  ])('during %s: it is killed, and its sandbox is used again', async (_, request) => {
    const engine = await ownEngine(ONE_SANDBOX);
    const { containerId } = await engine.execute({ runtime: 'bash', code: ':' });
    const controller = new AbortController();
    const running = run(engine, { runtime: 'bash', ...request }, { signal: controller.signal });
    const outcome = expect(running).rejects.toMatchObject(aborted('enough'));
    await until('it to run', 5000, async () =>
      (await processesIn(containerId)).some((line) => line.includes('sleep 98765')),
    );
    controller.abort('enough');
    await within('the abort', 2000, outcome);
    await until('the program to be killed', 1000, async () => (await processesIn(containerId)).length === 1);
    expect(await engine.execute({ runtime: 'bash', code: 'echo fine' })).toMatchObject({ stdout: 'fine', containerId });
    expect(listeners(controller.signal)).toEqual([]);
  });

  it('by a timer, which is the cause', async () => {
    const engine = await ownEngine(ONE_SANDBOX);
    const running = run(engine, { runtime: 'bash', code: 'sleep 60' }, { signal: AbortSignal.timeout(300) });
    await expect(running).rejects.toMatchObject(aborted(expect.objectContaining({ name: 'TimeoutError' })));
  });

  it('too late: that changes nothing', async () => {
    const engine = await ownEngine(ONE_SANDBOX);
    const controller = new AbortController();
    await run(engine, { runtime: 'bash', code: ':' }, { signal: controller.signal });
    expect(listeners(controller.signal)).toEqual([]);
    controller.abort();
    expect((await engine.execute({ runtime: 'bash', code: 'echo fine' })).stdout).toBe('fine');
  });
});

describe('nothing listens to a signal any more', async () => {
  const engine = await sharedEngine();
  const { signal } = new AbortController();

  it('after many executions, however they ended', async () => {
    const request = { runtime: 'bash', code: 'echo x' } as const;
    for (let n = 0; n < 5; n++) {
      await Promise.allSettled([
        engine.execute(request, { signal }),
        collect(engine.executeStream(request, { signal })),
        engine.execute({ ...request, workdir: '/etc' }, { signal }),
        collect(engine.executeStream({ ...request, code: '' }, { signal })),
        engine.execute({ ...request, setupScript: 'exit 1' }, { signal }),
      ]);
    }
    expect(listeners(signal)).toEqual([]);
  });

  // W23: a program whose output nobody read went on.
  it('when the loop is left, which kills the program', async () => {
    const one = await ownEngine(ONE_SANDBOX);
    const { containerId } = await one.execute({ runtime: 'bash', code: ':' });
    for await (const { data } of one.executeStream({ runtime: 'bash', code: `echo up; ${ENDLESS}` }, { signal })) {
      expect(data).toBe('up\n');
      break;
    }
    expect(listeners(signal)).toEqual([]);
    await until('the program to be killed', 1000, async () => (await processesIn(containerId)).length === 1);
  });

  it('when the engine is stopped, which is not an abort', async () => {
    const one = await ownEngine();
    const stream = one.executeStream({ runtime: 'bash', code: 'echo up; sleep 60' }, { signal });
    await stream.next();
    const waiting = one.execute({ runtime: 'bash', code: 'sleep 60' }, { signal });
    const outcomes = Promise.allSettled([stream.next(), waiting]);
    await one.stop();
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'STOPPED' } });
    expect(listeners(signal)).toEqual([]);
  });
});

it.each([7, 'signal', {}])('cannot be %o', async (signal) => {
  const engine = await ownEngine();
  const run = async () => engine.execute({ runtime: 'bash', code: ':' }, { signal: signal as never });
  await expect(run()).rejects.toBeInstanceOf(TypeError);
});
