/** Programs on the host that use isol8, as processes of their own: they can be measured, signalled and killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { CLI, ROOT } from './paths.js';
import { until } from './until.js';

export interface Ended {
  /** Exit code; null if a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Options {
  /** Added to the environment; `undefined` takes a variable away. */
  env?: NodeJS.ProcessEnv;
  /** What it reads. Nothing by default; `null` leaves it waiting for `enter`. */
  stdin?: string | Buffer | null;
  cwd?: string;
}

/** A process of a test. It does not outlive the test. */
export class Process {
  stdout = '';
  stderr = '';
  /** Settles when it has ended and all its output is here. */
  readonly ended: Promise<Ended>;
  readonly #child;

  constructor(command: string, args: string[], { env = {}, stdin = '', cwd = ROOT }: Options = {}) {
    this.#child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe' });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    // A program may well end without reading its input.
    this.#child.stdin.on('error', () => {});
    if (stdin !== null) this.#child.stdin.end(stdin);
    this.ended = once(this.#child, 'close').then(([code]) => ({ code, stdout: this.stdout, stderr: this.stderr }));
    onTestFinished(async () => {
      this.kill('SIGKILL');
      await this.ended;
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Gives it more to read. */
  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Gives it the last of what it reads. */
  enter(text: string): void {
    this.#child.stdin.end(text);
  }

  /** Resolves when this text has been printed on stdout. */
  async printed(text: string, deadlineMs = 20_000): Promise<void> {
    await until(`\`${text}\` on stdout`, deadlineMs, () => {
      if (this.stdout.includes(text)) return true;
      if (this.#child.exitCode === null) return false;
      throw new Error(`the process ended with ${this.#child.exitCode} before it printed \`${text}\`: ${this.stderr}`);
    });
  }
}

/** The command line, as a user runs it. */
export function cli(args: string[], options?: Options): Process {
  return new Process(process.execPath, [CLI, ...args], options);
}

/** One of the programs in `programs/`, which use the library. */
export function program(name: string, args: string[] = [], options?: Options): Process {
  const path = fileURLToPath(new URL(`../programs/${name}.mjs`, import.meta.url));
  return new Process(process.execPath, ['--expose-gc', path, ...args], options);
}

/** Runs one of the programs and resolves with the JSON that it printed. */
export async function answerOf(name: string, args: string[] = [], options?: Options): Promise<any> {
  const { code, stdout, stderr } = await program(name, args, options).ended;
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}
