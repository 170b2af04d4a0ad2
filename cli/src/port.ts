/** The port that a server listens on: who says which, and what if it is taken. */
import { createInterface } from 'node:readline';
import { say } from './messages.js';
import { stdout } from './output.js';

/** Has the system choose one that is free. */
export const ANY_PORT = 0;

const USUAL_PORT = 3000;

const LARGEST_PORT = 65_535;

/** The port that the flag says, else the environment, else the usual one. */
export function portOf(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): number {
  const sources = { '--port': flag, ISOL8_PORT: env.ISOL8_PORT || undefined, PORT: env.PORT || undefined };
  for (const [source, text] of Object.entries(sources)) {
    if (text === undefined) continue;
    const number = parse(text);
    if (number === undefined) throw new Error(`Invalid port from ${source}: ${text}. Expected 1-${LARGEST_PORT}.`);
    return number;
  }
  return USUAL_PORT;
}

function parse(text: string): number | undefined {
  const number = Number(text);
  return /^\d{1,5}$/.test(text) && number >= 1 && number <= LARGEST_PORT ? number : undefined;
}

/** What to try since `taken` is another's: what the user says, or without one any that is free. */
export async function anotherPort(taken: number): Promise<number> {
  if (!process.stdin.isTTY || !stdout.isTTY) return ANY_PORT;
  say('WARN', `Port ${taken} is already in use.`);
  const terminal = new Terminal();
  try {
    return await choose(terminal);
  } finally {
    terminal.close();
  }
}

async function choose(terminal: Terminal): Promise<number> {
  for (;;) {
    stdout.line('  1) Enter another port');
    stdout.line('  2) Find an available port');
    stdout.line('  3) Exit');
    const answer = (await terminal.ask('Choose [2]: ')).trim();
    if (answer === '' || answer === '2') return ANY_PORT;
    if (answer === '3') throw cancelled();
    if (answer !== '1') {
      say('ERR', 'Invalid selection. Enter 1, 2, or 3.');
      continue;
    }
    const text = (await terminal.ask('Port: ')).trim();
    const number = parse(text);
    if (number !== undefined) return number;
    say('ERR', `Invalid port: ${text}. Expected 1-${LARGEST_PORT}.`);
  }
}

const cancelled = () => new Error('Server startup cancelled.');

/** Questions to a user at a terminal. The end of the input, or Ctrl-C, answers all of them. */
class Terminal {
  readonly #lines = createInterface({ input: process.stdin, output: process.stdout });
  readonly #ended = new Promise<never>((_, reject) => {
    this.#lines.on('SIGINT', () => this.#lines.close());
    this.#lines.on('close', () => reject(cancelled()));
  });

  constructor() {
    // Nobody may be asking when it ends.
    this.#ended.catch(() => {});
  }

  ask(question: string): Promise<string> {
    const answered = new Promise<string>((resolve) => this.#lines.question(question, resolve));
    return Promise.race([answered, this.#ended]);
  }

  close(): void {
    this.#lines.close();
  }
}
