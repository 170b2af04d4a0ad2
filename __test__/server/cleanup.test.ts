/** `POST /cleanup`: what a server has on its Docker engine is removed, and nothing of anybody else’s (W113, W114). */
import { DockerIsol8 } from 'isol8';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Caller } from '../support/caller.js';
import { database } from '../support/databases.js';
import { docker } from '../support/docker.js';
import { keyOf } from '../support/keys.js';
import { liveServer } from '../support/live-server.js';
import { Scope } from '../support/scope.js';
import { ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';

let master: Caller;
let alice: Caller;
let bob: Caller;

beforeAll(async () => {
  const auth = { enabled: true, connectionString: await database('SQLite') };
  master = new Caller((await liveServer({ auth, maxConcurrent: 4, server: { limits: { persist: true } } })).host);
  const caller = async (tenant: string) => new Caller(master.host, await keyOf(master, tenant));
  [alice, bob] = await Promise.all([caller('alice'), caller('bob')]);
});

const exists = async (container: string) =>
  (await docker(['ps', '--all', '--quiet', '--filter', `id=${container}`])) !== '';
const cleanup = (caller: Caller, body?: unknown) => caller.answer('POST', '/cleanup', body);
const count = (removed: unknown) => ({ removed, failed: 0, errors: [] });

describe('of a tenant', () => {
  it('removes its sessions, its warm sandboxes and what it left running, and nothing of others', async () => {
    const left = { request: { runtime: 'bash', cmd: ':' }, options: { persist: true } };
    const containers = async (caller: Caller) => {
      const ran = [
        await caller.run(':', 'one'),
        await caller.run(':', 'two'),
        await caller.run(':'),
        await caller.answer('POST', '/execute', left),
      ];
      return ran.map(([, { containerId }]) => containerId as string);
    };
    const [hers, his] = await Promise.all([containers(alice), containers(bob)]);
    expect(await cleanup(alice)).toEqual([
      200,
      { ok: true, sessions: count(2), containers: count(expect.toSatisfy((n: number) => n >= 4)) },
    ]);
    for (const container of hers) expect(await exists(container)).toBe(false);
    for (const container of his) expect(await exists(container)).toBe(true);
    expect(await cleanup(bob, { images: false })).toMatchObject([200, { sessions: { removed: 2 } }]);
    expect(await cleanup(bob)).toEqual([200, { ok: true, sessions: count(0), containers: count(0) }]);
  });

  it('ends what runs for it, which is told so', async () => {
    const [hers, his] = [alice.run('sleep 1000'), bob.run('sleep 3; echo ended')];
    await until('both to run', 20_000, async () => (await master.load()).running === 2);
    expect(await cleanup(alice)).toMatchObject([200, { ok: true }]);
    expect((await hers)[0]).toBeGreaterThanOrEqual(400);
    expect(await his).toMatchObject([200, { stdout: 'ended' }]);
    // And is no end of it.
    expect(await alice.run('echo again')).toMatchObject([200, { stdout: 'again' }]);
  });

  // W114: any key could have everything removed.
  it('W114: never means images', async () => {
    expect(await cleanup(alice, { images: true })).toMatchObject([403, { code: 'FORBIDDEN' }]);
    expect(await docker(['images', '--quiet', 'isol8:bash'])).not.toBe('');
  });
});

// W113: all isol8 containers on the host were removed, those of other processes as well.
it('W113: of the operator is of the server, and not of other engines and servers', async () => {
  const engine = new DockerIsol8({ mode: 'persistent' });
  onTestFinished(() => engine.stop());
  const { containerId: engines } = await engine.execute({ runtime: 'bash', cmd: ':' });
  const other = new Caller((await liveServer()).host);
  const [, { containerId: others }] = await other.run(':', 'kept');
  const [, { containerId: hers }] = await alice.run(':', 'ended');
  const [, { containerId: own }] = await master.run(':', 'ended');
  expect(await cleanup(master, { images: false })).toMatchObject([200, { ok: true, sessions: { removed: 2 } }]);
  for (const container of [hers, own]) expect(await exists(container)).toBe(false);
  for (const container of [engines, others]) expect(await exists(container ?? '')).toBe(true);
  expect((await other.sessions()).map(({ id }) => id)).toEqual(['kept']);
});

describe('of many at once', () => {
  it('is done once, and all are told the same', async () => {
    await Promise.all(['one', 'two', 'three'].map((id) => master.run(':', id)));
    const answers = await Promise.all(Array.from({ length: 8 }, () => cleanup(master, { images: false })));
    expect(answers[0]).toMatchObject([200, { ok: true, sessions: { removed: 3 } }]);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await cleanup(master, { images: false })).toMatchObject([200, { sessions: { removed: 0 } }]);
  });

  it('goes on when the one who asked for it has gone', async () => {
    const [, { containerId }] = await master.run(':', 'one');
    const client = new AbortController();
    const asked = master.ask('POST', '/cleanup', { images: false }, { signal: client.signal });
    asked.catch(() => {});
    const session = async () => (await master.sessions()).length;
    await until('it to begin', 20_000, async () => (await session()) === 0);
    client.abort();
    await until('the container to go', 20_000, async () => !(await exists(containerId)));
  });

  it('is each tenant’s own', async () => {
    await Promise.all([alice.run(':', 'one'), bob.run(':', 'one'), bob.run(':', 'two')]);
    const [hers, his] = await Promise.all([cleanup(alice), cleanup(bob)]);
    expect([hers[1].sessions.removed, his[1].sessions.removed]).toEqual([1, 2]);
  });
});

describe('with images', () => {
  it('removes those of isol8 as well, once for all who ask meanwhile; who did not ask is not told', async () => {
    const scope = await Scope.open();
    const { caller } = await ServerProcess.start({ env: scope.env });
    const image = () => scope.image(`isol8:server-${scope.id}`);
    await image();
    expect(await cleanup(caller, { images: false })).toEqual([
      200,
      { ok: true, sessions: count(0), containers: count(0) },
    ]);
    expect(await scope.images()).toHaveLength(1);
    // By default an operator means both.
    const [all, withImages, without] = await Promise.all([
      cleanup(caller),
      cleanup(caller, { images: true }),
      cleanup(caller, { images: false }),
    ]);
    expect(all).toEqual([200, { ok: true, sessions: count(0), containers: count(0), images: count(1) }]);
    expect(withImages).toEqual(all);
    expect(without).toEqual([200, { ok: true, sessions: count(0), containers: count(0) }]);
    expect(await scope.images()).toEqual([]);
  });
});

it.each(['{"images":"yes"}', '{"images":1}', '{"image":true}', '[true]', '"all"', '{'])(
  'a body that makes no sense removes nothing: %s',
  async (body) => {
    await alice.run(':', 'kept');
    const headers = { authorization: `Bearer ${alice.key}` };
    const response = await fetch(`${alice.host}/cleanup`, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
    expect((await alice.sessions()).map(({ id }) => id)).toEqual(['kept']);
  },
);
