/** The database of keys goes away and comes back: nobody gets in meanwhile but the operator, and nothing is lost. */
import { renameSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Caller } from '../support/caller.js';
import { DatabaseServer, database, PASSWORD } from '../support/databases.js';
import { type MadeKey, makeKey } from '../support/keys.js';
import { liveServer } from '../support/live-server.js';
import { until, within } from '../support/until.js';

const UNAVAILABLE = [503, { error: 'API keys cannot be checked at the moment', code: 'AUTH_DATABASE' }];

/** More than any answer takes, whatever the database does. */
const PATIENCE_MS = 20_000;

const serving = async (connectionString: string) => {
  const auth = { enabled: true, connectionString };
  return new Caller((await liveServer({ auth, maxConcurrent: 2 })).host);
};

const ready = async (host: string): Promise<[status: number, answer: any]> => {
  const response = await within('GET /ready', 10_000, fetch(`${host}/ready`));
  return [response.status, await response.json()];
};

/** What everybody gets to hear while there is no database. */
async function isAway(master: Caller, client: Caller, made: MadeKey) {
  expect(await within('an answer', PATIENCE_MS, client.answer('GET', '/sessions'))).toEqual(UNAVAILABLE);
  expect(await ready(master.host)).toEqual([503, { status: 'unready', docker: true, keys: false, ending: false }]);
  // What is no key is known to be none, and the operator needs no database.
  expect((await new Caller(master.host, 'wrong').answer('GET', '/sessions'))[0]).toBe(403);
  expect(await master.run('echo served')).toMatchObject([200, { stdout: 'served' }]);
  expect((await fetch(`${master.host}/health`)).status).toBe(200);
  const failures = await Promise.all(
    [
      master.answer('POST', '/auth/keys', { name: 'lost' }),
      master.answer('POST', '/auth/login', { name: 'lost' }),
      master.answer('GET', '/auth/keys'),
      master.answer('DELETE', `/auth/keys/${made.id}`),
    ].map((answer) => within('an answer', PATIENCE_MS, answer)),
  );
  for (const [status, body] of failures) {
    expect([status, body]).toEqual([
      503,
      { error: expect.stringMatching(/^could not .* in the auth database$/), code: 'AUTH_DATABASE' },
    ]);
    expect(JSON.stringify(body)).not.toContain(PASSWORD);
  }
}

/** As if nothing had been. */
async function isBack(master: Caller, client: Caller, made: MadeKey) {
  expect(await within('an answer', PATIENCE_MS, client.answer('GET', '/sessions'))).toMatchObject([200, {}]);
  await until('the server to be ready', PATIENCE_MS, async () => (await ready(master.host))[0] === 200);
  const [status, { keys }] = await master.answer('GET', '/auth/keys');
  expect([status, keys.map(({ id }: MadeKey) => id)]).toEqual([200, [made.id]]);
}

describe.each(['PostgreSQL', 'MariaDB'] as const)('%s', (store) => {
  let database: DatabaseServer;
  let master: Caller;
  let client: Caller;
  let made: MadeKey;

  beforeAll(async () => {
    database = await DatabaseServer.start(store);
    master = await serving(database.url);
    made = await makeKey(master, { name: 'ci' });
    client = new Caller(master.host, made.key);
    expect(await ready(master.host)).toEqual([200, { status: 'ready', docker: true, keys: true, ending: false }]);
  });

  it('stops and starts again', async () => {
    const running = client.run('sleep 2; echo ended');
    await until('it to run', 20_000, async () => (await master.load()).running === 1);
    await database.stop();
    await isAway(master, client, made);
    // Who was let in before may stay.
    expect(await running).toMatchObject([200, { stdout: 'ended' }]);
    await database.startAgain();
    await isBack(master, client, made);
  }, 120_000);

  it('is started anew while many ask, and all that come after are answered', async () => {
    const ask = () => Promise.all(Array.from({ length: 24 }, () => client.answer('GET', '/sessions')));
    await ask();
    await database.stop();
    await database.startAgain();
    for (const [status] of await ask()) expect(status).toBe(200);
    await isBack(master, client, made);
  }, 120_000);

  it('says nothing any more, for a while', async () => {
    await database.freeze(true);
    try {
      await isAway(master, client, made);
    } finally {
      await database.freeze(false);
    }
    await isBack(master, client, made);
  }, 120_000);
});

describe('SQLite', () => {
  it('has lost its file, and gets it back', async () => {
    const path = await database('SQLite');
    const master = await serving(path);
    const made = await makeKey(master, { name: 'ci' });
    const client = new Caller(master.host, made.key);
    expect(await ready(master.host)).toEqual([200, { status: 'ready', docker: true, keys: true, ending: false }]);
    const files = ['', '-wal', '-shm'];
    for (const suffix of files) renameSync(path + suffix, `${path}.away${suffix}`);
    await until('the last answer to be old', PATIENCE_MS, async () => (await ready(master.host))[0] === 503);
    await isAway(master, client, made);
    for (const suffix of files) renameSync(`${path}.away${suffix}`, path + suffix);
    await isBack(master, client, made);
  });
});
