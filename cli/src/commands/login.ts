/** `login` has a server make a key of one's own with the master key, and keeps it for later commands. */
import type { Command } from 'commander';
import { type KeyFlags, masterKey } from '../api-key.js';
import { CREDENTIALS_SHOWN, type Credentials, checked, credentialsPath, writeCredentials } from '../credentials.js';
import { Exit } from '../exit.js';
import { baseUrl } from '../host.js';
import { say } from '../messages.js';
import { positiveInteger } from '../numbers.js';
import { stdout } from '../output.js';
import { plain, StatusLine } from '../status.js';

/** A server that has not answered by then will not. */
const ANSWER_LIMIT_MS = 30_000;

/** What a server says is cut here. */
const ERROR_LENGTH = 1000;

interface LoginFlags extends KeyFlags {
  host: string;
  name?: string;
  ttl?: string;
}

export function registerLogin(program: Command): void {
  program
    .command('login')
    .description('Get a key of your own from a server, and keep it for later commands')
    .requiredOption('--host <url>', 'the server, such as http://localhost:3000')
    .option('--key <key>', 'its master key (others can see it in listings of processes; default: ISOL8_API_KEY)')
    .option('--key-file <file>', 'read the master key from a file')
    .option('--name <name>', 'what the server calls the new key (default: cli-login-<time>)')
    .option('--ttl <ms>', 'milliseconds for which it is valid (default: the server says)')
    .option('--debug', 'say what is being done')
    .action(async (flags: LoginFlags) => {
      process.exitCode = await login(flags);
    });
}

async function login(flags: LoginFlags): Promise<number> {
  const host = baseUrl(flags.host);
  const ttlMs = positiveInteger('--ttl', flags.ttl);
  const name = flags.name ?? `cli-login-${new Date().toISOString()}`;
  const key = await masterKey(flags);

  const status = new StatusLine();
  status.show(`Asking ${host} for a key...`);
  let answer: Answer;
  try {
    answer = await ask(host, key, { name, ttlMs });
  } catch (error) {
    throw new Error(`Login failed: ${plain(reasonOf(error))}`, { cause: error });
  } finally {
    status.clear();
  }
  if ('error' in answer) {
    say('ERR', `Authentication failed: ${plain(answer.error).slice(0, ERROR_LENGTH)}`);
    if (answer.status === 400) {
      say('WARN', 'DB-backed auth may not be enabled on the server.');
      say('WARN', 'Start the server with `isol8 serve --auth-db <path>`.');
    }
    return Exit.Failed;
  }
  await writeCredentials(credentialsPath(), answer);
  say('OK', 'Authenticated successfully');
  stdout.line(`  Host:    ${host}`);
  stdout.line(`  Expires: ${new Date(answer.expiresAt).toLocaleString()}`);
  stdout.line(`  Stored:  ${CREDENTIALS_SHOWN}`);
  return 0;
}

type Answer = Credentials | { status: number; error: string };

async function ask(host: string, key: string, body: { name: string; ttlMs?: number }): Promise<Answer> {
  const response = await fetch(`${host}/auth/login`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    // The key is for this server, not for where it points to.
    redirect: 'error',
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  const value = parsed(await response.text());
  if (!response.ok) {
    const { error } = value ?? {};
    return { status: response.status, error: typeof error === 'string' ? error : `HTTP status ${response.status}` };
  }
  try {
    return checked({ ...value, host });
  } catch (error) {
    throw new Error(`unexpected answer of the server: ${(error as Error).message}`, { cause: error });
  }
}

/** An object in JSON. Proxies on the way may well answer with something else. */
function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** `fetch` fails with a TypeError that says little; the reason is its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_LIMIT_MS / 1000} s`;
  const cause = error instanceof TypeError ? error.cause : undefined;
  return cause instanceof Error && cause.message ? cause.message : error.message;
}
