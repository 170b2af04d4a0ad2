/** `session list` and `session stop`: the sessions of a server. */
import type { Command } from 'commander';
import type { SessionInfo } from 'isol8';
import { readConfig } from '../config.js';
import { isDebug, say } from '../messages.js';
import { stdout } from '../output.js';
import { type ServerFlags, serverOf } from '../remote.js';
import { plain } from '../status.js';

export function registerSession(program: Command): void {
  const session = program.command('session').description('List and stop the sessions of a server');
  declare(session.command('list').description('List the sessions that the key may see'))
    .option('--json', 'print them as JSON')
    .action((flags: ServerFlags & { json?: boolean }) => list(flags));
  declare(session.command('stop').description('End a session, with all that is in it').argument('<id>', 'its name'))
    // It need not be there: whoever wants it gone has what they want.
    .action((id: string, flags: ServerFlags) => stop(id, flags));
}

function declare(command: Command): Command {
  return command
    .requiredOption('--host <url>', 'the server, such as http://localhost:3000')
    .option('--key <key>', 'your key (others can see it in listings of processes; default: ISOL8_API_KEY)')
    .option('--key-file <file>', 'read the key from a file')
    .option('--debug', 'say what is being done');
}

async function list(flags: ServerFlags & { json?: boolean }): Promise<void> {
  const sessions = await (await client(flags)).listSessions();
  if (flags.json) {
    await stdout.write(`${JSON.stringify(sessions, null, 2)}\n`);
  } else if (sessions.length === 0) {
    say('INFO', 'No active sessions.', stdout);
  } else {
    await stdout.write([`${sessions.length} active session(s):`, ...sessions.map(row), ''].join('\n'));
  }
}

function row({ id, isActive, lastAccessedAt, tenantId }: SessionInfo): string {
  const state = isActive ? '[running]' : '[idle]';
  const tenant = tenantId === undefined ? '' : `  tenant: ${plain(tenantId)}`;
  return `  ${plain(id)}  ${state}  last accessed: ${new Date(lastAccessedAt).toLocaleString()}${tenant}`;
}

async function stop(id: string, flags: ServerFlags): Promise<void> {
  await (await client(flags)).deleteSession(id);
  say('OK', `Session "${plain(id)}" destroyed.`, stdout);
}

async function client(flags: ServerFlags) {
  await readConfig();
  const { RemoteIsol8 } = await import('isol8');
  return new RemoteIsol8(await serverOf(flags), { debug: isDebug() });
}
