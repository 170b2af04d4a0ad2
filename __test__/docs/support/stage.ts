/** Plays a page: its examples, one after the other, in one directory. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../support/paths.js';
import { type Example, examplesIn } from './pages.js';
import { commandsIn, difference, linesOf, Terminal } from './terminal.js';

/** Text that stands for what differs from run to run: addresses of servers, above all. */
export type Substitutes = Record<string, string>;

/** Plays all examples of a page and resolves with what is wrong: nothing, or why each one failed. */
export async function play(page: string, env: NodeJS.ProcessEnv, substitutes: Substitutes = {}): Promise<string[]> {
  // Inside the checkout, since programs find packages from where they are.
  const directory = mkdtempSync(join(ROOT, 'node_modules/.isol8-docs-'));
  try {
    // The page of an example is about the files beside it.
    if (page.startsWith('examples/')) cpSync(dirname(join(ROOT, page)), directory, { recursive: true });
    const terminal = new Terminal(directory, env);
    const examples = examplesIn(page).map((example) => ({ ...example, text: substituted(example.text, substitutes) }));
    const failures: string[] = [];
    for (const [index, example] of examples.entries()) {
      const failure = await perform(example, examples[index + 1], terminal);
      if (failure !== undefined) failures.push(`${example.at}: ${failure}`);
    }
    return failures;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function perform(example: Example, next: Example | undefined, terminal: Terminal): Promise<string | undefined> {
  if (example.file) {
    const path = join(terminal.directory, example.file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, example.text);
    return undefined;
  }
  if (example.noRun) return undefined;
  if (example.language === 'console') return typed(example, terminal);
  if (example.language === 'js') return ran(example, next, terminal);
  return undefined;
}

/** A command has to succeed, unless the next one asks how it ended. */
async function typed(example: Example, terminal: Terminal): Promise<string | undefined> {
  const commands = commandsIn(example.text);
  const outcomes = await terminal.type(commands);
  for (const [index, { typed, shown }] of commands.entries()) {
    const { status, printed } = outcomes[index] ?? { status: Number.NaN, printed: [] };
    const asked = commands[index + 1]?.typed.includes('$?');
    const wrong =
      status === 0 || asked ? difference(shown, printed) : `it ended with ${status}:\n${printed.join('\n')}`;
    if (wrong !== undefined) return `\`${typed}\`: ${wrong}`;
  }
  return undefined;
}

async function ran(example: Example, next: Example | undefined, terminal: Terminal): Promise<string | undefined> {
  const name = `example-${example.line}.mjs`;
  writeFileSync(join(terminal.directory, name), example.text);
  const { status, text } = await terminal.run(process.execPath, [name]);
  if (status !== 0) return `it ended with ${status}:\n${text}`;
  return next?.isOutput ? difference(linesOf(next.text), linesOf(text)) : undefined;
}

function substituted(text: string, substitutes: Substitutes): string {
  return Object.entries(substitutes).reduce((result, [from, to]) => result.replaceAll(from, to), text);
}
