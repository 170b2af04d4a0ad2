/**
 * Tenants: what one has does not exist for another. Whatever somebody asks about what is another's is answered as if
 * there were no such thing: by the same status, the same body and in the same time (W109, W116).
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { bash, Caller, eventsOf } from '../support/caller.js';
import { database } from '../support/databases.js';
import { docker } from '../support/docker.js';
import { keyOf } from '../support/keys.js';
import { liveServer } from '../support/live-server.js';
import { until } from '../support/until.js';
import { Socket } from '../support/web-socket.js';

let master: Caller;
let alice: Caller;
/** With another key of the same tenant. */
let alicia: Caller;
let bob: Caller;

beforeAll(async () => {
  const auth = { enabled: true, connectionString: await database('SQLite') };
  master = new Caller((await liveServer({ auth, maxConcurrent: 6, server: { limits: { sessions: 4 } } })).host);
  const caller = async (tenant: string) => new Caller(master.host, await keyOf(master, tenant));
  [alice, alicia, bob] = await Promise.all([caller('alice'), caller('alice'), caller('bob')]);
});

const id = 'the-same-name';
const file = (caller: Caller, more = '') => caller.answer('GET', `/file?sessionId=${id}&path=secret${more}`);
const put = (caller: Caller, more = '') =>
  caller.answer('POST', `/file${more}`, { sessionId: id, path: 'secret', content: 'Ym9iCg==' });
const end = (caller: Caller, name = id, more = '') => caller.answer('DELETE', `/session/${name}${more}`);
const exists = async (container: string) => (await docker(['ps', '--quiet', '--filter', `id=${container}`])) !== '';

describe('W109: a session of another tenant', () => {
  let container: string;

  beforeAll(async () => {
    const [, made] = await alice.run('echo alice > secret', id);
    container = made.containerId;
  });

  const unknown = [404, { error: 'Session not found', code: 'SESSION_NOT_FOUND' }];

  it.each(['', '&tenantId=alice', '&tenantId=', '&tenantId=master'])('has no files: %j', async (more) => {
    expect(await file(bob, more)).toEqual(unknown);
    expect(await put(bob, more.replace('&', '?'))).toEqual(unknown);
    expect(await bob.answer('GET', `/file?sessionId=never-there&path=secret${more}`)).toEqual(unknown);
  });

  it.each(['', '?tenantId=alice', '?tenantId=', '?tenantId=master'])('cannot be ended: %j', async (more) => {
    expect(await end(bob, id, more)).toEqual(await end(bob, 'never-there', more));
    expect(await exists(container)).toBe(true);
    expect(await file(alice)).toEqual([200, { content: 'YWxpY2UK' }]);
  });

  it('is in nobody else’s list', async () => {
    expect(await bob.sessions()).toEqual([]);
    expect(await alice.answer('GET', '/sessions')).toEqual([
      200,
      { sessions: [{ id, isActive: false, lastAccessedAt: expect.any(String) }] },
    ]);
  });

  it('is not the one of that name that another makes, by any route', async () => {
    const look = bash('cat secret; hostname', id);
    const [, result] = await bob.answer('POST', '/execute', look);
    expect(result).toMatchObject({ stderr: 'cat: secret: No such file or directory' });
    expect(result.containerId).not.toBe(container);
    const streamed = await eventsOf(await bob.ask('POST', '/execute/stream', look));
    const socket = await Socket.open(bob.host, { key: bob.key });
    socket.send({ type: 'execute', ...look });
    await socket.closed;
    for (const events of [streamed, socket.events]) {
      expect(events.map(({ data }) => data).join('')).toContain('No such file');
    }
    expect(await put(bob)).toEqual([200, { ok: true }]);
    expect(await file(bob)).toEqual([200, { content: 'Ym9iCg==' }]);
    expect(await file(alice)).toEqual([200, { content: 'YWxpY2UK' }]);
    expect(await end(bob)).toEqual([200, { ok: true }]);
    expect(await exists(container)).toBe(true);
  });

  it('is not ended by what another cleans up', async () => {
    await bob.run(':', 'own');
    expect(await bob.answer('POST', '/cleanup', {})).toMatchObject([200, { sessions: { removed: 1 } }]);
    expect(await exists(container)).toBe(true);
    expect((await alice.sessions()).map((session) => session.id)).toEqual([id]);
  });

  it('is shared by the keys of its tenant', async () => {
    expect(await file(alicia)).toEqual([200, { content: 'YWxpY2UK' }]);
    expect((await alicia.sessions()).map((session) => session.id)).toEqual([id]);
    expect(await alicia.run('cat secret', id)).toMatchObject([200, { stdout: 'alice', containerId: container }]);
  });

  it('does not even show by how long an answer takes, while something runs in it', async () => {
    const running = alice.start('sleep 1000', id);
    await until('it to run', 20_000, async () => (await alice.sessions())[0]?.isActive);
    const ask = {
      'GET of another’s': () => file(bob),
      'GET of nobody’s': () => bob.answer('GET', '/file?sessionId=never-there.&path=secret'),
      'POST to another’s': () => put(bob),
      'POST to nobody’s': () =>
        bob.answer('POST', '/file', { sessionId: 'never-there.', path: 'secret', content: 'Ym9iCg==' }),
      'DELETE of another’s': () => end(bob),
      'DELETE of nobody’s': () => end(bob, 'never-there.'),
    };
    const times = await medians(ask, 120).finally(() => running.abort());
    for (const method of ['GET of', 'POST to', 'DELETE of']) {
      const [others, nobodys] = [times[`${method} another’s`] ?? 0, times[`${method} nobody’s`] ?? 0];
      // What it takes to ask a container anything is more than that.
      expect(Math.abs(others - nobodys), `${method}: ${others} ms, ${nobodys} ms`).toBeLessThan(
        Math.max(1, 0.5 * nobodys),
      );
    }
  });

  it('can be seen and ended by the operator, who says whose it is', async () => {
    await until('it to be idle', 20_000, async () => (await alice.sessions())[0]?.isActive === false);
    await bob.run('echo bob > secret', id);
    await master.run('echo master > secret', id);
    const listed = await master.answer('GET', '/sessions');
    const ids = listed[1].sessions.map((session: any) => [session.id, session.tenantId]);
    expect(ids).toEqual([
      [id, undefined],
      [id, 'alice'],
      [id, 'bob'],
    ]);
    // Their own comes first.
    expect(await file(master)).toEqual([200, { content: 'bWFzdGVyCg==' }]);
    expect(await file(master, '&tenantId=alice')).toEqual([200, { content: 'YWxpY2UK' }]);
    expect(await file(master, '&tenantId=nobody')).toEqual(unknown);
    await end(master);
    const several = 'several tenants have a session of this name: say which with tenantId';
    expect(await file(master)).toEqual([400, { error: several, code: 'INVALID_REQUEST' }]);
    expect(await end(master)).toEqual([400, { error: several, code: 'INVALID_REQUEST' }]);
    expect(await end(master, id, '?tenantId=alice')).toEqual([200, { ok: true }]);
    expect(await exists(container)).toBe(false);
    // Now there is only one that can be meant.
    expect(await file(master)).toEqual([200, { content: 'Ym9iCg==' }]);
    expect(await end(master)).toEqual([200, { ok: true }]);
    expect(await bob.sessions()).toEqual([]);
  });
});

it('a tenant that is called almost like another is nobody else', async () => {
  await Promise.all([alice.run('echo > secret', id), master.run('echo > secret', id)]);
  for (const tenant of ['master', '(master)', 'Alice', 'alice2', 'a', 'al\u0131ce', 'ali ce']) {
    const stranger = new Caller(master.host, await keyOf(master, tenant));
    expect(await stranger.sessions()).toEqual([]);
    expect((await file(stranger))[0]).toBe(404);
  }
  await Promise.all([end(alice), end(master)]);
});

describe('W116: warm sandboxes', () => {
  const container = async (caller: Caller, options?: object) => {
    const [status, { containerId }] = await caller.answer('POST', '/execute', { ...bash('echo > left'), options });
    expect(status).toBe(200);
    return containerId as string;
  };

  it('are never shared between tenants', async () => {
    const used = new Map<string, string>();
    for (let round = 0; round < 4; round++) {
      for (const [name, caller] of Object.entries({ alice, bob, master })) {
        const ran = await container(caller);
        expect(used.get(ran) ?? name).toBe(name);
        used.set(ran, name);
      }
    }
  });

  it('nor between different secrets of one tenant', async () => {
    const used = new Map<string, string>();
    for (let round = 0; round < 3; round++) {
      for (const secret of ['one', 'two']) {
        const ran = await container(alice, { secrets: { KEY: secret } });
        expect(used.get(ran) ?? secret).toBe(secret);
        used.set(ran, secret);
      }
    }
  });
});

describe('what is the operator’s', () => {
  it.each([
    ['GET', '/metrics', undefined],
    ['POST', '/auth/keys', { name: 'more', tenantId: 'alice' }],
    ['GET', '/auth/keys', undefined],
    ['GET', '/auth/keys?tenantId=alice', undefined],
    ['DELETE', '/auth/keys/6f1c3a52-8f4e-4b0e-9a53-0d8a4b1f2c3d', undefined],
    ['POST', '/auth/login', { name: 'more' }],
    // W114: any key could have all images and containers removed.
    ['POST', '/cleanup', { images: true }],
  ])('is refused to others: %s %s', async (method, path, body) => {
    expect(await alice.answer(method, path, body)).toEqual([
      403,
      { error: 'Master key required for this operation', code: 'FORBIDDEN' },
    ]);
  });
});

describe('how much a tenant may have', () => {
  it('is a bounded number of sessions, which others have as well', async () => {
    const names = [1, 2, 3, 4].map((n) => `session-${n}`);
    await Promise.all(names.map((name) => alice.run(':', name)));
    for (const caller of [alice, alicia]) {
      const response = await caller.ask('POST', '/execute', bash(':', 'one-more'));
      expect(response.status).toBe(429);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await response.json()).toEqual({
        error: 'there are 4 sessions, and may be no more (server.limits.sessions)',
        code: 'RATE_LIMITED',
      });
    }
    expect((await alice.sessions()).map((session) => session.id).sort()).toEqual(names);
    // Those that there are can be used, and others have their own.
    expect(await alicia.run('echo used', 'session-1')).toMatchObject([200, { stdout: 'used' }]);
    expect(await bob.run('echo used', 'one-more')).toMatchObject([200, { stdout: 'used' }]);
    await end(alice, 'session-1');
    expect(await alice.run('echo used', 'one-more')).toMatchObject([200, { stdout: 'used' }]);
    expect(await alice.answer('POST', '/cleanup')).toMatchObject([200, { sessions: { removed: 4 } }]);
    expect(await bob.answer('POST', '/cleanup')).toMatchObject([200, { sessions: { removed: 1 } }]);
  });

  // W100.
  it('W100: and of requests in a minute, with any of its keys, where the operator says so', async () => {
    const auth = { enabled: true, connectionString: await database('SQLite') };
    const limits = { perKey: { perMinute: 3 }, perTenant: { perMinute: 5 } };
    const strict = new Caller((await liveServer({ auth, server: { limits } })).host);
    const caller = async (tenant: string) => new Caller(strict.host, await keyOf(strict, tenant));
    const [one, other, stranger] = await Promise.all([caller('team'), caller('team'), caller('others')]);
    const statuses = async (caller: Caller, times: number) => {
      const answers = [];
      for (let n = 0; n < times; n++) answers.push(await caller.ask('GET', '/sessions'));
      return answers;
    };
    const first = await statuses(one, 4);
    expect(first.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    const wait = Number(first[3]?.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(20);
    expect(await first[3]?.json()).toEqual({
      error: 'too many requests with this key (server.limits.perKey.perMinute)',
      code: 'RATE_LIMITED',
    });
    const second = await statuses(other, 3);
    expect(second.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(await second[2]?.text()).toContain('(server.limits.perTenant.perMinute)');
    // Others have their own, and the operator is not bound.
    expect((await stranger.ask('GET', '/sessions')).status).toBe(200);
    expect((await statuses(strict, 10)).every(({ status }) => status === 200)).toBe(true);
    expect((await fetch(`${strict.host}/health`)).status).toBe(200);
  });
});

/** What each takes, in milliseconds, when they are asked in turn. */
async function medians(ask: Record<string, () => Promise<unknown>>, rounds: number): Promise<Record<string, number>> {
  const times = Object.fromEntries(Object.keys(ask).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    const entries = Object.entries(ask);
    // In both directions: what one leaves to do to the server is not always the time of the same other one.
    for (const [name, one] of round % 2 ? entries : entries.reverse()) {
      const begun = performance.now();
      await one();
      times[name]?.push(performance.now() - begun);
    }
  }
  const median = (all: number[]) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
}
