/** What holds user code at a server: its operator's choice, which only holders of the master key may change. */
import { join } from 'node:path';
import { createServer, type Isol8Options, RemoteIsol8 } from 'isol8';
import { expect, it, onTestFinished } from 'vitest';
import { KEY } from '../support/live-server.js';
import { scratch } from '../support/scratch.js';

/** Says whether the strict profile is in force, which refuses this. */
const SECCOMP = {
  runtime: 'bash',
  cmd: 'setarch --addr-no-randomize true 2> /dev/null && echo open || echo strict',
} as const;

/** A server with a database of keys, and clients of it with the master key and with another. */
async function clients() {
  const options = { port: 0, host: '127.0.0.1', apiKey: KEY, authDbPath: join(scratch(), 'auth.db'), config: {} };
  const server = await createServer(options);
  onTestFinished(() => server.shutdown());
  const host = `http://127.0.0.1:${server.port}`;
  const answer = await fetch(`${host}/auth/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'a tenant’s' }),
  });
  const { key } = (await answer.json()) as { key: string };
  const client = (apiKey: string) => (security?: Isol8Options['security']) =>
    new RemoteIsol8({ host, apiKey }, { security });
  return { master: client(KEY), tenant: client(key) };
}

// W54: clients could do without the filter, and have the server read any file as one.
it('W54: a client cannot choose another filter of system calls, nor have a file read', async () => {
  const { master, tenant } = await clients();
  expect((await tenant().execute(SECCOMP)).stdout).toBe('strict');
  expect((await tenant({ seccomp: 'strict' }).execute(SECCOMP)).stdout).toBe('strict');
  for (const [security, option] of [
    [{ seccomp: 'unconfined' }, 'security.seccomp'],
    [{ seccomp: 'custom', customProfilePath: '/etc/shadow' }, 'security.seccomp'],
    [{ seccomp: 'strict', customProfilePath: '/etc/shadow' }, 'security.customProfilePath'],
    [{ runtime: 'another' }, 'security.runtime'],
  ] as const) {
    const message = `${option} is the server's to choose: only the master key may loosen it`;
    const refused = { code: 'FORBIDDEN', message: expect.stringContaining(message) };
    await expect(tenant(security).execute(SECCOMP)).rejects.toMatchObject(refused);
    await expect(tenant(security).executeStream(SECCOMP).next()).rejects.toMatchObject(refused);
  }
  expect((await master({ seccomp: 'unconfined' }).execute(SECCOMP)).stdout).toBe('open');
});
