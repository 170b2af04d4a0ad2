/**
 * Where an attack is tried.
 *
 * In a *sandbox*, where it has to be refused; and in the *open*, a plain container from the same image that is run by
 * Docker's client as root, with capabilities and without a filter, where it has to succeed. The latter shows that an
 * attack is one: what fails everywhere proves nothing.
 *
 * With `ISOL8_HARDENING_CONTROL=1` the open takes the sandbox's place. All tests that say something is refused then
 * have to fail; `npm run test:hardening -- --control` runs them so, and counts.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { DockerIsol8Options } from 'isol8';
import { DockerIsol8 } from 'isol8';
import { afterAll, beforeAll } from 'vitest';
import { docker } from '../../support/docker.js';

const run = promisify(execFile);

/** Whether attacks are tried in the open instead of in a sandbox. */
export const CONTROL = process.env.ISOL8_HARDENING_CONTROL === '1';

/** Whether everything is tried, however long it takes. */
export const FULL = process.env.ISOL8_HARDENING === 'full';

/** What became of a program. */
export interface Outcome {
  stdout: string;
  stderr: string;
  exitCode: number;
  timedOut: boolean;
}

/** A place where programs in Python can be run, and their files be read and written from outside. */
export interface Ground {
  run(program: string, timeoutMs?: number): Promise<Outcome>;
  getFile(path: string): Promise<Buffer>;
  putFile(path: string, content: string): Promise<void>;
}

/** Names of capabilities that together open all that is tried here; none of it touches anything but the container. */
const CAPABILITIES =
  'SYS_ADMIN SYS_PTRACE SYS_MODULE SYS_TIME SYS_BOOT SYS_RAWIO SYS_NICE SYS_PACCT SYS_CHROOT DAC_READ_SEARCH SYS_TTY_CONFIG SYSLOG NET_ADMIN NET_RAW MKNOD IPC_LOCK'.split(
    ' ',
  );

/** Bounds that keep this machine safe from what is tried, and that are far beyond those of a sandbox. */
const BOUNDS = ['--memory', '1g', '--memory-swap', '1g', '--pids-limit', '2000', '--cpus', '1'];

const OPEN = [
  ...['--user', '0:0', '--network', 'none', '--log-driver', 'none', ...BOUNDS],
  ...CAPABILITIES.flatMap((capability) => ['--cap-add', capability]),
  ...['seccomp=unconfined', 'apparmor=unconfined', 'systempaths=unconfined'].flatMap((option) => [
    '--security-opt',
    option,
  ]),
  ...['--device-cgroup-rule', 'c *:* rwm', '--device-cgroup-rule', 'b *:* rwm'],
  ...['--tmpfs', '/sandbox:exec,dev,suid,size=700m', '--shm-size', '700m'],
];

/** A plain container, started before the tests of a file or a `describe` and removed after them. */
export function open(more: string[] = [], image = 'isol8:python'): Ground {
  const name = `isol8-test-open-${randomUUID()}`;
  beforeAll(async () => {
    await docker(['run', '--detach', '--rm', '--name', name, ...OPEN, ...more, '--entrypoint', 'sleep', image, '900']);
  });
  afterAll(async () => {
    await docker(['rm', '--force', name]);
  });
  return openIn(name);
}

/** Plain containers, one for each program: what it leaves behind goes with it. */
export function fresh(more: string[] = [], image = 'isol8:python'): Ground {
  return {
    async run(program, timeoutMs = 10_000) {
      const limit = ['--signal', 'KILL', String(timeoutMs / 1000), 'python3', '-'];
      const args = ['run', '--interactive', '--rm', ...OPEN, ...more, '--entrypoint', 'timeout', image, ...limit];
      return outcome(await asked(args, program));
    },
    getFile: () => Promise.reject(new Error('nothing is kept')),
    putFile: () => Promise.reject(new Error('nothing is kept')),
  };
}

interface Said {
  stdout: Buffer;
  stderr: Buffer;
  code: number;
}

/** Docker's client, whatever it ends with. */
function asked(args: string[], input: string): Promise<Said> {
  const running = run('docker', args, { encoding: 'buffer', maxBuffer: 64 << 20 });
  running.child.stdin?.on('error', () => {}).end(input);
  return running.then(
    (said) => ({ ...said, code: 0 }),
    (error) => error as Said,
  );
}

/** 137: killed, and nothing is killed there but at its limit. */
const outcome = ({ stdout, stderr, code }: Said): Outcome => ({
  stdout: String(stdout).trimEnd(),
  stderr: String(stderr).trimEnd(),
  exitCode: code,
  timedOut: code === 137,
});

/** Runs programs in the container of this name by `docker exec`, as root. */
export function openIn(name: string): Ground {
  const exec = (args: string[], input: string, timeoutMs: number): Promise<Said> => {
    const limit = ['timeout', '--signal', 'KILL', String(timeoutMs / 1000)];
    return asked(['exec', '--interactive', '--user', '0:0', name, ...limit, ...args], input);
  };
  const done = async (what: string, args: string[], input: string): Promise<Buffer> => {
    const said = await exec(args, input, 3000);
    const { exitCode, timedOut, stderr } = outcome(said);
    if (exitCode !== 0) throw new Error(timedOut ? `${what} hung` : stderr);
    return said.stdout;
  };
  return {
    run: async (program, timeoutMs = 10_000) => outcome(await exec(['python3', '-'], program, timeoutMs)),
    getFile: (path) => done(`reading ${path}`, ['cat', path], ''),
    async putFile(path, content) {
      await done(`writing ${path}`, ['tee', path], content);
    },
  };
}

/** A sandbox of this engine. */
export function sandboxOf(engine: DockerIsol8): Ground {
  return {
    async run(code, timeoutMs = 10_000) {
      const { stdout, stderr, exitCode, timedOut } = await engine.execute({ runtime: 'python', code, timeoutMs });
      return { stdout, stderr, exitCode, timedOut };
    },
    getFile: (path) => engine.getFile(path),
    putFile: (path, content) => engine.putFile(path, content),
  };
}

/** One of the programs in `attacks/`, after what they share and with values for its constants. */
export function attack(name: string, values: Record<string, string | number> = {}): string {
  const read = (name: string) => readFileSync(new URL(`../attacks/${name}.py`, import.meta.url), 'utf8');
  const set = Object.entries(values).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
  return `${read('attempt')}\n${set.join('')}\n${read(name)}`;
}

/** An engine that is stopped after the tests of a file or a `describe`. */
export function engineFor(options: DockerIsol8Options): DockerIsol8 {
  const engine = new DockerIsol8(options);
  afterAll(() => engine.stop());
  return engine;
}
