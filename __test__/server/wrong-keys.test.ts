/** Whoever tries keys that nobody has: they get no further, and nobody else waits for it. */
import { randomBytes } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { Caller } from '../support/caller.js';
import { database } from '../support/databases.js';
import { keyOf, makeKey } from '../support/keys.js';
import { liveServer } from '../support/live-server.js';
import { until } from '../support/until.js';

let master: Caller;

beforeAll(async () => {
  const auth = { enabled: true, connectionString: await database('SQLite') };
  master = new Caller((await liveServer({ auth, server: { limits: { perKey: { perMinute: 10 } } } })).host);
});

const asking = (key: string) => new Caller(master.host, key).ask('GET', '/sessions');
const guess = () => asking(`isol8_${randomBytes(32).toString('hex')}`);

it('after some hundred in a minute, an address has to wait with further ones, and the database is not asked', async () => {
  const known = await keyOf(master, 'team');
  expect((await asking(known)).status).toBe(200);
  const answers = await Promise.all(Array.from({ length: 400 }, guess));
  const statuses = answers.map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([403, 429]));
  expect(statuses.filter((status) => status === 403).length).toBeGreaterThanOrEqual(300);
  // Meanwhile there may be one to be had again.
  const refused = await until('a refusal', 20_000, async () => {
    const answer = await guess();
    return answer.status === 429 && answer;
  });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toEqual({ error: 'too many wrong keys from this address', code: 'RATE_LIMITED' });
  // Who was let in before, even if through the same proxy, and the operator, have nothing to do with it.
  expect((await asking(known)).status).toBe(200);
  expect((await master.ask('GET', '/sessions')).status).toBe(200);
  // What cannot be a key needs no database to be known for none.
  expect((await asking('wrong')).status).toBe(403);
});

it('how often a key may be used is known before the database is asked, and whether it is good no later than always', async () => {
  const { id, key } = await makeKey(master, { name: 'often' });
  // It may have to wait for what the test before has tried.
  let last = await asking(key);
  while (last.status === 429) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    last = await asking(key);
  }
  expect(last.status).toBe(200);
  expect((await asking(key)).status).toBe(200);
  await master.answer('DELETE', `/auth/keys/${id}`);
  expect((await asking(key)).status).toBe(403);
});
