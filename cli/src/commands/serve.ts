/**
 * `serve` runs code for others, over HTTP, until it is told to stop. The server is in the addon: all that is here is
 * where it listens, what it says, and which signals end it.
 */
import type { Command } from 'commander';
import type { Isol8Server } from 'isol8';
import { type KeyFlags, masterKey } from '../api-key.js';
import { readConfig } from '../config.js';
import { explain, hasCode } from '../failure.js';
import { debug, isDebug, say } from '../messages.js';
import { stderr, stdout } from '../output.js';
import { ANY_PORT, anotherPort, portOf } from '../port.js';
import { plain } from '../status.js';

/** What `--auth-db` means without a value. */
const USUAL_DATABASE = '~/.isol8/auth.db';

interface ServeFlags extends KeyFlags {
  port?: string;
  hostBind?: string;
  authDb?: string | true;
  console: boolean;
  update?: boolean;
}

export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('Run code for others, over HTTP')
    .option('-p, --port <port>', 'where to listen (default: ISOL8_PORT, else PORT, else 3000)')
    .option('--host-bind <address>', 'listen on this address or host name only (default: on all)')
    .option('-k, --key <key>', 'the master key (others can see it in listings of processes; default: ISOL8_API_KEY)')
    .option('--key-file <file>', 'read the master key from a file')
    .option('--auth-db [connection]', `keep keys in a database: a file or a URL (default: ${USUAL_DATABASE})`)
    .option('--no-console', 'have no page for browsers at the root')
    .option('--update', 'nothing to do: the server is a part of isol8')
    .option('--debug', 'say what is being done')
    .action(async (flags: ServeFlags) => {
      process.exitCode = await serve(flags);
    });
}

async function serve(flags: ServeFlags): Promise<number> {
  const apiKey = await masterKey(flags);
  const port = portOf(flags.port);
  await readConfig();
  if (flags.update) say('INFO', 'The server is a part of isol8: there is nothing to download or to update.', stdout);

  const authDb = flags.authDb === true ? USUAL_DATABASE : flags.authDb;
  // Said before anything can take long, so that no signal meets a process that knows nothing of it.
  const signal = firstSignal();
  const starting = listen(port, { apiKey, host: flags.hostBind, authDbPath: authDb, console: flags.console });
  const early = await Promise.race([signal, starting.then(() => undefined)]);
  if (early) debug('Serve', `${early} while starting`);
  const server = await starting;

  const { VERSION } = await import('isol8');
  if (!early) {
    say('INFO', `isol8 server v${VERSION} listening on http://localhost:${server.port}`, stdout);
    stdout.line('       Auth: Bearer token required');
    if (server.authDatabase) stdout.line(`       Auth DB: ${plain(server.authDatabase)}`);
  }
  debug('Serve', `${await signal}: shutting down`);
  return shutDown(server);
}

interface Listening {
  apiKey: string;
  host?: string;
  authDbPath?: string;
  console: boolean;
}

/** Listens on `port`, or where the user or chance decides if that is taken. */
async function listen(port: number, options: Listening): Promise<Isol8Server> {
  const { createServer } = await import('isol8');
  const settings = { ...options, debug: isDebug(), logRequests: true };
  for (let next = port; ; ) {
    try {
      const server = await createServer({ ...settings, port: next });
      if (next === ANY_PORT) announce(port, server.port);
      return server;
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) throw error;
      next = await anotherPort(next);
    }
  }
}

function announce(wanted: number, found: number): void {
  if (stdout.isTTY && process.stdin.isTTY) say('INFO', `Using available port ${found}`, stdout);
  else say('WARN', `Port ${wanted} is in use. Falling back to available port ${found}.`);
}

/** Resolves with the first signal that asks us to end. The next ends the process at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

async function shutDown(server: Isol8Server): Promise<number> {
  try {
    await server.shutdown();
    return 0;
  } catch (error) {
    const { message, details } = explain(error);
    say('ERR', message);
    for (const line of details) stderr.line(line);
    return 1;
  }
}
