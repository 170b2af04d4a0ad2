/** What `isol8 serve` keeps to itself, and what it does not fetch from elsewhere. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLI } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { statOf } from '../support/proc.js';
import { cli, type Options, Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { within } from '../support/until.js';

const KEY = 'a-master-key-for-nobody-else';

/** Command lines of a process and of all that it has started. */
function commandLines(pid: number | undefined): string[] {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const look = <T>(read: () => T) => {
    try {
      return read();
    } catch {
      // It has ended meanwhile.
      return undefined;
    }
  };
  const children = processes.filter((id) => look(() => Number(statOf(id)[1])) === pid);
  return [
    look(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '',
    ...children.flatMap((id) => commandLines(Number(id))),
  ];
}

async function serve(args: string[], options: Options = {}): Promise<Process> {
  const env = { HOME: scratch(), ISOL8_API_KEY: undefined, ...options.env };
  return cli(['serve', '--port', String(await freePort()), '--host-bind', '127.0.0.1', ...args], { ...options, env });
}

/** What a server has printed from its start to its end. */
async function ended(server: Process): Promise<string> {
  server.kill('SIGTERM');
  const { code, stdout, stderr } = await within('the server to end', 10_000, server.ended);
  expect(code, stderr).toBe(0);
  return stdout + stderr;
}

// W92: a program was downloaded, without a check of what came, and kept for later.
describe('W92: the server is a part of isol8', () => {
  it('and is started where nothing can be reached, with --update as well', async () => {
    const home = scratch();
    const start = 'ip link set lo up && exec "$0" "$@"';
    const command = ['--net', 'sh', '-c', start, process.execPath, CLI, 'serve', '--update', '--key', KEY];
    const server = new Process('unshare', command, { env: { HOME: home }, cwd: home });
    await server.printed('listening on http://localhost:3000');
    expect(server.stdout).toContain('there is nothing to download or to update');
    expect(commandLines(server.pid)).toHaveLength(1);
    await ended(server);
    expect(existsSync(join(home, '.isol8'))).toBe(false);
  });
});

// W93: the key was on the command line of the process that was the server.
describe('W93: the master key is on no command line, and in no line of the log', () => {
  it.each([
    ['the environment', () => ({ args: [], env: { ISOL8_API_KEY: KEY } })],
    [
      'a file',
      () => {
        const file = join(scratch(), 'key');
        writeFileSync(file, `${KEY}\n`);
        return { args: ['--key-file', file], env: {} };
      },
    ],
  ])('when it comes from %s', async (_, from) => {
    const { args, env } = from();
    const server = await serve(['--debug', ...args], { env });
    await server.printed('listening on');
    for (const line of commandLines(server.pid)) expect(line).not.toContain(KEY);
    const host = /http:\/\/localhost:\d+/.exec(server.stdout)?.[0] ?? '';
    const health = await fetch(`${host.replace('localhost', '127.0.0.1')}/sessions`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect(health.status).toBe(200);
    expect(await ended(server)).not.toContain(KEY);
  });
});

// W94: URLs of databases were printed with their passwords, and logged.
describe('W94: the password of a database is not shown', () => {
  const PASSWORD = 'hunter2';

  it.each([
    `postgres://isol8:${PASSWORD}@127.0.0.1:1/keys`,
    `mysql://isol8:${PASSWORD}@127.0.0.1:1/keys`,
    `postgres://127.0.0.1:1/keys?user=isol8&password=${PASSWORD}`,
  ])('by a server that cannot reach it: %s', async (url) => {
    const server = await serve(['--debug', '--auth-db', url], { env: { ISOL8_API_KEY: KEY } });
    const { code, stdout, stderr } = await within('the server to give up', 25_000, server.ended);
    expect(code).toBe(1);
    expect(stderr).toContain('[ERR]');
    expect(stdout + stderr).not.toContain(PASSWORD);
  });
});
