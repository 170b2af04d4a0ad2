/** Plays a page: its examples, one after the other, in one directory. */
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createServer } from 'isol8';
import { ROOT } from '../../support/paths.js';
import { type Example, examplesIn } from './pages.js';
import { commandsIn, difference, linesOf, Terminal } from './terminal.js';

/** Where the documents have their server. */
const SERVER = 'http://localhost:3000';

/** Plays all examples of a page and resolves with what is wrong: nothing, or why each one failed. */
export async function play(page: string, buildEnv: NodeJS.ProcessEnv): Promise<string[]> {
  // Inside the checkout, since programs find packages from where they are.
  const directory = mkdtempSync(join(ROOT, 'node_modules/.isol8-docs-'));
  const examples = examplesIn(page);
  const server = examples.some(({ text }) => text.includes(SERVER)) ? await serverIn(directory) : undefined;
  try {
    // The page of an example is about the files beside it.
    if (page.startsWith('examples/')) cpSync(dirname(join(ROOT, page)), directory, { recursive: true });
    const terminal = new Terminal(directory, { ...buildEnv, ...server?.env });
    const failures: string[] = [];
    for (const [index, example] of examples.entries()) {
      const text = server ? example.text.replaceAll(SERVER, server.url) : example.text;
      const failure = await perform({ ...example, text }, examples[index + 1], terminal);
      if (failure !== undefined) failures.push(`${example.at}: ${failure}`);
    }
    return failures;
  } finally {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A server for one page, and what is in the environment of those who use it. */
async function serverIn(cwd: string) {
  const apiKey = randomBytes(16).toString('hex');
  const server = await createServer({ port: 0, host: '127.0.0.1', apiKey, authDbPath: join(cwd, 'auth.db'), cwd });
  const url = `http://127.0.0.1:${server.port}`;
  return { url, env: { ISOL8_API_KEY: apiKey }, stop: () => server.shutdown() };
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
