/** What programs ask of the network, and what is decided, as it happens. */

import { ask } from './api.js';
import { byId, element, long, row } from './dom.js';
import { whileShown } from './polling.js';

const MOST_ROWS = 200;
let next = 0;

export function startNetwork() {
  whileShown(byId('network'), 1000, refresh);
}

async function refresh() {
  const answer = await ask(`network?since=${next}`);
  next = answer.next;
  const rows = byId('network-rows');
  rows.prepend(...answer.entries.map(shown).reverse());
  while (rows.children.length > MOST_ROWS) rows.lastChild.remove();
}

function shown({ timestamp, action, method, host, path, durationMs, block, tenantId }) {
  const blocked = action === 'BLOCK';
  const decision = element('span', {
    className: blocked ? 'blocked' : 'allowed',
    text: blocked ? 'blocked' : 'allowed',
  });
  const request = element('code', { className: 'long', text: `${method} ${host}${path ?? ''}` });
  return row(
    new Date(timestamp).toLocaleTimeString(),
    decision,
    request,
    long(tenantId ?? '–'),
    block ?? `${durationMs} ms`,
  );
}
