/**
 * Lines that the CLI says in its own name: a prefix, then the message. They go to stderr unless a command's
 * result belongs on stdout, so that they never mix with the output of a program.
 */
import { type Output, stderr } from './output.js';

const COLOURS = { OK: 32, ERR: 31, WARN: 33, INFO: 36, DONE: 32, DEBUG: 90 } as const;

let debugging = false;

export function setDebug(on: boolean): void {
  debugging = on;
}

export function isDebug(): boolean {
  return debugging;
}

export function say(prefix: keyof typeof COLOURS, message: string, output: Output = stderr): void {
  const tag = `[${prefix}]`;
  const coloured = output.isTTY && !process.env.NO_COLOR;
  output.line(`${coloured ? `\x1b[${COLOURS[prefix]}m${tag}\x1b[0m` : tag} ${message}`);
}

/** Says what one area of the CLI is doing, when `--debug` was given. */
export function debug(area: string, message: string): void {
  if (debugging) say('DEBUG', `[${area}] ${message}`);
}
