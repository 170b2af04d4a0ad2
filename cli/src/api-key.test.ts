import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { scratch } from '../../__test__/support/scratch.js';
import { clientKey, masterKey } from './api-key.js';
import { writeCredentials } from './credentials.js';
import { stderr } from './output.js';

const HOST = 'http://localhost:3000';
const HOUR = 60 * 60 * 1000;
const NO_KEY = 'API key required. Use --key, ISOL8_API_KEY env var, or `isol8 login`.';

let said: string[];

beforeEach(() => {
  vi.stubEnv('ISOL8_API_KEY', undefined);
  said = [];
  vi.spyOn(stderr, 'line').mockImplementation((text) => void said.push(text));
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** A file with a login at `host` that is valid for so long. */
async function login(host: string, validMs = HOUR): Promise<string> {
  const path = join(scratch(), 'credentials.json');
  const expiresAt = new Date(Date.now() + validMs).toISOString();
  await writeCredentials(path, { host, token: 'stored', expiresAt, keyId: 'id' });
  return path;
}

function file(text: string): string {
  const path = join(scratch(), 'key');
  writeFileSync(path, text);
  return path;
}

it('is that of the flag, then of the environment, then of the login', async () => {
  const path = await login(HOST);
  expect(await clientKey({}, HOST, path)).toBe('stored');
  vi.stubEnv('ISOL8_API_KEY', 'environment');
  expect(await clientKey({}, HOST, path)).toBe('environment');
  expect(await clientKey({ key: 'flag' }, HOST, path)).toBe('flag');
  expect(await clientKey({ keyFile: file('in a file\n') }, HOST, path)).toBe('in a file');
  expect(said).toEqual([]);
});

it('is not an empty one', async () => {
  const path = await login(HOST);
  vi.stubEnv('ISOL8_API_KEY', '');
  expect(await clientKey({ key: '' }, HOST, path)).toBe('stored');
  await expect(masterKey({ key: '' })).rejects.toThrow('API key required. Use --key or ISOL8_API_KEY env var.');
});

it('of a login is for that server only, however its address is written', async () => {
  const path = await login('http://localhost:3000/');
  expect(await clientKey({}, 'http://localhost:3000', path)).toBe('stored');
  expect(await clientKey({}, 'HTTP://LOCALHOST:3000/', path)).toBe('stored');
  for (const other of ['http://localhost:3001', 'https://localhost:3000', 'http://localhost.evil.example:3000']) {
    await expect(clientKey({}, other, path)).rejects.toThrow(NO_KEY);
  }
});

it('of a login that has expired is none, and the user is told so', async () => {
  await expect(clientKey({}, HOST, await login(HOST, -1))).rejects.toThrow(NO_KEY);
  expect(said).toEqual(['[WARN] Stored credentials have expired. Run `isol8 login` to re-authenticate.']);
});

it('of a file of credentials that makes no sense is none, and the user is told so (W98)', async () => {
  await expect(clientKey({}, HOST, file('{"token": "hunter2"'))).rejects.toThrow(NO_KEY);
  expect(said).toEqual(['[WARN] Cannot use the stored credentials (~/.isol8/credentials.json): not JSON']);
});

it('of the operator is never that of a login', async () => {
  await expect(masterKey({})).rejects.toThrow('API key required. Use --key or ISOL8_API_KEY env var.');
  vi.stubEnv('ISOL8_API_KEY', 'environment');
  expect(await masterKey({})).toBe('environment');
  expect(await masterKey({ key: 'flag' })).toBe('flag');
});

it('comes from one flag only', async () => {
  await expect(masterKey({ key: 'flag', keyFile: '/key' })).rejects.toThrow(
    '--key cannot be combined with --key-file.',
  );
});

it('has to be in the file that is named', async () => {
  const missing = join(scratch(), 'missing');
  await expect(masterKey({ keyFile: missing })).rejects.toThrow(`Cannot read a key from ${missing}: no such file`);
  const empty = file(' \n');
  await expect(masterKey({ keyFile: empty })).rejects.toThrow(`Cannot read a key from ${empty}: it is empty`);
  await expect(masterKey({ keyFile: '/dev/zero' })).rejects.toThrow('too long for a key');
});

it.each(['tab\tbed', 'new\nline', ' leading', 'trailing ', 'umläut', 'nul\0'])(
  'is refused without being shown if no header can carry it: %j',
  async (key) => {
    vi.stubEnv('ISOL8_API_KEY', 'environment');
    await expect(clientKey({ key }, HOST)).rejects.toThrow(
      new Error('The API key in --key cannot be sent: it has characters that no HTTP header can carry.'),
    );
  },
);
