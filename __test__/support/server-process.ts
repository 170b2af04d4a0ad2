/** `isol8 serve` as a process of its own: it can be measured, signalled and killed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Isol8UserConfig } from 'isol8';
import { Caller } from './caller.js';
import { KEY } from './live-server.js';
import { CLI } from './paths.js';
import { freePort } from './ports.js';
import { statOf } from './proc.js';
import { Process } from './process.js';
import { scratch } from './scratch.js';
import { until } from './until.js';

export interface Serving {
  config?: Isol8UserConfig;
  /** Flags besides those that say where it listens. */
  flags?: string[];
  env?: NodeJS.ProcessEnv;
  /** Most files that it may have open; as many as this process when absent. */
  files?: number;
}

export class ServerProcess {
  readonly caller: Caller;

  private constructor(
    readonly process: Process,
    readonly host: string,
  ) {
    this.caller = new Caller(host);
  }

  /** Starts one, and resolves when it listens. It does not outlive the test. */
  static async start({ config = {}, flags = [], env = {}, files }: Serving = {}): Promise<ServerProcess> {
    const home = scratch();
    writeFileSync(join(home, 'isol8.config.json'), JSON.stringify(config));
    const settings = { HOME: home, ISOL8_API_KEY: KEY, ISOL8_PORT: undefined, PORT: undefined, ...env };
    const limit = files === undefined ? '' : `ulimit -n ${files}; `;
    const port = String(await freePort());
    const command = [process.execPath, CLI, 'serve', '--host-bind', '127.0.0.1', '--port', port, ...flags];
    const served = new Process('sh', ['-c', `${limit}exec "$@"`, 'sh', ...command], { cwd: home, env: settings });
    await served.printed(`listening on http://localhost:${port}\n`);
    return new ServerProcess(served, `http://127.0.0.1:${port}`);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Resident memory in MiB. */
  get memory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) / 1024;
  }

  /** Processor time that it has used. */
  get cpuTicks(): number {
    const [user, system] = statOf(this.pid).slice(11);
    return Number(user) + Number(system);
  }

  /** Resolves when as many run and wait. */
  async busy(running: number, waiting = 0): Promise<void> {
    await until(`${running} to run and ${waiting} to wait`, 30_000, async () => {
      const load = await this.caller.load();
      return load.running === running && load.waiting === waiting;
    });
  }
}
