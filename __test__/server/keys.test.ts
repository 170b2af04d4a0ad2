/** Keys of a server over HTTP, on all databases that can hold them: made, listed, used, expired, revoked. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer } from 'isol8';
import { beforeAll, describe, expect, it } from 'vitest';
import { bash, Caller } from '../support/caller.js';
import { database, PASSWORD, STORES } from '../support/databases.js';
import { keyOf, type MadeKey, makeKey } from '../support/keys.js';
import { KEY, liveServer } from '../support/live-server.js';
import { ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';
import { Socket } from '../support/web-socket.js';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const INVALID = [403, { error: 'Invalid API key', code: 'UNAUTHORIZED' }];

interface Listed {
  id: string;
  name: string;
  tenantId: string;
  lastUsedAt: string | null;
  revoked: boolean;
}

const list = async (master: Caller, query = ''): Promise<Listed[]> => {
  const [status, { keys }] = await master.answer('GET', `/auth/keys${query}`);
  expect(status).toBe(200);
  return keys;
};

const revoke = (master: Caller, id: string) => master.answer('DELETE', `/auth/keys/${id}`);

/** Whether a key is let in, or what is said instead. */
const tried = async (host: string, key: string) => {
  const [status, answer] = await new Caller(host, key).answer('GET', '/sessions');
  return status === 200 ? 'let in' : [status, answer];
};

describe.each(STORES)('with %s', (store) => {
  let url: string;
  let master: Caller;

  beforeAll(async () => {
    url = await database(store);
    master = new Caller((await liveServer({ auth: { enabled: true, connectionString: url } })).host);
  });

  it('a key is made, and is good for everything but keys from then on', async () => {
    const before = Date.now();
    const made = await makeKey(master, { name: ' build ', ttlMs: 60_000 });
    expect(made).toEqual({
      id: expect.stringMatching(UUID),
      key: expect.stringMatching(/^isol8_[0-9a-f]{64}$/),
      name: 'build',
      keyPrefix: `${made.key.slice(0, 10)}...`,
      tenantId: 'default',
      expiresAt: expect.stringMatching(ISO),
    });
    expect(Date.parse(made.expiresAt) - before).toBeGreaterThanOrEqual(60_000);
    expect(Date.parse(made.expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);

    const client = new Caller(master.host, made.key);
    expect(await client.run('echo ran')).toMatchObject([200, { stdout: 'ran' }]);
    const masters = [403, { error: 'Master key required for this operation', code: 'FORBIDDEN' }];
    expect(await client.answer('GET', '/auth/keys')).toEqual(masters);
    expect(await client.answer('POST', '/auth/keys', { name: 'more' })).toEqual(masters);
    expect(await client.answer('DELETE', `/auth/keys/${made.id}`)).toEqual(masters);
    expect(await client.answer('POST', '/auth/login', { name: 'more' })).toEqual(masters);
  });

  it('a login is a key like any other', async () => {
    const [status, given] = await master.answer('POST', '/auth/login');
    expect([status, given]).toEqual([
      200,
      {
        token: expect.stringMatching(/^isol8_[0-9a-f]{64}$/),
        expiresAt: expect.stringMatching(ISO),
        keyId: expect.stringMatching(UUID),
      },
    ]);
    // A day, as the configuration says when it says nothing.
    expect(Date.parse(given.expiresAt) - Date.now()).toBeGreaterThan(86_000_000);
    const [, named] = await master.answer('POST', '/auth/login', { name: 'laptop', tenantId: 'people', ttlMs: 5000 });
    expect(Date.parse(named.expiresAt) - Date.now()).toBeLessThanOrEqual(5000);
    const keys = await list(master);
    const [laptop, unnamed] = [named, given].map(({ keyId }) => keys.find(({ id }) => id === keyId));
    expect(laptop).toMatchObject({ name: 'laptop', tenantId: 'people' });
    expect(unnamed?.name).toMatch(/^login-\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(await tried(master.host, given.token)).toBe('let in');
    expect((await new Caller(master.host, given.token).answer('GET', '/auth/keys'))[0]).toBe(403);
  });

  // W120: lists had no order. W116: nor did the tenant matter.
  it('W116, W120: lists are newest first, of everybody or of one tenant, and have no key', async () => {
    const made: MadeKey[] = [];
    for (const [name, tenantId] of [
      ['1', 'red'],
      ['2', 'blue'],
      ['3', 'red'],
    ]) {
      made.push(await makeKey(master, { name, tenantId }));
    }
    const all = await list(master);
    expect(all.slice(0, 3).map(({ name }) => name)).toEqual(['3', '2', '1']);
    expect((await list(master, '?tenantId=red')).map(({ name }) => name)).toEqual(['3', '1']);
    expect(await list(master, '?tenantId=green')).toEqual([]);
    expect(all[1]).toEqual({
      id: made[1]?.id,
      name: '2',
      keyPrefix: made[1]?.keyPrefix,
      tenantId: 'blue',
      createdAt: expect.stringMatching(ISO),
      expiresAt: made[1]?.expiresAt,
      lastUsedAt: null,
      revoked: false,
    });
    for (const { key } of made) expect(JSON.stringify(all)).not.toContain(key.slice(10));
  });

  it('a revoked key is refused at once, for ever, and everywhere', async () => {
    const { id, key } = await makeKey(master, { name: 'lost' });
    const other = await makeKey(master, { name: 'kept' });
    for (let n = 0; n < 5; n++) expect(await tried(master.host, key)).toBe('let in');
    expect(await revoke(master, id)).toEqual([200, { ok: true, id }]);
    expect(await tried(master.host, key)).toEqual(INVALID);
    const client = new Caller(master.host, key);
    expect(await client.answer('POST', '/execute', bash('echo ran'))).toEqual(INVALID);
    expect((await list(master)).find((listed) => listed.id === id)?.revoked).toBe(true);
    // There still is such a key.
    expect(await revoke(master, id.toUpperCase())).toMatchObject([200, { ok: true }]);
    expect(await tried(master.host, key)).toEqual(INVALID);
    expect(await tried(master.host, other.key)).toBe('let in');
  });

  // It was looked at when the connection was opened, and never again.
  it('a revoked key runs nothing over a WebSocket that is open already', async () => {
    const { id, key } = await makeKey(master, { name: 'waiting' });
    const [good, socket] = [await Socket.open(master.host, { key }), await Socket.open(master.host, { key })];
    await pause(1500);
    good.execute('echo ran');
    await good.closed;
    expect(good.stdout).toBe('ran\n');
    await revoke(master, id);
    socket.execute('echo ran');
    await socket.closed;
    expect(socket.events).toMatchObject([{ type: 'error', data: 'Invalid API key', code: 'UNAUTHORIZED' }]);
  });

  it('what an execution has begun, it may end, although its key is revoked meanwhile', async () => {
    const { id, key } = await makeKey(master, { name: 'going' });
    const running = new Caller(master.host, key).run('sleep 1; echo ended');
    await until('it to run', 20_000, async () => (await master.load()).running > 0);
    await revoke(master, id);
    expect(await running).toMatchObject([200, { stdout: 'ended' }]);
  });

  it('a key that has expired is refused', async () => {
    const { key, expiresAt } = await makeKey(master, { name: 'short', ttlMs: 2000 });
    expect(await tried(master.host, key)).toBe('let in');
    await until('it to expire', 20_000, async () => (await tried(master.host, key)) !== 'let in');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
    expect(await tried(master.host, key)).toEqual(INVALID);
  });

  it('W119: a list tells when a key was last used', async () => {
    const { id, key } = await makeKey(master, { name: 'used' });
    const used = async () => (await list(master)).find((listed) => listed.id === id)?.lastUsedAt;
    expect(await used()).toBeNull();
    const before = Date.now();
    await tried(master.host, key);
    const at = await until('the use to be written', 20_000, used);
    expect(at).toMatch(ISO);
    expect(Date.parse(at)).toBeGreaterThanOrEqual(before);
    // To the minute, and not with every request.
    for (let n = 0; n < 20; n++) await tried(master.host, key);
    expect(await used()).toBe(at);
  });

  it.each(['6f1c3a52-8f4e-4b0e-9a53-0d8a4b1f2c3d', 'no-uuid', '%27%20OR%201%3D1%20--', '../keys'])(
    'there is no key %j to revoke',
    async (id) => {
      const before = await list(master);
      expect(await revoke(master, id.replaceAll('../', '..%2F'))).toEqual([
        404,
        { error: 'Key not found', code: 'NOT_FOUND' },
      ]);
      expect(await list(master)).toEqual(before);
    },
  );

  it('the key of another server is none here, nor is anything like a key', async () => {
    const { key } = await makeKey(master, { name: 'good' });
    const last = key.at(-1) === '0' ? '1' : '0';
    for (const wrong of [
      `isol8_${'0'.repeat(64)}`,
      key.slice(0, -1) + last,
      key.slice(0, -1),
      `${key}0`,
      key.toUpperCase(),
      key.slice('isol8_'.length),
      `${key.slice(0, 10)}...`,
      `isol8_${"' OR '1'='1".padEnd(64, '0')}`,
    ]) {
      expect(await tried(master.host, wrong)).toEqual(INVALID);
    }
    expect(await tried(master.host, key)).toBe('let in');
  });

  it('servers that have one database have the same keys, and each knows at once what another does', async () => {
    // As many start at once as can get in each other’s way; the database has been brought up to date before.
    const servers = await Promise.all(
      [1, 2, 3].map(() =>
        createServer({ port: 0, host: '127.0.0.1', apiKey: 'another-master-key', authDbPath: url, config: {} }),
      ),
    );
    try {
      const others = servers.map(({ port }) => new Caller(`http://127.0.0.1:${port}`, 'another-master-key'));
      const made = await makeKey(master, { name: 'shared', tenantId: 'team' });
      for (const { host } of others) expect(await tried(host, made.key)).toBe('let in');
      const theirs = await Promise.all(others.map((other) => makeKey(other, { name: 'theirs' })));
      for (const { key } of theirs) expect(await tried(master.host, key)).toBe('let in');
      const [first, second] = others as [Caller, Caller];
      expect((await list(first)).map(({ id }) => id).sort()).toEqual((await list(second)).map(({ id }) => id).sort());
      await revoke(first, made.id);
      for (const { host } of [master, ...others]) expect(await tried(host, made.key)).toEqual(INVALID);
      // The master key of one is nobody’s with another.
      expect(await tried(first.host, KEY)).toEqual(INVALID);
      // Each shows the database as it may be shown.
      for (const { authDatabase } of servers) expect(authDatabase).toBe(url.replace(PASSWORD, '***'));
    } finally {
      await Promise.all(servers.map((server) => server.shutdown()));
    }
    expect(await tried(master.host, await keyOf(master, 'after'))).toBe('let in');
  });

  // W121: expiry was compared as text. W115: the timer survived the server.
  it('W115, W121: what is no longer valid is swept from the database, and nothing else', async () => {
    const auth = { enabled: true, connectionString: url, cleanupIntervalMs: 200 };
    const sweeping = await createServer({ port: 0, host: '127.0.0.1', apiKey: KEY, config: { auth } });
    const lasting = await makeKey(master, { name: 'lasting', ttlMs: 100 * 365 * 86_400_000 });
    const expiring = await makeKey(master, { name: 'expiring', ttlMs: 500 });
    const revoked = await makeKey(master, { name: 'revoked' });
    await revoke(master, revoked.id);
    await until('the sweep', 20_000, async () => {
      const ids = (await list(master)).map(({ id }) => id);
      return !ids.includes(expiring.id) && !ids.includes(revoked.id);
    });
    expect((await list(master)).map(({ id }) => id)).toContain(lasting.id);
    for (const { key } of [expiring, revoked]) expect(await tried(master.host, key)).toEqual(INVALID);
    expect(await tried(master.host, lasting.key)).toBe('let in');
    expect(await revoke(master, revoked.id)).toMatchObject([404, { error: 'Key not found' }]);
    await sweeping.shutdown();
    const left = await makeKey(master, { name: 'left' });
    await revoke(master, left.id);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await list(master)).map(({ id }) => id)).toContain(left.id);
  });

  it('a server that is killed while it makes keys leaves none half made', async () => {
    const server = await ServerProcess.start({ flags: ['--auth-db', url] });
    const made: MadeKey[] = [];
    const asking = Array.from({ length: 8 }, async (_, index) => {
      for (let n = 0; ; n++)
        made.push(await makeKey(server.caller, { name: `killed-${index}-${n}`, tenantId: 'killed' }));
    });
    const ends = Promise.allSettled(asking);
    await until('some keys', 30_000, () => made.length >= 40);
    server.process.kill('SIGKILL');
    await server.process.ended;
    await ends;

    const again = await ServerProcess.start({ flags: ['--auth-db', url] });
    const kept = await list(again.caller, '?tenantId=killed');
    const ids = new Set(kept.map(({ id }) => id));
    for (const { id, key } of made) {
      expect(ids.has(id)).toBe(true);
      expect(await tried(again.host, key)).toBe('let in');
    }
    // Some may have been kept whose maker was never told; those are whole as well.
    expect(kept.length).toBeLessThanOrEqual(made.length + 8);
    for (const key of kept) {
      expect(key).toEqual({
        id: expect.stringMatching(UUID),
        name: expect.stringMatching(/^killed-\d-\d+$/),
        keyPrefix: expect.stringMatching(/^isol8_[0-9a-f]{4}\.\.\.$/),
        tenantId: 'killed',
        createdAt: expect.stringMatching(ISO),
        expiresAt: expect.stringMatching(ISO),
        lastUsedAt: expect.toBeOneOf([null, expect.stringMatching(ISO)]),
        revoked: false,
      });
    }
    expect(await revoke(again.caller, made[0]?.id ?? '')).toMatchObject([200, { ok: true }]);
    expect(again.process.stdout).toContain(`       Auth DB: ${url.replace(PASSWORD, '***')}\n`);
    for (const { process } of [server, again]) expect(process.stdout + process.stderr).not.toContain(PASSWORD);
  });
});

describe('what makes no sense of a key is refused', () => {
  let master: Caller;
  let url: string;

  beforeAll(async () => {
    url = await database('SQLite');
    master = new Caller(
      (await liveServer({ auth: { enabled: true, connectionString: url, defaultTtlMs: 7000 } })).host,
    );
  });

  const asked = async (path: string, body: string) => {
    const response = await fetch(master.host + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}` },
      body,
    });
    return [response.status, await response.json()];
  };

  it.each(['', '{}', '{"name":""}', '{"name":" \\t"}', '{"name":null}', '{"tenantId":"a"}'])(
    'a key without a name: %j',
    async (body) => {
      expect(await asked('/auth/keys', body)).toEqual([400, { error: 'name is required', code: 'INVALID_REQUEST' }]);
    },
  );

  // W118: the lifetime was not looked at.
  it.each([
    ['0', 'ttlMs'],
    ['-1', 'ttlMs'],
    ['-1e300', 'ttlMs'],
    ['1e300', 'ttlMs'],
    ['1e999', 'number out of range'],
    ['NaN', 'invalid JSON'],
    ['Infinity', 'invalid JSON'],
    ['"1000"', 'invalid type: string "1000"'],
    ['true', 'invalid type: boolean'],
    ['[1]', 'invalid type: sequence'],
  ])('W118: a lifetime of %s', async (ttlMs, error) => {
    for (const path of ['/auth/keys', '/auth/login']) {
      expect(await asked(path, `{"name":"a","ttlMs":${ttlMs}}`)).toEqual([
        400,
        { error: expect.stringContaining(error), code: 'INVALID_REQUEST' },
      ]);
    }
  });

  it.each([
    [{ name: 'x'.repeat(257) }, 'name must be at most 256 characters'],
    [{ name: 'a\u0000b' }, 'without control characters'],
    [{ name: 'a\u001b[2J' }, 'without control characters'],
    [{ name: 1 }, 'invalid type: integer `1`, expected a string'],
    [{ name: 'a', tenantId: '' }, 'tenantId'],
    [{ name: 'a', tenantId: 'x'.repeat(300) }, 'tenantId'],
    [{ name: 'a', tenantId: 'a\nb' }, 'tenantId'],
    [{ name: 'a', role: 'master' }, 'unknown field `role`'],
    [{ name: 'a', id: '6f1c3a52-8f4e-4b0e-9a53-0d8a4b1f2c3d' }, 'unknown field `id`'],
    [{ name: 'a', key: `isol8_${'0'.repeat(64)}` }, 'unknown field `key`'],
    [{ name: 'a', __proto__x: 1 }, 'unknown field'],
  ])('%j', async (body, error) => {
    expect(await asked('/auth/keys', JSON.stringify(body))).toEqual([
      400,
      { error: expect.stringContaining(error), code: 'INVALID_REQUEST' },
    ]);
    expect(await list(master)).toEqual([]);
  });

  it('and nothing is said where everything is: the configuration decides', async () => {
    const { expiresAt, tenantId } = await makeKey(master, { name: 'usual', ttlMs: null, tenantId: null });
    expect(tenantId).toBe('default');
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(7000);
    expect((await master.answer('GET', '/auth/keys?tenantId='))[0]).toBe(400);
  });

  it('the files of the database have no key, and are for their owner only', async () => {
    const { key } = await makeKey(master, { name: 'hidden' });
    const directory = dirname(url);
    for (const name of readdirSync(directory)) {
      expect(readFileSync(join(directory, name)).includes(key.slice(10))).toBe(false);
    }
  });

  it('the master key is good whatever is in the database', async () => {
    const [status] = await new Caller(master.host, KEY).answer('GET', '/auth/keys');
    expect(status).toBe(200);
    for (const written of [KEY.toUpperCase(), KEY.slice(0, -1), `${KEY} `.repeat(2), '']) {
      expect(await tried(master.host, written)).toEqual(INVALID);
    }
  });
});
