import { PassThrough } from 'node:stream';
import type { ExecutionRequest, ExecutionResult, StreamEvent } from 'isol8';
import { expect, it } from 'vitest';
import { type Engine, type Events, execute, type Options } from './execution.js';
import { Output } from './output.js';

const request: ExecutionRequest = { runtime: 'python', code: '' };
const streaming: Options = { stream: true, interrupted: new Promise(() => {}), stop: false };
const buffered: Options = { ...streaming, stream: false };

/** Sinks that remember what they were given. */
function sinks() {
  const stdout = new PassThrough({ encoding: 'utf8' });
  const stderr = new PassThrough({ encoding: 'utf8' });
  const copied: string[] = [];
  return {
    to: {
      stdout: new Output(stdout),
      stderr: new Output(stderr),
      copy: { write: async (text: string) => copied.push(text) },
    },
    seen: () => ({ stdout: stdout.read() ?? '', stderr: stderr.read() ?? '', copy: copied.join('') }),
  };
}

/** An engine whose runs end at once, with these events or this result. It counts its stops. */
class FakeEngine implements Engine {
  stops = 0;

  constructor(
    private readonly events: StreamEvent[],
    private readonly result: Partial<ExecutionResult> = {},
  ) {}

  async execute(): Promise<ExecutionResult> {
    return { stdout: '', stderr: '', exitCode: 0, truncated: false, ...this.result } as ExecutionResult;
  }

  executeStream(): Events {
    const { installMs } = this.result;
    const events = async function* (these: StreamEvent[]) {
      yield* these;
    };
    return Object.assign(events(this.events), { installMs });
  }

  async stop(): Promise<void> {
    this.stops += 1;
  }
}

/** An engine whose run goes on until it is abandoned or the engine is stopped. */
class EndlessEngine implements Engine {
  abandoned = false;
  #end = () => {};
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  async execute(): Promise<ExecutionResult> {
    await this.#ended;
    throw new Error('the engine was stopped');
  }

  executeStream(): AsyncIterator<StreamEvent> {
    const done = { done: true as const, value: undefined };
    return {
      next: () => this.#ended.then(() => done),
      return: async () => {
        this.abandoned = true;
        return done;
      },
    };
  }

  async stop(): Promise<void> {
    this.#end();
  }
}

it('passes a stream on as it is and ends with the program’s exit code', async () => {
  const engine = new FakeEngine([
    { type: 'stdout', data: 'a', phase: 'code' },
    { type: 'stderr', data: 'b', phase: 'code' },
    { type: 'stdout', data: 'c\n', phase: 'code' },
    { type: 'exit', data: '42', phase: 'code' },
  ]);
  const { to, seen } = sinks();
  expect(await execute(engine, request, streaming, to)).toBe(42);
  expect(seen()).toEqual({ stdout: 'ac\n', stderr: 'b', copy: 'ac\n' });
  expect(engine.stops, 'a sandbox that has ended goes by itself').toBe(0);
});

it('keeps setup output away from stdout and does not end with the setup', async () => {
  const engine = new FakeEngine([
    { type: 'stdout', data: 'installing\n', phase: 'setup' },
    { type: 'exit', data: '0', phase: 'setup' },
    { type: 'stdout', data: 'ready\n', phase: 'code' },
    { type: 'exit', data: '7', phase: 'code' },
  ]);
  const { to, seen } = sinks();
  expect(await execute(engine, request, streaming, to)).toBe(7);
  expect(seen()).toEqual({ stdout: 'ready\n', stderr: 'installing\n', copy: 'ready\n' });
});

it('ends with the code of a setup script that failed', async () => {
  const engine = new FakeEngine([
    { type: 'error', data: 'Setup script failed (exit code 3)', phase: 'setup' },
    { type: 'exit', data: '3', phase: 'setup' },
  ]);
  const { to, seen } = sinks();
  expect(await execute(engine, request, streaming, to)).toBe(3);
  expect(seen().stderr).toBe('[ERR] Setup script failed (exit code 3)\n');
});

it('starts a line for the error after stderr left one open', async () => {
  const engine = new FakeEngine([
    { type: 'stderr', data: 'half', phase: 'code' },
    { type: 'error', data: 'EXECUTION TIMED OUT', phase: 'code' },
    { type: 'exit', data: '137', phase: 'code' },
  ]);
  const { to, seen } = sinks();
  expect(await execute(engine, request, streaming, to)).toBe(137);
  expect(seen().stderr).toBe('half\n[ERR] EXECUTION TIMED OUT\n');
});

it('fails when a stream ends without an exit code', async () => {
  const engine = new FakeEngine([{ type: 'stdout', data: 'a', phase: 'code' }]);
  const { to } = sinks();
  const run = execute(engine, request, streaming, to);
  await expect(run).rejects.toThrow('without an exit code');
  expect(engine.stops).toBe(1);
});

it('prints a result at the end, with a newline where there is something', async () => {
  const engine = new FakeEngine([], { stdout: 'out', stderr: 'err', exitCode: 5, truncated: true });
  const { to, seen } = sinks();
  expect(await execute(engine, request, buffered, to)).toBe(5);
  expect(seen()).toEqual({ stdout: 'out\n', stderr: 'err\n[WARN] Output was truncated\n', copy: 'out' });
});

it('prints nothing for an empty result', async () => {
  const { to, seen } = sinks();
  expect(await execute(new FakeEngine([]), request, buffered, to)).toBe(0);
  expect(seen()).toEqual({ stdout: '', stderr: '', copy: '' });
});

it.each([streaming, buffered])('stops the engine once after a good end, if asked to: %j', async (options) => {
  const engine = new FakeEngine([{ type: 'exit', data: '0', phase: 'code' }]);
  const { to } = sinks();
  expect(await execute(engine, request, { ...options, stop: true }, to)).toBe(0);
  expect(engine.stops).toBe(1);
});

it.each([streaming, buffered])('tells how long an install took, if there was one: %j', async (options) => {
  const told: number[] = [];
  const to = { ...sinks().to, installed: (ms: number) => told.push(ms) };
  for (const result of [{ installMs: 1200 }, {}]) {
    const engine = new FakeEngine([{ type: 'exit', data: '0', phase: 'code' }], result);
    expect(await execute(engine, request, options, to)).toBe(0);
  }
  expect(told).toEqual([1200]);
});

it('abandons a stream that is interrupted', async () => {
  const engine = new EndlessEngine();
  const { to } = sinks();
  expect(await execute(engine, request, { ...streaming, interrupted: Promise.resolve(130) }, to)).toBe(130);
  expect(engine.abandoned).toBe(true);
});

it('stops the engine under a buffered run that is interrupted', async () => {
  const { to } = sinks();
  const engine = new EndlessEngine();
  expect(await execute(engine, request, { ...buffered, interrupted: Promise.resolve(143) }, to)).toBe(143);
});

it('keeps the exit code when cleaning up fails, and says so', async () => {
  const engine = new EndlessEngine();
  engine.stop = () => Promise.reject(new Error('the daemon went away'));
  const { to, seen } = sinks();
  expect(await execute(engine, request, { ...streaming, interrupted: Promise.resolve(130) }, to)).toBe(130);
  expect(seen().stderr).toBe('[WARN] could not clean up: the daemon went away\n');
});
