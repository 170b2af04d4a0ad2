/**
 * Executions that their caller can end with an `AbortSignal`, and feed with an async iterable while they go on.
 *
 * Whatever becomes of the execution, in the end nothing of ours listens to the signal any more, and the iterable has
 * been told that nobody reads on.
 */

import { isUint8Array } from 'node:util/types';
import {
  type ExecutionRequest,
  type ExecutionResult,
  type NetworkLogEntry,
  RunControls,
  type StreamEvent,
} from '../index.js';
import type { Isol8ErrorCode } from './types/error-code.js';

/** What a caller can do to an execution while it goes on. */
export interface ExecutionOptions {
  /** Ends the execution, which then fails with the code `ABORT_ERR`. */
  signal?: AbortSignal | undefined;
}

type Stdin = AsyncIterable<string | Uint8Array>;

/** What connects one execution with its caller. */
class Live {
  readonly controls: RunControls;
  #over = false;
  #failure: Error | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => this.controls.abort();
  #input: AsyncIterator<string | Uint8Array> | undefined;

  constructor(stdin: Stdin | undefined, signal: AbortSignal | undefined) {
    this.controls = new RunControls(stdin !== undefined);
    this.#signal = signal;
    if (signal?.aborted) this.controls.abort();
    else signal?.addEventListener('abort', this.#abort, { once: true });
    if (stdin) void this.#feed(stdin);
  }

  /** The execution is over; `error` is how it failed, and what comes back is what its caller should see. */
  end(error?: unknown): unknown {
    this.#over = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    const input = this.#input;
    this.#input = undefined;
    // Not awaited: a generator that waits for something takes this up only afterwards, if ever.
    if (input) void dismiss(input);
    if (!hasCode(error, 'ABORT_ERR')) return error;
    return this.#failure ?? failure('AbortError', 'ABORT_ERR', error.message, this.#signal?.reason);
  }

  /** Passes on what `stdin` yields. If that fails, so does the execution. */
  async #feed(stdin: Stdin): Promise<void> {
    try {
      const input = stdin[Symbol.asyncIterator]();
      this.#input = input;
      while (!this.#over) {
        const { done, value } = await input.next();
        if (done) {
          this.#input = undefined;
          break;
        }
        if (this.#over || !(await this.controls.write(chunk(value)))) break;
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#input = undefined;
      this.#failure = failure('Error', 'STDIN_FAILED', `could not read standard input: ${reason}`, error);
      this.controls.abort();
    } finally {
      this.controls.endStdin();
    }
  }
}

/** Runs a request, connected with its caller, as `run` does with it as the addon takes it. */
export async function buffered(
  request: ExecutionRequest,
  options: ExecutionOptions | undefined,
  run: (request: ExecutionRequest, controls: RunControls | undefined) => Promise<ExecutionResult>,
): Promise<ExecutionResult> {
  const { request: given, live } = connect(request, options);
  try {
    const result = await run(given, live?.controls);
    live?.end();
    return result;
  } catch (error) {
    throw live ? live.end(error) : error;
  }
}

/** The same for a run that is streamed. Whatever goes wrong shows when the stream is read. */
export function streamed(
  request: ExecutionRequest,
  options: ExecutionOptions | undefined,
  run: (request: ExecutionRequest, controls: RunControls | undefined) => ExecutionEvents,
): ExecutionEvents {
  let live: Live | undefined;
  try {
    const connected = connect(request, options);
    live = connected.live;
    const events = run(connected.request, live?.controls);
    return live ? new LiveStream(events, live) : events;
  } catch (error) {
    return failed(live ? live.end(error) : error);
  }
}

/** A stream that has nothing to tell but this. */
// biome-ignore lint/correctness/useYield: it never gets that far
async function* failed(error: unknown): AsyncGenerator<never> {
  throw error;
}

/** The request as the addon takes it, and what connects it with its caller if anything does. */
function connect(request: ExecutionRequest, options: ExecutionOptions | undefined) {
  const stdin: unknown = request?.stdin;
  const isLive = isAsyncIterable(stdin);
  if (!isLive && !options?.signal) return { request, live: undefined };
  const live = new Live(isLive ? stdin : undefined, options?.signal);
  return { request: isLive ? { ...request, stdin: undefined } : request, live };
}

/** The events of an execution. Leaving the loop early kills the program. */
export interface ExecutionEvents extends AsyncIterableIterator<StreamEvent> {
  /** What the program asked of the network; there with `logNetwork` once it has ended, if it asked anything. */
  readonly networkLogs?: NetworkLogEntry[] | null;
  /** How long packages took to be installed, in milliseconds; there once it has ended, if any had to be. */
  readonly installMs?: number | null;
}

/** Ends what belongs to streams that were forgotten. Their programs end by themselves. */
const forgotten = new FinalizationRegistry<Live>((live) => live.end());

/** The events of an execution that is connected with its caller. */
class LiveStream implements ExecutionEvents {
  constructor(
    private readonly events: ExecutionEvents,
    private readonly live: Live,
  ) {
    forgotten.register(this, live);
  }

  async next(): Promise<IteratorResult<StreamEvent>> {
    try {
      const result = await this.events.next();
      if (result.done) this.live.end();
      return result;
    } catch (error) {
      throw this.live.end(error);
    }
  }

  async return(): Promise<IteratorResult<StreamEvent>> {
    this.live.end();
    return (await this.events.return?.()) ?? { done: true, value: undefined };
  }

  get networkLogs(): NetworkLogEntry[] | null | undefined {
    return this.events.networkLogs;
  }

  get installMs(): number | null | undefined {
    return this.events.installMs;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** What an iterable yielded: whatever its type says, this comes from the caller. */
function chunk(value: unknown): string | Uint8Array {
  if (typeof value === 'string' || isUint8Array(value)) return value;
  throw new TypeError(`a chunk has to be a string or a Uint8Array, not ${value === null ? null : typeof value}`);
}

/** Tells an iterator that nobody reads on. What it makes of that is its own affair. */
async function dismiss(input: AsyncIterator<unknown>): Promise<void> {
  try {
    await input.return?.();
  } catch {}
}

function isAsyncIterable(value: unknown): value is Stdin {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function hasCode(error: unknown, code: Isol8ErrorCode): error is Error {
  return error instanceof Error && 'code' in error && error.code === code;
}

function failure(name: string, code: Isol8ErrorCode, message: string, cause: unknown): Error {
  return Object.assign(new Error(message, { cause }), { name, code });
}
