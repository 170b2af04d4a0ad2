/** `login` has a server make a key of one's own with the master key, and keeps it for later commands. */
import type { Command } from 'commander';
import { type KeyFlags, masterKey } from '../api-key.js';
import { CREDENTIALS_SHOWN, type Credentials, checked, credentialsPath, writeCredentials } from '../credentials.js';
import { Exit } from '../exit.js';
import { hasCode } from '../failure.js';
import { baseUrl } from '../host.js';
import { isDebug, say } from '../messages.js';
import { positiveInteger } from '../numbers.js';
import { stdout } from '../output.js';
import { plain, StatusLine } from '../status.js';

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

  const { RemoteIsol8 } = await import('isol8');
  const server = new RemoteIsol8({ host, apiKey: key }, { debug: isDebug() });
  const status = new StatusLine();
  status.show(`Asking ${host} for a key...`);
  let credentials: Credentials;
  try {
    const login = await server.login({ name, ttlMs }).finally(() => status.clear());
    credentials = kept({ ...login, host });
  } catch (error) {
    say('ERR', plain((error as Error).message).slice(0, ERROR_LENGTH));
    if (hasCode(error, 'INVALID_REQUEST')) {
      say('WARN', 'DB-backed auth may not be enabled on the server.');
      say('WARN', 'Start the server with `isol8 serve --auth-db <path>`.');
    }
    return Exit.Failed;
  }
  await writeCredentials(credentialsPath(), credentials);
  say('OK', 'Authenticated successfully');
  stdout.line(`  Host:    ${host}`);
  stdout.line(`  Expires: ${new Date(credentials.expiresAt).toLocaleString()}`);
  stdout.line(`  Stored:  ${CREDENTIALS_SHOWN}`);
  return 0;
}

/** The credentials, which make sense to whoever reads them later. */
function kept(answer: Credentials): Credentials {
  try {
    return checked(answer);
  } catch (error) {
    throw new Error(`Login failed: unexpected answer of the server: ${(error as Error).message}`, { cause: error });
  }
}
