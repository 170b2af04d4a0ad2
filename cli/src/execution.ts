/**
 * One run, from the request to an exit code, with its output shown on the way.
 *
 * A run that ended by itself is waited for no longer than that, unless it leaves something behind: its sandbox is
 * being removed already, and goes in any case when this process, and so its connection, does. One that is given up or
 * fails is cleaned up after, and the engine kills whatever is still going, before `execute` settles or the time for
 * that is over.
 */
import type { ExecutionRequest, ExecutionResult, NetworkLogEntry, StreamEvent } from 'isol8';
import { say } from './messages.js';
import type { Output } from './output.js';
import { STOP_LIMIT_MS } from './signals.js';
import { StatusLine } from './status.js';

/** A run that answers faster than this shows no status line. */
const QUIET_MS = 400;

/** Events, and once they have ended, what the program asked of the network and how long packages took to be installed. */
export type Events = AsyncIterator<StreamEvent> & {
  networkLogs?: NetworkLogEntry[] | null;
  installMs?: number | null;
};

/** What a run needs of `DockerIsol8`. */
export interface Engine {
  execute(request: ExecutionRequest): Promise<ExecutionResult>;
  executeStream(request: ExecutionRequest): Events;
  stop(): Promise<void>;
}

/** Where the output goes. `copy` gets what the program itself writes to stdout, nothing else. */
export interface Sinks {
  stdout: Output;
  stderr: Output;
  copy?: { write(text: string): Promise<unknown> };
  /** What the program asked of the network, at the end. */
  network?(logs: NetworkLogEntry[]): void;
  /** How long packages took to be installed, at the end, if any had to be. */
  installed?(ms: number): void;
}

export interface Options {
  /** Show output as it arrives, rather than all at the end. */
  stream: boolean;
  /** Resolves with an exit code when the run is to be given up. */
  interrupted: Promise<number>;
  /** Stop the engine whatever becomes of the run: it may have a record to write, or a container to leave. */
  stop: boolean;
}

export async function execute(
  engine: Engine,
  request: ExecutionRequest,
  { stream, interrupted, stop }: Options,
  sinks: Sinks,
): Promise<number> {
  const status = new StatusLine(sinks.stderr);
  status.showAfter(QUIET_MS, stream ? 'Starting execution...' : 'Running code...');
  let ended = false;
  try {
    if (!stream) return await Promise.race([engine.execute(request).then(print), interrupted]);
    const events = engine.executeStream(request);
    const abandoned = interrupted.then((code) => {
      // Not awaited: a generator that waits for its next event would take this up only afterwards.
      events.return?.().catch(() => {});
      return code;
    });
    return await Promise.race([forward(events), abandoned]);
  } finally {
    status.clear();
    if (stop || !ended) await stopEngine(engine, sinks.stderr);
  }

  async function print(result: ExecutionResult): Promise<number> {
    ended = true;
    status.clear();
    await sinks.copy?.write(result.stdout);
    if (result.stdout !== '') await sinks.stdout.write(`${result.stdout}\n`);
    if (result.stderr !== '') await sinks.stderr.write(`${result.stderr}\n`);
    finish(result);
    if (result.truncated) say('WARN', 'Output was truncated', sinks.stderr);
    return result.exitCode;
  }

  async function forward(events: Events): Promise<number> {
    let code: number | undefined;
    for await (const event of { [Symbol.asyncIterator]: () => events }) {
      status.clear();
      const isSetup = event.phase === 'setup';
      switch (event.type) {
        case 'stdout':
          if (!isSetup) await sinks.copy?.write(event.data);
          // The output of a setup script is not the program's.
          await (isSetup ? sinks.stderr : sinks.stdout).write(event.data);
          break;
        case 'stderr':
          await sinks.stderr.write(event.data);
          break;
        case 'error':
          say('ERR', event.data, sinks.stderr);
          break;
        case 'exit':
          // A setup script that went well also says so; then the program is still to come.
          if (!isSetup || event.data !== '0') code = Number(event.data);
          break;
      }
    }
    if (code === undefined || !Number.isInteger(code)) throw new Error('the run ended without an exit code');
    ended = true;
    finish(events);
    return code;
  }

  function finish({ networkLogs, installMs }: Pick<Events, 'networkLogs' | 'installMs'>): void {
    sinks.network?.(networkLogs ?? []);
    if (installMs != null) sinks.installed?.(installMs);
  }
}

/** What goes wrong here is only warned of: the run has its result by now. */
async function stopEngine(engine: Engine, stderr: Output): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${STOP_LIMIT_MS / 1000} s`)), STOP_LIMIT_MS);
  });
  try {
    await Promise.race([engine.stop(), limit]);
  } catch (error) {
    say('WARN', `could not clean up: ${error instanceof Error ? error.message : error}`, stderr);
  } finally {
    clearTimeout(timer);
  }
}
