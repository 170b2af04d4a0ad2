/** Sessions, and the files in them. */

import { ask } from './api.js';
import { button, byId, element, localTime, long, row, showRows } from './dom.js';
import { whileShown } from './polling.js';

/** The sessions that were shown last. */
let sessions = [];

export function startSessions() {
  whileShown(byId('sessions'), 2000, refresh);
  byId('file-form').addEventListener('submit', (event) => {
    event.preventDefault();
    report(upload);
  });
  byId('download').addEventListener('click', () => {
    if (byId('file-form').reportValidity()) report(download);
  });
}

async function refresh() {
  ({ sessions } = await ask('sessions'));
  const rows = sessions.map((session) => {
    const { id, isActive, lastAccessedAt, tenantId } = session;
    const end = button('End', `End the session ${called(session)}`, () => endSession(session));
    return row(long(id), long(tenantId ?? '–'), isActive ? 'running' : 'idle', localTime(lastAccessedAt), end);
  });
  showRows(byId('session-rows'), rows, 'No sessions. A program that is run in one makes it.');
  offer();
}

/** A session of another's is known by its tenant as well. */
const called = ({ id, tenantId }) => (tenantId === undefined ? id : `${id} (${tenantId})`);

const ofTenant = ({ tenantId }) => (tenantId === undefined ? {} : { tenantId });

/** Tells the sessions of all tenants apart. */
const keyOf = ({ id, tenantId }) => JSON.stringify([tenantId ?? null, id]);

/** Has the form offer the sessions, and keeps what was chosen. */
function offer() {
  const select = byId('file-session');
  const keys = sessions.map(keyOf);
  if ([...select.options].map(({ value }) => value).join('\n') === keys.join('\n')) return;
  const chosen = select.value;
  select.replaceChildren(...sessions.map((each) => element('option', { text: called(each), value: keyOf(each) })));
  if (keys.includes(chosen)) select.value = chosen;
}

async function endSession(session) {
  if (!confirm(`End the session ${called(session)}? Its files and processes go with it.`)) return;
  await report(async () => {
    const query = new URLSearchParams(ofTenant(session));
    await ask(`session/${encodeURIComponent(session.id)}?${query}`, { method: 'DELETE' });
    await refresh();
    return `Ended ${called(session)}.`;
  });
}

/** What the form names. */
function which() {
  const session = sessions.find((each) => keyOf(each) === byId('file-session').value);
  if (!session) throw new Error('The session has ended.');
  return { session, path: byId('file-path').value };
}

async function upload() {
  const [file] = byId('file').files;
  if (!file) return 'Choose a file to send.';
  const { session, path } = which();
  const body = { sessionId: session.id, path, content: await base64(file) };
  await ask(`file?${new URLSearchParams(ofTenant(session))}`, { method: 'POST', body });
  return `Sent ${file.size} bytes to ${path}.`;
}

async function download() {
  const { session, path } = which();
  const query = new URLSearchParams({ sessionId: session.id, path, ...ofTenant(session) });
  const { content } = await ask(`file?${query}`);
  const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
  // As bytes, whatever they look like: it is saved and not shown.
  const address = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
  element('a', { href: address, download: path.split('/').at(-1) || 'file' }).click();
  // The download has taken hold of it by the next turn.
  setTimeout(() => URL.revokeObjectURL(address));
  return `Fetched ${bytes.length} bytes of ${path}.`;
}

/** The bytes of a file as base64. */
function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(reader.result.slice(reader.result.indexOf(',') + 1)));
    reader.addEventListener('error', () => reject(new Error(`Could not read ${file.name}.`)));
    reader.readAsDataURL(file);
  });
}

async function report(action) {
  const status = byId('file-status');
  status.textContent = 'Working…';
  status.textContent = await action().catch((error) => error.message);
}
