/** A terminal that types what a document shows, and compares what comes of it. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CLI } from '../../support/paths.js';

/** What is typed, and the lines that the document shows after it. */
export interface Command {
  typed: string;
  shown: string[];
}

export interface Outcome {
  status: number;
  printed: string[];
}

/** Stands before what a command printed, and is followed by the status of the one before. */
const MARK = '@@isol8-docs@@';

const DEADLINE_MS = 60_000;

/** A place to type in: a directory, a home, and `isol8` among the programs. */
export class Terminal {
  constructor(
    readonly directory: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {
    const bin = join(directory, '.bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'isol8'), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
    chmodSync(join(bin, 'isol8'), 0o755);
  }

  /** Types commands into one shell and resolves with what came of each. Both streams are what a screen shows. */
  async type(commands: Command[]): Promise<Outcome[]> {
    const script = commands.map(
      ({ typed }) => `${typed}\n__status=$?; printf '\\n${MARK}%s\\n' $__status; (exit $__status)`,
    );
    const text = ['exec 2>&1', ...script, 'exit 0', ''].join('\n');
    const output = await this.run('bash', ['-c', text]);
    const parts = output.text.split(new RegExp(`\\n${MARK}(\\d+)\\n`));
    return commands.map((_, index) => ({
      // Nothing is known of what came after the shell itself ended.
      status: Number(parts[2 * index + 1] ?? Number.NaN),
      printed: linesOf(parts[2 * index] ?? ''),
    }));
  }

  /** Runs a program and resolves with its status and all that it printed. */
  run(command: string, args: string[]): Promise<{ status: number; text: string }> {
    const { PATH } = process.env;
    const home = join(this.directory, '.home');
    mkdirSync(home, { recursive: true });
    const env = {
      ...process.env,
      ...this.env,
      NO_COLOR: '1',
      HOME: home,
      PATH: [join(this.directory, '.bin'), PATH].join(delimiter),
    };
    return new Promise((resolve) => {
      const options = { cwd: this.directory, env, timeout: DEADLINE_MS, maxBuffer: 16 << 20 };
      const child = execFile(command, args, options, (error, stdout, stderr) => {
        resolve({ status: error ? Number(error.code ?? 255) : 0, text: stdout + stderr });
      });
      child.stdin?.end();
    });
  }
}

/** The commands of a block: lines after `$ `, with those after `> ` that go on with them. */
export function commandsIn(text: string): Command[] {
  const commands: Command[] = [];
  let unfinished = false;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const last = commands.at(-1);
    if (line.startsWith('$ ')) commands.push({ typed: line.slice(2), shown: [] });
    else if (last === undefined) throw new Error(`\`${line}\` is no command`);
    else if (line.startsWith('> ') || unfinished) last.typed += `\n${line.replace(/^> /, '')}`;
    else last.shown.push(line);
    unfinished = (line.startsWith('$ ') || unfinished) && line.endsWith('\\');
  }
  return commands;
}

/** Why output is not what a document shows; undefined if it is. Nothing shown means that nobody looks. */
export function difference(shown: string[], printed: string[]): string | undefined {
  if (shown.length === 0 || matches(shown, printed)) return undefined;
  return `shown:\n${indented(shown)}\nprinted:\n${indented(printed)}`;
}

/** `...` stands for any text in a line, and alone on one for any lines. */
function matches(shown: string[], printed: string[]): boolean {
  const [first, ...rest] = shown;
  if (first === undefined) return printed.length === 0;
  if (first.trim() === '...')
    return Array.from({ length: printed.length + 1 }, (_, n) => n).some((n) => matches(rest, printed.slice(n)));
  const [line, ...others] = printed;
  return line !== undefined && pattern(first).test(line) && matches(rest, others);
}

const pattern = (line: string) =>
  new RegExp(
    `^${line
      .split('...')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('.*')}$`,
  );

/** The lines of output, without white space that nobody sees. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trimEnd());
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

const indented = (lines: string[]) => lines.map((line) => `  | ${line}`).join('\n');
