/** Code at a URL, fetched by a server: under its own policy, which its clients can tighten and never widen (C34). */
import { hostname } from 'node:os';
import { createServer, type Isol8Options, type RemoteCodePolicy, RemoteIsol8 } from 'isol8';
import { afterAll, describe, expect, it } from 'vitest';
import { codeAt, LOOPBACK, redirectTo } from '../support/code.js';

const apiKey = 'a-key-that-only-this-test-knows';
const site = await codeAt({ '/hello.py': 'print("hello")', '/inside.py': redirectTo('http://127.0.0.2/') });

/** Clients of a server with this policy. */
async function serving(remoteCode: Partial<RemoteCodePolicy>) {
  const server = await createServer({ port: 0, host: '127.0.0.1', apiKey, config: { remoteCode } });
  afterAll(() => server.shutdown());
  const host = `http://127.0.0.1:${server.port}`;
  return {
    client: (options: Isol8Options = {}) => new RemoteIsol8({ host, apiKey }, options),
    /** What comes of a body that no client of ours would send. */
    async post(body: unknown): Promise<[status: number, answer: unknown]> {
      const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
      const answer = await fetch(`${host}/execute`, { method: 'POST', headers, body: JSON.stringify(body) });
      return [answer.status, await answer.json()];
    },
  };
}

const request = (path: string) => ({ runtime: 'python' as const, codeUrl: site.url(path), allowInsecureCodeUrl: true });

const open = await serving(LOOPBACK);
const closed = await serving({});
const named = await serving({ ...LOOPBACK, allowedHosts: ['^example\\.com$'] });
const secure = await serving({ ...LOOPBACK, allowedSchemes: ['https'] });
const everywhere = await serving({ ...LOOPBACK, allowedHosts: [] });
const unlisted = await serving({ ...LOOPBACK, allowedHosts: [], blockedHosts: [], allowedSchemes: ['https'] });

const refused = (message: string) => expect.objectContaining({ message: expect.stringContaining(message) });

it('is fetched by the server', async () => {
  expect((await open.client().execute(request('/hello.py'))).stdout).toBe('hello');
  expect(site.asked).toContain('GET /hello.py');
});

it('is refused with the reason, and a status and a code that say whose fault it is', async () => {
  expect(await open.post({ request: request('/inside.py') })).toEqual([
    403,
    { error: 'Blocked code URL host: 127.0.0.2', code: 'REMOTE_CODE_BLOCKED' },
  ]);
});

// The two refusals told clients which names the server's network has.
it('does not tell a client whether a private name exists', async () => {
  // This machine's own name: known to it, and hardly ever public.
  for (const name of [hostname().toLowerCase(), 'nobody.invalid']) {
    const [status, answer] = await unlisted.post({ request: { runtime: 'python', codeUrl: `https://${name}/x.py` } });
    expect([status, answer]).toEqual([
      422,
      { error: `Failed to resolve code URL host: ${name}`, code: 'REMOTE_CODE_FAILED' },
    ]);
  }
});

// W102: clients could replace the policy, and have the server ask whatever it could reach.
describe('W102: a client', () => {
  it('cannot open what the server has closed', async () => {
    const asked = site.asked.length;
    for (const remoteCode of [LOOPBACK, { enabled: true }, { ...LOOPBACK, requireHash: false }]) {
      await expect(closed.client({ remoteCode }).execute(request('/hello.py'))).rejects.toEqual(
        refused('Remote code fetching is disabled.'),
      );
    }
    expect(site.asked.length).toBe(asked);
  });

  it('cannot allow a host, an address or a scheme', async () => {
    for (const allowedHosts of [[], ['.*'], ['^127\\.0\\.0\\.1$']]) {
      const remoteCode = { ...LOOPBACK, allowedHosts };
      const blocked = refused('Blocked code URL host: 127.0.0.1');
      await expect(named.client({ remoteCode }).execute(request('/hello.py'))).rejects.toEqual(blocked);
      await expect(everywhere.client({ remoteCode }).execute(request('/hello.py'))).rejects.toEqual(blocked);
      const scheme = refused('URL scheme not allowed: http');
      await expect(secure.client({ remoteCode }).execute(request('/hello.py'))).rejects.toEqual(scheme);
    }
  });

  it.each([
    [{ enabled: false }, 'Remote code fetching is disabled.'],
    [{ allowedHosts: ['^example\\.com$'] }, 'Blocked code URL host: 127.0.0.1'],
    [{ blockedHosts: ['^127'] }, 'Blocked code URL host: 127.0.0.1'],
    [{ allowedSchemes: ['https'] }, 'URL scheme not allowed: http'],
    [{ maxCodeSize: 3 }, 'Remote code exceeds maxCodeSize (3 bytes)'],
    [{ requireHash: true }, 'Hash verification required'],
  ])('can be stricter for itself: %j', async (remoteCode, message) => {
    await expect(open.client({ remoteCode }).execute(request('/hello.py'))).rejects.toEqual(refused(message));
    // For others nothing has changed.
    expect((await open.client().execute(request('/hello.py'))).stdout).toBe('hello');
  });

  it('has no member that only the server makes', async () => {
    const body = { request: request('/hello.py'), options: { remoteCode: { within: [] } } };
    expect(await open.post(body)).toEqual([400, { error: expect.stringContaining('within'), code: 'INVALID_REQUEST' }]);
  });
});
