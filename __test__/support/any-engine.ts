/**
 * Engines for suites that run twice (`projects` in vitest.config.mts): once with `DockerIsol8`, in the process of the
 * test, and once with `RemoteIsol8`. Then every engine has a server of its own, in a process beside, which is set up as
 * the engine would be: with its pool, its `maxConcurrent`, its policy for code at URLs, its audit log. So suites say of
 * both what they say of one.
 *
 * What is different at a server because the specification says so is here and in `LOCAL`, and nowhere else:
 * - an error that the server tells is preceded by what was being done (section 11): {@link RemoteEngine};
 * - the id of a container is told by results only, and `stop()` leaves sandboxes that nobody uses to the server, which
 *   also sees to it that some are ready: {@link here};
 * - a number that is too large is refused by the operator's limits (9.3): {@link BEYOND_LIMITS};
 * - bytes travel in JSON: {@link ON_THE_WAY};
 * - a session that has not begun is not there, and without a session there are no files (9.1, 11):
 *   {@link WITHOUT_CONTAINER}.
 */
import {
  DockerIsol8,
  type DockerIsol8Options,
  type ExecutionOptions,
  type ExecutionRequest,
  type ExecutionResult,
  type Isol8Engine,
  RemoteIsol8,
} from 'isol8';
import { afterAll, expect, inject, onTestFinished } from 'vitest';
import { containersOf, processesIn } from './docker.js';
import { Fleet } from './fleet.js';
import { KEY } from './live-server.js';
import { until } from './until.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where engines are. */
    engines: 'local' | 'remote';
  }
}

/** What both classes can do. */
export type Engine = Pick<DockerIsol8, keyof Isol8Engine>;

const fleet = inject('engines') === 'remote' ? await Fleet.start() : undefined;
if (fleet) afterAll(() => fleet.stop());

/** An engine for all tests of a file or a `describe`; call it where hooks can be declared. */
export async function sharedEngine(options: DockerIsol8Options = {}, maxConcurrent?: number): Promise<Engine> {
  const { engine, end } = await make(options, maxConcurrent);
  afterAll(end);
  return engine;
}

/** An engine for the test that is running. */
export async function ownEngine(options: DockerIsol8Options = {}, maxConcurrent?: number): Promise<Engine> {
  const { engine, end } = await make(options, maxConcurrent);
  onTestFinished(end);
  return engine;
}

/** The same, and how to end it early, so that all that it had to write is written. */
export async function endingEngine(options: DockerIsol8Options = {}): Promise<Made> {
  const made = await make(options);
  onTestFinished(made.end);
  return made;
}

/** What a program of the test that is running needs in its environment for its engine to be where this file's are. */
export async function place(options: DockerIsol8Options = {}): Promise<NodeJS.ProcessEnv> {
  if (!fleet) return {};
  const { host, shutdown } = await fleet.serve(options);
  onTestFinished(shutdown);
  return { ISOL8_TEST_SERVER: JSON.stringify({ host, apiKey: KEY }) };
}

/** Just an engine, or why there is none: its server answers nobody. */
export function construct(options?: DockerIsol8Options | null): Engine {
  return fleet ? client('http://127.0.0.1:9', options) : new DockerIsol8(options);
}

/** Declares what is about engines in this process only. */
export function here(declare: () => void): void {
  if (!fleet) declare();
}

/** The process that owns the containers. */
export function owner(): number | undefined {
  return fleet ? fleet.pid : process.pid;
}

/** Ids of the containers of all engines of this file. */
export function mine(): Promise<string[]> {
  return containersOf(owner());
}

/** Resolves when engines that were stopped run nothing: here they have no container left, at a server only idle ones. */
export async function nothingRuns(): Promise<void> {
  if (!fleet) return expect(await mine()).toEqual([]);
  await until('all programs to end', 5000, async () => {
    // One that goes while it is looked at runs nothing either.
    const running = (await mine()).map((id) => processesIn(id).catch(() => []));
    return (await Promise.all(running)).every(({ length }) => length <= 1);
  });
}

/** Expects that this is the container that a persistent engine names. Clients name none. */
export function hasContainer(engine: Engine, id: string | null): void {
  if (engine instanceof DockerIsol8) expect(engine.containerId).toBe(id);
}

/** The code of what exceeds every limit: at a server, that of a rule of the operator's. */
export const BEYOND_LIMITS = fleet ? 'FORBIDDEN' : 'INVALID_REQUEST';

/** How much there is of bytes on the way to an engine, in addition to the bytes: to a server, they go as base64. */
export const ON_THE_WAY = fleet ? 4 / 3 : 0;

const NO_CONTAINER = {
  code: 'NO_CONTAINER',
  message: 'No active container. Call execute() first in persistent mode.',
};

/** How file operations are refused before the first run of a persistent engine, and by an ephemeral one. */
export const WITHOUT_CONTAINER = {
  persistent: fleet ? { code: 'SESSION_NOT_FOUND', message: 'Session not found' } : NO_CONTAINER,
  ephemeral: fleet
    ? { code: 'NO_CONTAINER', message: 'File operations require a sessionId (persistent mode)' }
    : NO_CONTAINER,
};

/** Keeps one used sandbox and starts none ahead, so that the next run gets the sandbox of the last. */
export const ONE_SANDBOX: DockerIsol8Options = { poolSize: { clean: 0, dirty: 1 } };

/** For what is said without Docker. That it is, is seen here: a server of a test's own would take its time to start. */
export const WITHOUT_DOCKER: DockerIsol8Options = fleet ? {} : { docker: { socketPath: '/nowhere/docker.sock' } };

/** One sandbox for all executions. */
export const PERSISTENT: DockerIsol8Options = { mode: 'persistent' };

interface Made {
  engine: Engine;
  end(): Promise<void>;
}

async function make(options: DockerIsol8Options, maxConcurrent?: number): Promise<Made> {
  if (!fleet) {
    const engine = new DockerIsol8(options, maxConcurrent);
    return { engine, end: () => engine.stop() };
  }
  const { docker, ...asked } = options;
  const socket = docker?.socketPath;
  const own = socket === undefined ? undefined : await Fleet.start({ DOCKER_HOST: `unix://${socket}` });
  const server = await (own ?? fleet).serve(asked, maxConcurrent);
  const engine = client(server.host, asked);
  const end = async () => {
    await engine.stop();
    await server.shutdown();
    await own?.stop();
  };
  return { engine, end };
}

function client(host: string, options: DockerIsol8Options | null | undefined): RemoteEngine {
  const isPersistent = options?.mode === 'persistent';
  return new RemoteEngine({ host, apiKey: KEY, ...(isPersistent && { sessionId: 'the session' }) }, options);
}

/** Says only what went wrong. */
class RemoteEngine extends RemoteIsol8 {
  override execute(request: ExecutionRequest, options?: ExecutionOptions): Promise<ExecutionResult> {
    return plainly('Execution failed', super.execute(request, options));
  }

  override putFile(path: string, content: string | Uint8Array): Promise<void> {
    return plainly('File upload failed', super.putFile(path, content));
  }

  override getFile(path: string): Promise<Buffer> {
    return plainly('File download failed', super.getFile(path));
  }
}

async function plainly<T>(doing: string, done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith(`${doing}: `)) {
      error.message = error.message.slice(doing.length + 2);
    }
    throw error;
  }
}
