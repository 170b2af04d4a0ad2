/**
 * Lines that the CLI says in its own name: a prefix, then the message. They go to stderr unless a command's
 * result belongs on stdout, so that they never mix with the output of a program.
 */
import { type Output, stderr } from './output.js';

const COLOURS = { red: 31, green: 32, yellow: 33, cyan: 36, grey: 90 } as const;

const PREFIXES = { OK: 'green', ERR: 'red', WARN: 'yellow', INFO: 'cyan', DONE: 'green', DEBUG: 'grey' } as const;

let debugging = false;

export function setDebug(on: boolean): void {
  debugging = on;
}

export function isDebug(): boolean {
  return debugging;
}

export function say(prefix: keyof typeof PREFIXES, message: string, output: Output = stderr): void {
  output.line(`${paint(`[${prefix}]`, PREFIXES[prefix], output)} ${message}`);
}

/** The text in colour, where the output shows colours and they are welcome. */
export function paint(text: string, colour: keyof typeof COLOURS, output: Output): string {
  return output.isTTY && !process.env.NO_COLOR ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
}

/** Says what one area of the CLI is doing, when `--debug` was given. */
export function debug(area: string, message: string): void {
  if (debugging) say('DEBUG', `[${area}] ${message}`);
}
