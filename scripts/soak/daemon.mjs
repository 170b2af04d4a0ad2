// A Docker engine of the soak's own, on a small file system of its own.
//
// It lives in namespaces of its own: of processes, so that nothing of it outlives the process that holds them; of mounts,
// for the file system in memory that its images and containers are on; and of the network, so that this machine's bridge
// and filters are out of its reach. That file system stays while the engine is restarted.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The images that the load runs in; the last is one that goes and comes back. */
const IMAGES = ['isol8:bash', 'isol8:python', 'isol8:node'];
export const VICTIM = 'soak:victim';

/** Enough for the images and what containers add to them, and not much more. */
const SIZE_MIB = 1400;

export class Daemon {
  #directory;
  #holder;
  #say;
  #process;

  constructor(directory, holder, say) {
    this.#directory = directory;
    this.#holder = holder;
    this.#say = say;
  }

  /** An engine that answers, with the images that the load needs. */
  static async start(say) {
    const directory = await mkdtemp('/var/tmp/isol8-soak-');
    await mkdir(join(directory, 'state'));
    // Whoever ignores the end of its children leaves no trace of them, of adopted ones either.
    const script = `mount -t tmpfs -o size=${SIZE_MIB}m tmpfs "$0" && echo ready && exec env --ignore-signal=CHLD sleep infinity`;
    const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const holder = spawn('unshare', [...namespaces, 'sh', '-c', script, join(directory, 'state')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    const daemon = new Daemon(directory, holder, say);
    try {
      await daemon.start();
      say('filling its image store');
      await daemon.#load();
      await daemon.makeVictim();
    } catch (error) {
      await daemon.discard();
      throw error;
    }
    return daemon;
  }

  /** In a directory of this machine, where the load finds it; all else is in the file system that only the inside sees. */
  get socket() {
    return join(this.#directory, 'docker.sock');
  }

  get #log() {
    return join(this.#directory, 'log');
  }

  #file(name) {
    return join(this.#directory, 'state', name);
  }

  /** Starts it, if it is not running, and resolves when it answers. */
  async start() {
    const [data, exec, pid] = ['data', 'exec', 'pid'].map((name) => this.#file(name));
    const state = ['--data-root', data, '--exec-root', exec, '--pidfile', pid, '--log-level', 'error'];
    const network = ['--bridge', 'none', '--iptables=false', '--ip-forward=false', '--ip-masq=false'];
    await this.#inside('rm', '-f', pid, this.socket);
    const args = ['dockerd', ...state, ...network, '--host', `unix://${this.socket}`];
    const child = spawn('nsenter', [...(await this.#namespaces()), ...args], {
      stdio: ['ignore', 'ignore', openSync(this.#log, 'a')],
    });
    this.#process = child;
    for (let tries = 0; tries < 400; tries++) {
      if (child.exitCode !== null) throw new Error(`dockerd ended: ${readFileSync(this.#log, 'utf8').slice(-2000)}`);
      if (
        await this.docker('version').then(
          () => true,
          () => false,
        )
      )
        return;
      await pause(50);
    }
    throw new Error('dockerd does not answer');
  }

  /** Ends it, in order or not, and resolves when it has. */
  async stop(signal = 'SIGTERM') {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    // nsenter does not pass signals on.
    await this.#inside('sh', '-c', `kill -s "$0" "$(cat ${this.#file('pid')})"`, signal.replace('SIG', ''));
    await ended;
  }

  /** Takes all the room that is left, until `release` is called. */
  async fill() {
    const filler = this.#file('filler');
    await this.#inside('sh', '-c', `cat /dev/zero > ${filler} 2> /dev/null; true`);
    return () => this.#inside('rm', '-f', filler);
  }

  /** An image that differs from all others and can go without them. */
  async makeVictim() {
    const building = run('docker', ['--host', `unix://${this.socket}`, 'build', '--quiet', '--tag', VICTIM, '-'], {
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
    });
    building.child.stdin.end(`FROM isol8:bash\nLABEL soak=${Date.now()}\n`);
    await building;
  }

  /** Asks this engine something with Docker's client. */
  async docker(...args) {
    return (await run('docker', ['--host', `unix://${this.socket}`, ...args])).stdout.trim();
  }

  /** Ends it, and all that runs in it, and removes what it kept. */
  async discard() {
    const ended = this.#holder.exitCode === null && this.#holder.signalCode === null && once(this.#holder, 'exit');
    // The end of the first process of a namespace is that of all the others.
    this.#holder.kill('SIGKILL');
    await ended;
    await rm(this.#directory, { recursive: true, force: true });
    this.#say('its daemon is gone');
  }

  async #load() {
    const save = spawn('docker', ['save', ...IMAGES], { stdio: ['ignore', 'pipe', 'inherit'] });
    const load = spawn('docker', ['--host', `unix://${this.socket}`, 'load'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const loaded = once(load, 'exit');
    await pipeline(save.stdout, load.stdin);
    const [code] = await loaded;
    if (code !== 0) throw new Error(`could not load ${IMAGES}`);
  }

  /** How to enter those of the holder's child, which is the first process inside. */
  async #namespaces() {
    const { pid } = this.#holder;
    const child = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
    return ['--target', child, '--net', '--mount', '--pid', '--'];
  }

  async #inside(...command) {
    return (await run('nsenter', [...(await this.#namespaces()), ...command])).stdout;
  }
}
