/**
 * A Docker engine of a test's own, which it may stop, start and fill as it likes.
 *
 * It lives in network and mount namespaces of its own and keeps all its state in a temporary directory, so that the
 * machine's engine, its bridge and its images are out of reach. Needs root and `dockerd`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { docker } from './docker.js';
import { until } from './until.js';

export class Daemon {
  readonly socket: string;
  #process: ChildProcess | undefined;

  private constructor(private readonly directory: string) {
    this.socket = join(directory, 'docker.sock');
  }

  /** An engine that answers, with these images of the machine's own engine. */
  static async start(images: string[]): Promise<Daemon> {
    // Not the system's temporary directory: that may be a file system which an engine cannot store images on.
    const daemon = new Daemon(await mkdtemp('/var/tmp/isol8-test-'));
    try {
      await daemon.start();
      await daemon.#load(images);
    } catch (error) {
      await daemon.discard();
      throw error;
    }
    return daemon;
  }

  /** Starts it, if it is not running, and resolves when it answers. */
  async start(): Promise<void> {
    const file = (name: string) => join(this.directory, name);
    const state = ['--data-root', file('data'), '--exec-root', file('exec'), '--pidfile', file('pid')];
    // With the layers of containers where tests find them.
    const storage = ['--storage-driver', 'overlay2'];
    // In a network namespace that has nothing to be forwarded.
    const network = ['--bridge', 'none', '--iptables=false', '--ip-forward=false', '--ip-masq=false'];
    const log = openSync(file('log'), 'a');
    const args = [
      '--net',
      '--mount',
      '--',
      'dockerd',
      ...state,
      ...storage,
      ...network,
      '--host',
      `unix://${this.socket}`,
    ];
    const child = spawn('unshare', args, { stdio: ['ignore', log, log] });
    this.#process = child;
    await until('a private dockerd to answer', 20_000, () => {
      if (child.exitCode !== null) throw new Error(`dockerd ended: ${readFileSync(file('log'), 'utf8')}`);
      return this.docker('version').then(
        () => true,
        () => false,
      );
    });
  }

  /** Asks it to end, and resolves when it has. Its containers end with it. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  /** Stops it and removes all that it kept. */
  async discard(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Asks this engine something with Docker's client. */
  docker(...args: string[]): Promise<string> {
    return docker(['--host', `unix://${this.socket}`, ...args]);
  }

  async #load(images: string[]): Promise<void> {
    const save = spawn('docker', ['save', ...images], { stdio: ['ignore', 'pipe', 'inherit'] });
    const load = spawn('docker', ['--host', `unix://${this.socket}`, 'load'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const loaded = once(load, 'exit');
    await pipeline(save.stdout, load.stdin);
    const [code] = await loaded;
    if (code !== 0) throw new Error(`could not load ${images} into a private dockerd`);
  }
}
