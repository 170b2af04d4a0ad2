/** Keys of a server, made by its operator. */
import type { Caller } from './caller.js';

/** What is told of a key when it is made. */
export interface MadeKey {
  id: string;
  key: string;
  name: string;
  keyPrefix: string;
  tenantId: string;
  expiresAt: string;
}

/** Makes one. */
export async function makeKey(master: Caller, body: object): Promise<MadeKey> {
  const [status, made] = await master.answer('POST', '/auth/keys', body);
  if (status !== 201) throw new Error(`no key was made: ${status} ${JSON.stringify(made)}`);
  return made;
}

/** A key of this tenant. */
export async function keyOf(master: Caller, tenantId: string): Promise<string> {
  return (await makeKey(master, { name: 'tests', tenantId })).key;
}
