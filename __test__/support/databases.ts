/**
 * Databases of keys: SQLite files, and servers of PostgreSQL and MariaDB that listen on this machine only.
 *
 * A database server goes with the test file that started it. A shell waits beside it for the end of its input, which
 * comes when the process of the tests ends, in whatever way; then it stops the server and removes its files.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';
import { freePort } from './ports.js';
import { until } from './until.js';

const run = promisify(execFile);

/** In URLs and nowhere else, so it is easy to see where it should not be. */
export const PASSWORD = 'hunter2';

/** Neither server runs as root: as whom instead (`nobody`). */
const NOBODY = 65534;

/** In MariaDB. PostgreSQL has one from the start. */
const DATABASE = 'isol8';

/** Longest that a server takes to start. */
const START_MS = 60_000;

/** `sh -c WATCH sh SIGNAL DIRECTORY SERVER ARGS…`: says `stop` and `remove` when told so, or when it is alone. */
const WATCH = `signal=$1 dir=$2; shift 2
"$@" >"$dir.log" 2>&1 &
echo $!
read -r files
kill -s "$signal" $!; wait $!
[ "$files" = keep ] || rm -rf "$dir" "$dir.log" "$dir.password"`;

/** Where keys can be kept. */
export const STORES = ['SQLite', 'PostgreSQL', 'MariaDB'] as const;

export type Store = (typeof STORES)[number];

/** A database of its own, with nothing in it: the path of a file, or a URL. Call it where hooks can be declared. */
export async function database(store: Store): Promise<string> {
  if (store === 'SQLite') {
    const directory = mkdtempSync(join(tmpdir(), 'isol8-keys-'));
    afterAll(() => rmSync(directory, { recursive: true, force: true }));
    return join(directory, 'auth.db');
  }
  return (await DatabaseServer.start(store)).url;
}

/** A database server with one database. */
export class DatabaseServer {
  readonly #directory = join(tmpdir(), `isol8-test-${randomUUID()}`);
  #watching: ChildProcess | undefined;
  #pid = 0;

  private constructor(
    readonly store: Exclude<Store, 'SQLite'>,
    readonly port: number,
  ) {}

  static async start(store: Exclude<Store, 'SQLite'>): Promise<DatabaseServer> {
    const server = new DatabaseServer(store, await freePort());
    mkdirSync(server.#directory);
    if (isRoot()) chownSync(server.#directory, NOBODY, NOBODY);
    afterAll(() => server.#end(''));
    await server.#make();
    await server.startAgain();
    return server;
  }

  get url(): string {
    const [scheme, name] = this.#isPostgres ? ['postgres', 'postgres'] : ['mysql', DATABASE];
    return `${scheme}://isol8:${PASSWORD}@127.0.0.1:${this.port}/${name}`;
  }

  /** After {@link stop}: with the same data, on the same port. */
  async startAgain(): Promise<void> {
    const data = join(this.#directory, 'data');
    const [signal, program, ...args] = this.#isPostgres
      ? ['INT', find('postgres'), '-D', data, ...settings('-c', this.#postgresSettings)]
      : ['TERM', find('mariadbd'), '--no-defaults', `--datadir=${data}`, ...this.#mariadbOptions];
    const watching = spawn('/bin/sh', ['-c', WATCH, 'sh', signal, this.#directory, program, ...args], {
      ...this.#asNobody,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#watching = watching;
    const [line] = await once(watching.stdout.setEncoding('utf8'), 'data');
    this.#pid = Number(line);
    // MariaDB listens once it is ready.
    await until(`${this.store} to start`, START_MS, async () => {
      if (watching.exitCode !== null) throw new Error(readFileSync(`${this.#directory}.log`, 'utf8'));
      if (!this.#isPostgres) return listens(this.port);
      const ready = run(find('pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(this.port)]);
      return ready.then(
        () => true,
        () => false,
      );
    });
  }

  /** Stops it as an operator would; its data stays. */
  stop(): Promise<void> {
    return this.#end('keep\n');
  }

  /** Has it do nothing any more, with all connections open; or go on. */
  async freeze(frozen: boolean): Promise<void> {
    const signal = frozen ? 'SIGSTOP' : 'SIGCONT';
    process.kill(this.#pid, signal);
    // PostgreSQL has a process for each connection.
    const children = readFileSync(`/proc/${this.#pid}/task/${this.#pid}/children`, 'utf8').split(' ').filter(Boolean);
    for (const child of children) signalled(Number(child), signal);
    // Its threads stop one after the other, and until then they may answer.
    const processes = [String(this.#pid), ...children];
    await until(`${this.store} to stop or go on`, 10_000, () =>
      processes.every((id) => isStopped(id, frozen) === frozen),
    );
  }

  async #end(whatToDoWithItsFiles: string): Promise<void> {
    const watching = this.#watching;
    this.#watching = undefined;
    if (!watching) return;
    const ended = once(watching, 'close');
    watching.stdin?.end(whatToDoWithItsFiles);
    await ended;
  }

  async #make(): Promise<void> {
    const data = join(this.#directory, 'data');
    if (this.#isPostgres) {
      const password = `${this.#directory}.password`;
      writeFileSync(password, PASSWORD);
      const args = ['--pwfile', password, '--username=isol8', '--auth=scram-sha-256', '--no-sync', '--pgdata', data];
      await run(find('initdb'), args, this.#asNobody);
      return;
    }
    // What `mariadb-install-db` does, which needs programs that come with the client, but for the help texts.
    execFileSync('/bin/mkdir', [data], this.#asNobody);
    const tables = ['mysql_system_tables.sql', 'mysql_system_tables_data.sql'];
    const scripts = tables.map((file) => readFileSync(join('/usr/share/mysql', file), 'utf8'));
    const bootstrap = ['CREATE DATABASE mysql;', 'USE mysql;', 'SET @auth_root_socket = NULL;', ...scripts].join('\n');
    const args = [
      '--no-defaults',
      '--bootstrap',
      '--skip-log-bin',
      '--innodb-buffer-pool-size=16M',
      `--datadir=${data}`,
    ];
    execFileSync(find('mariadbd'), args, { ...this.#asNobody, input: bootstrap, stdio: ['pipe', 'ignore', 'ignore'] });
    const user = `'isol8'@'127.0.0.1' IDENTIFIED BY '${PASSWORD}'`;
    writeFileSync(
      join(this.#directory, 'init.sql'),
      `CREATE DATABASE IF NOT EXISTS ${DATABASE};\nGRANT ALL ON *.* TO ${user};\n`,
    );
  }

  get #isPostgres(): boolean {
    return this.store === 'PostgreSQL';
  }

  get #postgresSettings(): string[] {
    return ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', `port=${this.port}`];
  }

  get #mariadbOptions(): string[] {
    const files = Object.entries({ socket: 'socket', 'pid-file': 'pid', 'init-file': 'init.sql' });
    return [
      `--port=${this.port}`,
      ...files.map(([option, file]) => `--${option}=${join(this.#directory, file)}`),
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
      '--innodb-buffer-pool-size=16M',
    ];
  }

  get #asNobody() {
    return { cwd: this.#directory, ...(isRoot() && { uid: NOBODY, gid: NOBODY }) };
  }
}

/** Sends a signal to a process, unless it has ended meanwhile. */
function signalled(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(id, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether all threads of a process are; one that has ended meanwhile is as it should be. */
function isStopped(id: string, frozen: boolean): boolean {
  try {
    const threads = readdirSync(`/proc/${id}/task`);
    return threads.every((thread) => /\) T /.test(readFileSync(`/proc/${id}/task/${thread}/stat`, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return frozen;
    throw error;
  }
}

const isRoot = () => process.getuid?.() === 0;

const settings = (flag: string, values: string[]) => values.flatMap((value) => [flag, value]);

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** Where Debian keeps it, newest first, or wherever it can be run from. */
function find(name: string): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const directories = [
    ...versions.map((version) => join(root, version, 'bin')),
    ...(process.env.PATH ?? '').split(':'),
    '/usr/sbin',
  ];
  const found = directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
  if (!found) throw new Error(`no ${name}: \`npm test\` installs PostgreSQL and MariaDB where it can`);
  return found;
}
