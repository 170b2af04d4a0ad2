/**
 * What `isol8 login` leaves behind: the key of the last login, for the server that gave it. The file is its owner's only
 * (W98), also when it was not before, and at any time it is either the old one or the new one, whole.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Login } from 'isol8';
import { hasCode } from './failure.js';

/** A key, and the server that gave it. */
export interface Credentials extends Login {
  /** Base URL of the server. */
  host: string;
}

/** How people are told of the file. */
export const CREDENTIALS_SHOWN = '~/.isol8/credentials.json';

/** The file of the user who runs this. */
export const credentialsPath = (): string => join(homedir(), '.isol8', 'credentials.json');

/** Reads them; undefined when nobody has logged in. Throws, with what is wrong, if they make no sense. */
export async function readCredentials(path: string): Promise<Credentials | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not the parser's message: it quotes what it could not read, which may be the key.
    throw new Error('not JSON');
  }
  return checked(value);
}

/** Credentials as they are in a file, or in the answer of a server. Throws, with what is wrong, if they are none. */
export function checked(value: unknown): Credentials {
  if (typeof value !== 'object' || value === null) throw new Error('expected an object');
  const text = (name: string): string => {
    const member = (value as Record<string, unknown>)[name];
    if (typeof member !== 'string' || member === '') throw new Error(`expected text in "${name}"`);
    return member;
  };
  const credentials = { host: text('host'), token: text('token'), expiresAt: text('expiresAt'), keyId: text('keyId') };
  if (Number.isNaN(Date.parse(credentials.expiresAt))) throw new Error('expected a time in "expiresAt"');
  return credentials;
}

/** Keeps them in place of those of the last login. */
export async function writeCredentials(path: string, credentials: Credentials): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await stat(directory)).mode & 0o077) await chmod(directory, 0o700);
  const unfinished = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(credentials, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Removes them. Resolves with whether there were any. */
export async function removeCredentials(path: string): Promise<boolean> {
  try {
    await rm(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
