// Runs named steps one after the other and shows how far they are.
//
// Progress goes to stderr, so that stdout stays free for results. A terminal gets one live line per
// step; anything else gets plain lines. A step either ends, or ends everything with a Failure that
// says what failed, why, and what to do next. Ctrl-C stops the running child, lets the step clean up
// after itself, and ends with status 130.

import { spawn } from 'node:child_process';

const out = process.stderr;
const live = out.isTTY === true && process.env.TERM !== 'dumb';
const coloured = live && !process.env.NO_COLOR;
const paint = (code, text) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
const frames = ['-', '\\', '|', '/'];
/** Lines of a child's output that are kept to be shown if it fails. */
const TAIL_LINES = 40;

/** Ends the run. `why` and `next` are sentences for the user; `log` is the end of a child's output. */
export class Failure extends Error {
  constructor(what, { why, next, log } = {}) {
    super(what);
    Object.assign(this, { why, next, log });
  }
}

let interrupted;
const children = new Set();

function interrupt(signal) {
  interrupted = signal;
  for (const child of children) child.kill('SIGTERM');
}

/** One running step: what its function uses to report and to start programs. */
class Task {
  #name;
  #began = performance.now();
  #latest = '';
  #timer;
  #turn = 0;
  /** Why the step could not do what it is for, if so. That is no failure, and no success either. */
  skipped;

  constructor(name) {
    this.#name = name;
    if (!live) out.write(`${name} ...\n`);
    else this.#timer = setInterval(() => this.#draw(), 100).unref();
  }

  /** Says something that the user should still see when the step is over. */
  note(text) {
    this.#clear();
    out.write(`  ${paint(2, text)}\n`);
  }

  /** Says that the step, which still has to return, cannot do what it is for. */
  skip(why) {
    this.skipped = why;
    this.note(`not run: ${why}`);
  }

  /**
   * Runs a program to its end and resolves with its stdout. Rejects with a Failure if it cannot be
   * started, fails, or takes longer than `timeout` ms. `env` is added to the environment. After an
   * interrupt nothing is started any more, but for what has to run `always`: cleaning up.
   */
  run(command, args = [], { env, cwd, timeout, always = false, what = `${command} failed`, next } = {}) {
    return new Promise((resolve, reject) => {
      if (interrupted && !always) return void reject(new Failure(what));
      const tail = [];
      let stdout = '';
      let late = false;
      const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
      children.add(child);
      const timer =
        timeout &&
        setTimeout(() => {
          late = true;
          child.kill('SIGKILL');
        }, timeout);

      const keep = (text) => {
        const lines = text.split(/[\r\n]+/).filter((line) => line.trim());
        if (lines.length) this.#latest = lines.at(-1);
        tail.push(...lines);
        tail.splice(0, tail.length - TAIL_LINES);
      };
      child.stdout.setEncoding('utf8').on('data', (text) => {
        stdout += text;
        keep(text);
      });
      child.stderr.setEncoding('utf8').on('data', keep);

      const finish = (why) => {
        children.delete(child);
        clearTimeout(timer);
        this.#latest = '';
        if (why === undefined && (always || !interrupted)) resolve(stdout);
        else reject(new Failure(what, { why, next, log: tail.join('\n') }));
      };
      child.on('error', (error) => finish(error.code === 'ENOENT' ? `${command} is not installed` : error.message));
      child.on('close', (code, signal) => {
        if (late) finish(`\`${[command, ...args].join(' ')}\` took longer than ${timeout / 1000} s`);
        else if (signal) finish(`\`${[command, ...args].join(' ')}\` was ended by ${signal}`);
        else finish(code === 0 ? undefined : `\`${[command, ...args].join(' ')}\` exited with status ${code}`);
      });
    });
  }

  /** Like `run`, for questions: undefined instead of a Failure when the answer is no. */
  async ask(command, args, options) {
    try {
      return await this.run(command, args, options);
    } catch (error) {
      if (error instanceof Failure && (options?.always || !interrupted)) return undefined;
      throw error;
    }
  }

  end(mark, colour) {
    clearInterval(this.#timer);
    this.#clear();
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
    out.write(`${paint(colour, mark)} ${this.#name} ${paint(2, `(${seconds} s)`)}\n`);
  }

  #clear() {
    if (live) out.write('\r\x1b[K');
  }

  #draw() {
    const line = `${frames[this.#turn++ % frames.length]} ${this.#name}  ${this.#latest}`;
    this.#clear();
    // A line that wraps could not be cleared again; control characters would move the cursor.
    out.write(line.replace(/\x1b\[[\d;?]*[A-Za-z]|[\x00-\x1f]/g, ' ').slice(0, (out.columns || 80) - 1));
  }
}

/**
 * Runs `[{ name, run(task) }]` in order. Resolves with true when all of them are done; otherwise says
 * what went wrong, sets the exit status and resolves with false.
 */
export async function runSteps(steps) {
  const onInterrupt = () => interrupt('SIGINT');
  const onTerminate = () => interrupt('SIGTERM');
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate);
  try {
    for (const { name, run } of steps) {
      const task = new Task(name);
      try {
        await run(task);
        if (interrupted) throw new Failure(name);
        if (task.skipped) task.end('[SKIP]', 33);
        else task.end('[OK]', 32);
      } catch (error) {
        task.end('[ERR]', 31);
        explain(error);
        return false;
      }
    }
    return true;
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
  }
}

function explain(error) {
  process.exitCode = interrupted ? (interrupted === 'SIGINT' ? 130 : 143) : 1;
  if (interrupted) return void out.write('interrupted; run it again to go on from here\n');
  // Anything but a Failure is a mistake in these scripts, and its stack tells where.
  if (!(error instanceof Failure)) return void out.write(`${error.stack ?? error}\n`);
  if (error.log) out.write(`${error.log.replace(/^/gm, '  | ')}\n`);
  out.write(`${paint(31, 'error:')} ${error.message}\n`);
  if (error.why) out.write(`  because: ${error.why}\n`);
  if (error.next) out.write(`${paint(36, 'hint:')} ${error.next}\n`);
}
