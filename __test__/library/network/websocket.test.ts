/** WebSockets in the network mode `filtered`: in the clear, in a tunnel, and over TLS. */
import { createHash } from 'node:crypto';
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { sharedEngine } from '../../support/any-engine.js';
import { python } from '../../support/clients.js';
import { filtered, secureWeb, usual, web } from '../../support/servers.js';

const plain = await web(usual('token'));
const secure = await secureWeb(usual('token'));
const unwilling = await web(usual('token'));
for (const { server } of [plain, secure]) echoMessages(server);
const engine = await sharedEngine(
  filtered([plain, secure, unwilling], { blacklist: ['^denied\\.'] }, { logNetwork: true }),
);
const host = `localhost:${plain.port}`;

/** Answers every message with the same (RFC 6455; only such as fit into one short frame). */
function echoMessages(server: Server): void {
  server.on('upgrade', ({ headers }, socket: Duplex) => {
    const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
    const lines = ['101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'];
    socket.write(`HTTP/1.1 ${lines.join('\r\n')}\r\nSec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`);
    let pending = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      pending = Buffer.concat([pending, data]);
      for (
        let length = (pending[1] ?? 0) & 127;
        pending.length > 1 && pending.length >= 6 + length;
        length = (pending[1] ?? 0) & 127
      ) {
        const mask = pending.subarray(2, 6);
        const payload = pending.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
        socket.write(Buffer.concat([Buffer.from([pending[0] ?? 0, length]), payload]));
        if (((pending[0] ?? 0) & 15) === 8) return socket.end();
        pending = pending.subarray(6 + length);
      }
    });
    socket.on('end', () => socket.end());
  });
}

const CLIENT = `
import ssl
def upgrade(s, target, host):
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    s.sendall(f"GET {target} HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n"
        f"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: {key}\\r\\n\\r\\n".encode())
    answer = head(s).decode()
    print(answer.split("\\r\\n")[0], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer)
def talk(s):
    for word in [b"one", b"two\\0", b"x" * 120]:
        s.sendall(bytes([0x81, 0x80 | len(word), 0, 0, 0, 0]) + word)
        back = b""
        while len(back) < 2 + len(word):
            back += s.recv(4096)
        print(back[2:] == word)
`;
const ECHOED = ['HTTP/1.1 101 Switching Protocols True', 'True', 'True', 'True'];

it.each([
  ['in the clear', `s = connect()\nupgrade(s, "http://${host}/", "${host}")`],
  ['in a tunnel', `s, _ = tunnel("${host}")\nupgrade(s, "/", "${host}")`],
  [
    'over TLS',
    `s, _ = tunnel("localhost:${secure.port}")
s = ssl._create_unverified_context().wrap_socket(s, server_hostname="localhost")
upgrade(s, "/", "localhost:${secure.port}")`,
  ],
])('messages go both ways (%s)', async (_how, open) => {
  const { stdout } = await python(engine, `${CLIENT}\n${open}\ntalk(s)`);
  expect(stdout.split('\n')).toEqual(ECHOED);
});

it('the client of Node.js gets through, too', async () => {
  const code = `
    const socket = new WebSocket('ws://${host}/');
    socket.onmessage = ({ data }) => { console.log(data); socket.close(); };
    socket.onerror = ({ message }) => { console.log('failed', message); };
    socket.onopen = () => socket.send('hello');`;
  const { stdout } = await engine.execute({ runtime: 'node', code });
  expect(stdout).toBe('hello');
});

it('an upgrade is a request like any other: it is decided, and logged', async () => {
  const before = plain.asked.length;
  const { stdout, networkLogs } = await python(
    engine,
    `${CLIENT}
upgrade(connect(), "http://denied.test:${plain.port}/", "denied.test:${plain.port}")
s, answer = tunnel("denied.test:${plain.port}")
print(answer.split("\\r\\n")[0])
s, _ = tunnel("${host}")
upgrade(s, "/", "denied.test:${plain.port}")
# What is not answered by a change of protocol changes nothing: the next request is decided as well.
s = connect()
s.sendall(b"GET http://localhost:${unwilling.port}/ HTTP/1.1\\r\\nHost: localhost:${unwilling.port}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n"
    b"GET http://denied.test/ HTTP/1.1\\r\\nHost: denied.test\\r\\n\\r\\n")
s.shutdown(socket.SHUT_WR)
print(rest(s).decode().count("HTTP/1.1 403"))
`,
  );
  expect(stdout.split('\n')).toEqual([
    'HTTP/1.1 403 Forbidden False',
    'HTTP/1.1 403 Forbidden',
    'HTTP/1.1 403 Forbidden False',
    '1',
  ]);
  expect(plain.asked.slice(before)).toEqual([]);
  expect(networkLogs?.filter(({ action }) => action === 'BLOCK')).toHaveLength(4);
});
