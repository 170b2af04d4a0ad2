/** Keys of tenants: made, listed and revoked by holders of the master key. */

import { ask, Refused } from './api.js';
import { button, byId, element, localTime, long, row, showRows } from './dom.js';
import { whileShown } from './polling.js';

const HOUR_MS = 3_600_000;

/** Whether the key that is signed in with may do this. A server without a database of keys has none to show. */
export async function mayManageKeys() {
  try {
    await ask('auth/keys');
    return true;
  } catch (error) {
    if (error instanceof Refused && (error.status === 403 || error.status === 400)) return false;
    throw error;
  }
}

export function startKeys() {
  whileShown(byId('keys'), 5000, refresh);
  byId('key-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const tenantId = byId('key-tenant').value.trim();
    const body = { name: byId('key-name').value, ttlMs: byId('key-hours').valueAsNumber * HOUR_MS };
    report(async () => {
      const { key } = await ask('auth/keys', { method: 'POST', body: tenantId ? { ...body, tenantId } : body });
      const shown = element('code', { className: 'new', text: key });
      byId('new-key').replaceChildren('The new key, which is shown only now: ', shown);
      await refresh();
    });
  });
}

async function refresh() {
  const { keys } = await ask('auth/keys');
  const rows = keys.map(({ id, name, keyPrefix, tenantId, expiresAt, lastUsedAt, revoked }) => {
    const action = revoked ? 'revoked' : button('Revoke', `Revoke the key ${name}`, () => revoke(id, name));
    const prefix = element('code', { text: keyPrefix });
    return row(long(name), prefix, long(tenantId), localTime(expiresAt), localTime(lastUsedAt), action);
  });
  showRows(byId('key-rows'), rows, 'No keys but the master key.');
}

async function revoke(id, name) {
  if (!confirm(`Revoke the key ${name}? Nobody can use it any more, and it cannot be undone.`)) return;
  await report(async () => {
    await ask(`auth/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
    await refresh();
  });
}

async function report(action) {
  byId('keys-error').textContent = '';
  await action().catch((error) => {
    byId('keys-error').textContent = error.message;
  });
}
