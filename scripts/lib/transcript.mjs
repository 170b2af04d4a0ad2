// Runs a program for a check: its whole output is kept, to be shown if the check fails.

import { spawn } from 'node:child_process';
import { root } from './project.mjs';
import { Failure } from './steps.mjs';

/** Colours and cursor movements would only disturb a log. */
const PLAIN = { NO_COLOR: '1', CARGO_TERM_COLOR: 'never' };

/**
 * Resolves with `{ ok, output }` when the program has ended: stdout and stderr as they came, mixed.
 * `onLine` gets each line at once. Rejects with a Failure only if the program cannot be started.
 */
export function transcript(command, args, { env, onLine = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...PLAIN, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stop = () => child.kill('SIGTERM');
    process.on('SIGINT', stop).on('SIGTERM', stop);

    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      let begun = '';
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        const lines = (begun + text).split(/\r?\n/);
        begun = lines.pop();
        lines.forEach(onLine);
      });
    }
    const end = () => process.off('SIGINT', stop).off('SIGTERM', stop);
    child.on('error', (error) => {
      end();
      reject(new Failure(`${command} could not be started`, { why: error.message }));
    });
    child.on('close', (code) => {
      end();
      resolve({ ok: code === 0, output });
    });
  });
}

/** Runs a program that has to succeed. Rejects with a Failure that holds all of its output. */
export async function pass(command, args, { what, next, ...options }) {
  const { ok, output } = await transcript(command, args, options);
  if (!ok) throw new Failure(what, { next, log: output.trimEnd() });
  return output;
}
