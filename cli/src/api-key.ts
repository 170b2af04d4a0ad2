/**
 * Which key to show to a server, or to ask of clients. A key is never put on the command line of another process (W93),
 * and `--key-file` keeps it off that of this one.
 */
import { open } from 'node:fs/promises';
import { CREDENTIALS_SHOWN, credentialsPath, readCredentials } from './credentials.js';
import { hasCode } from './failure.js';
import { baseUrl } from './host.js';
import { debug, say } from './messages.js';

/** What the flags of a command say of its key. */
export interface KeyFlags {
  key?: string;
  keyFile?: string;
}

/** No key is as long. */
const KEY_FILE_LIMIT = 16 * 1024;

/** The key for the server at `host`: that of the flags, of the environment, or of the last login there. */
export async function clientKey(flags: KeyFlags, host: string, path = credentialsPath()): Promise<string> {
  const key = (await givenKey(flags)) ?? (await storedKey(baseUrl(host), path));
  if (key === undefined) throw new Error('API key required. Use --key, ISOL8_API_KEY env var, or `isol8 login`.');
  return key;
}

/** The master key: what a server asks of its operator, and `login` of its user. */
export async function masterKey(flags: KeyFlags): Promise<string> {
  const key = await givenKey(flags);
  if (key === undefined) throw new Error('API key required. Use --key or ISOL8_API_KEY env var.');
  return key;
}

/** That of the flags or of the environment. An empty one counts as missing. */
async function givenKey({ key, keyFile }: KeyFlags): Promise<string | undefined> {
  if (key !== undefined && keyFile !== undefined) throw new Error('--key cannot be combined with --key-file.');
  if (keyFile !== undefined) return usable(await readKeyFile(keyFile), `the file ${keyFile}`);
  if (key) return usable(key, '--key');
  const { ISOL8_API_KEY: fromEnvironment } = process.env;
  return fromEnvironment ? usable(fromEnvironment, 'ISOL8_API_KEY') : undefined;
}

/** Headers carry printable ASCII, and lose spaces at their ends. Says where the key is from, but not what it is. */
function usable(key: string, source: string): string {
  if (/^[!-~]([ -~]*[!-~])?$/.test(key)) return key;
  throw new Error(`The API key in ${source} cannot be sent: it has characters that no HTTP header can carry.`);
}

async function readKeyFile(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      // A pipe gives what it has; a file that never ends gives no more than this.
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of file.createReadStream({ autoClose: false })) {
        chunks.push(chunk);
        length += chunk.length;
        if (length > KEY_FILE_LIMIT) throw new Error('too long for a key');
      }
      const key = Buffer.concat(chunks).toString('utf8').trim();
      if (key === '') throw new Error('it is empty');
      return key;
    } finally {
      await file.close();
    }
  } catch (error) {
    const reason = hasCode(error, 'ENOENT') ? 'no such file' : (error as Error).message;
    throw new Error(`Cannot read a key from ${path}: ${reason}`, { cause: error });
  }
}

/** That of the last login, if it was at this server and is still valid. */
async function storedKey(host: string, path: string): Promise<string | undefined> {
  try {
    const credentials = await readCredentials(path);
    if (credentials === undefined || baseUrl(credentials.host, 'host') !== host) return undefined;
    if (Date.parse(credentials.expiresAt) > Date.now()) {
      debug('Auth', `using the key of the last login, ${credentials.keyId}`);
      return usable(credentials.token, CREDENTIALS_SHOWN);
    }
    say('WARN', 'Stored credentials have expired. Run `isol8 login` to re-authenticate.');
  } catch (error) {
    say('WARN', `Cannot use the stored credentials (${CREDENTIALS_SHOWN}): ${(error as Error).message}`);
  }
  return undefined;
}
