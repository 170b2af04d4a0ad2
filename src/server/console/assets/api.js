/** What the console says to its server. The key is in this tab's session storage and in headers, never in an address. */

const STORED = 'isol8-key';

/** The server's address: the console stands at its root, wherever a reverse proxy has put that. */
const base = new URL('.', document.baseURI);

export const storedKey = () => sessionStorage.getItem(STORED);
export const storeKey = (key) => sessionStorage.setItem(STORED, key);
export const forgetKey = () => sessionStorage.removeItem(STORED);

/** An answer of the server that is not a success. */
export class Refused extends Error {
  constructor(status, { error, code } = {}) {
    super(error ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = code;
  }
}

/** Asks the server. `body` is sent as JSON; the answer is JSON, or text where `as` says so. */
export async function ask(path, { method = 'GET', body, as = 'json' } = {}) {
  const headers = {};
  const key = storedKey();
  if (key !== null) headers.authorization = `Bearer ${key}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const response = await fetch(new URL(path, base), {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: 'no-store',
  }).catch(() => {
    throw new Error('The server does not answer.');
  });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
  return as === 'text' ? response.text() : response.json();
}

/**
 * Runs something over a WebSocket. Calls `onEvent` for each event and `onEnd` once, with what went wrong if anything
 * did. What it returns is what can be done meanwhile.
 */
export function execute(body, { onEvent, onEnd }) {
  const url = new URL('execute/ws', base);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  // Browsers let nobody set the header in which keys are shown, so it goes in one that they let us set.
  const socket = new WebSocket(url, ['isol8', `isol8.bearer.${base64Url(storedKey() ?? '')}`]);
  let opened = false;
  let ended = false;
  const say = (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
  const end = (problem) => {
    if (ended) return;
    ended = true;
    onEnd(problem);
  };
  socket.addEventListener('open', () => {
    opened = true;
    say({ type: 'execute', liveStdin: true, ...body });
  });
  socket.addEventListener('message', ({ data }) => {
    if (!ended) onEvent(JSON.parse(data));
  });
  socket.addEventListener('close', ({ code, reason }) => {
    if (code === 1000) end();
    else if (!opened) end('The server refused the connection.');
    else end(reason || 'The connection was lost.');
  });
  return {
    write: (data) => say({ type: 'stdin', data }),
    endInput: () => say({ type: 'stdin', end: true }),
    interrupt: () => say({ type: 'signal', signal: 'SIGINT' }),
    /** The server kills the program of a client that goes away. */
    stop() {
      socket.close();
      end();
    },
  };
}

function base64Url(text) {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte));
  return btoa(bytes.join('')).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
