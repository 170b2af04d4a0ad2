import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch } from '../../__test__/support/scratch.js';
import { readCredentials, removeCredentials, writeCredentials } from './credentials.js';

const CREDENTIALS = {
  host: 'http://localhost:3000',
  token: `isol8_${'0'.repeat(64)}`,
  expiresAt: '2100-01-01T00:00:00.000Z',
  keyId: '6f1c3a52-8f4e-4b0e-9a53-0d8a4b1f2c3d',
};

const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);

const pathInNewHome = () => join(scratch(), 'home', '.isol8', 'credentials.json');

it('are read as they were written, in the documented form', async () => {
  const path = pathInNewHome();
  await writeCredentials(path, CREDENTIALS);
  expect(await readCredentials(path)).toEqual(CREDENTIALS);
  expect(readFileSync(path, 'utf8')).toBe(`${JSON.stringify(CREDENTIALS, null, 2)}\n`);
});

it('are for their owner only (W98)', async () => {
  const path = pathInNewHome();
  await writeCredentials(path, CREDENTIALS);
  expect([mode(path), mode(dirname(path))]).toEqual(['600', '700']);
});

it('are for their owner only from then on, if they were not before (W98)', async () => {
  const path = pathInNewHome();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '{}');
  chmodSync(path, 0o666);
  chmodSync(dirname(path), 0o755);
  await writeCredentials(path, CREDENTIALS);
  expect([mode(path), mode(dirname(path))]).toEqual(['600', '700']);
});

it('take the place of what was there, and leave nothing else behind', async () => {
  const path = pathInNewHome();
  const elsewhere = join(scratch(), 'elsewhere');
  writeFileSync(elsewhere, 'untouched');
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(elsewhere, path);
  await writeCredentials(path, CREDENTIALS);
  await writeCredentials(path, { ...CREDENTIALS, keyId: 'second' });
  expect(await readCredentials(path)).toEqual({ ...CREDENTIALS, keyId: 'second' });
  expect(readFileSync(elsewhere, 'utf8')).toBe('untouched');
  expect(readdirSync(dirname(path))).toEqual(['credentials.json']);
});

it('that cannot be written leave nothing behind', async () => {
  const path = pathInNewHome();
  mkdirSync(join(path, 'in the way'), { recursive: true });
  await expect(writeCredentials(path, CREDENTIALS)).rejects.toThrow();
  expect(readdirSync(dirname(path))).toEqual(['credentials.json']);
});

it('are none where nobody has logged in', async () => {
  expect(await readCredentials(pathInNewHome())).toBeUndefined();
});

it.each([
  ['', 'not JSON'],
  [`{"token": "${CREDENTIALS.token}`, 'not JSON'],
  ['null', 'expected an object'],
  ['[]', 'expected text in "host"'],
  [JSON.stringify({ ...CREDENTIALS, token: 5 }), 'expected text in "token"'],
  [JSON.stringify({ ...CREDENTIALS, keyId: '' }), 'expected text in "keyId"'],
  [JSON.stringify({ ...CREDENTIALS, expiresAt: 'soon' }), 'expected a time in "expiresAt"'],
])('%j are an error that does not quote them (W98)', async (text, message) => {
  const path = pathInNewHome();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  await expect(readCredentials(path)).rejects.toThrow(new Error(message));
});

it('are gone once they are removed, and were not there the second time', async () => {
  const path = pathInNewHome();
  await writeCredentials(path, CREDENTIALS);
  expect(await removeCredentials(path)).toBe(true);
  expect(await removeCredentials(path)).toBe(false);
  expect(await readCredentials(path)).toBeUndefined();
});
