/** A process of its own with servers of isol8, one for each engine of a test: set up as that engine would be. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DockerIsol8Options, Isol8UserConfig, ServerOptions } from 'isol8';
import { KEY } from './live-server.js';

const PROGRAM = fileURLToPath(new URL('../programs/servers.mjs', import.meta.url));

/** What an engine may have in this process, it may have there. */
const WIDE_OPEN: Isol8UserConfig['server'] = {
  limits: {
    timeoutMs: 2 ** 31 - 1,
    memoryLimit: '1t',
    cpuLimit: 1000,
    pidsLimit: 4_194_304,
    sandboxSize: '1t',
    tmpSize: '1t',
    maxOutputSize: 2 ** 32 - 1,
    bodySize: '2g',
  },
  // Nor does a test wait for what it has left running.
  shutdownTimeoutMs: 0,
};

interface Answer {
  id: number;
  port?: number;
  failure?: string;
}

/** One server. */
export interface Served {
  host: string;
  /** Ends it with all that runs there, and resolves when its containers are gone. */
  shutdown(): Promise<void>;
}

export class Fleet {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #last = 0;

  private constructor(private readonly process: ChildProcess) {
    process.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
    process.on('exit', (code, signal) => {
      for (const [id, settle] of this.#waiting) settle({ id, failure: `the servers ended with ${code ?? signal}` });
    });
  }

  /** Starts the process. `env` is added to its environment. */
  static async start(env: NodeJS.ProcessEnv = {}): Promise<Fleet> {
    const child = fork(PROGRAM, { env: { ...process.env, ...env }, execArgv: [] });
    await once(child, 'spawn');
    return new Fleet(child);
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Starts a server whose executions go as those of an engine with these options, as far as a server decides that. */
  async serve(options: DockerIsol8Options, maxConcurrent?: number): Promise<Served> {
    const { poolSize, poolStrategy, remoteCode, audit } = options;
    // What is undefined is absent from the message to the other process.
    const config = { server: WIDE_OPEN, maxConcurrent, poolSize, poolStrategy, remoteCode, audit } as Isol8UserConfig;
    const server: ServerOptions = { port: 0, host: '127.0.0.1', apiKey: KEY, config };
    const { id, port } = await this.#ask(++this.#last, server);
    return { host: `http://127.0.0.1:${port}`, shutdown: async () => void (await this.#ask(id)) };
  }

  /** Ends the process, and its servers with it. */
  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.disconnect();
    await ended;
  }

  async #ask(id: number, options?: ServerOptions): Promise<Answer> {
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.process.send({ id, options });
    });
    this.#waiting.delete(id);
    if (answer.failure !== undefined) throw new Error(answer.failure);
    return answer;
  }
}
