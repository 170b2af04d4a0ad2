/** Requests and tunnels from inside that are meant to be read in two ways: what the server saw, byte for byte. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { get, python, said } from '../../support/clients.js';
import { sharedEngine } from '../../support/engine.js';
import { filtered, raw, secureWeb, usual } from '../../support/servers.js';

const token = randomUUID();
const origin = await raw(`HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n${token}`);
const secure = await secureWeb(usual(token));
const engine = sharedEngine(filtered([origin, secure], { whitelist: ['^127\\.0\\.0\\.1$', '^localhost$'] }));
const lifted = sharedEngine(filtered([origin, secure]));
const to = `127.0.0.1:${origin.port}`;

it('the server reads what was decided on, and nothing of the program’s own form', async () => {
  const before = origin.heard.length;
  const hop = 'Proxy-Authorization: x\r\nKeep-Alive: 1\r\nX-Hop: 1\r\n';
  await said(engine, [
    `GET http://${to}/a?b HTTP/1.1\r\nHost: ${to}\r\n${hop}Connection: close, x-hop\r\nX-Mine:   spaced  \r\n\r\n`,
  ]);
  expect(origin.heard.slice(before)).toEqual([`GET /a?b HTTP/1.1\r\nhost: ${to}\r\nx-mine: spaced\r\n\r\n`]);
});

it.each([
  ['another host', 'Host: denied.test\r\n'],
  ['two hosts', `Host: ${to}\r\nHost: denied.test\r\n`],
  ['the same host twice', `Host: ${to}\r\nHost: ${to}\r\n`],
  ['no host', ''],
  ['two lengths', `Host: ${to}\r\nContent-Length: 1\r\nContent-Length: 2\r\n`],
  ['a length that is none', `Host: ${to}\r\nContent-Length: 0x10\r\n`],
  ['an encoding that hides another', `Host: ${to}\r\nTransfer-Encoding: chunked, identity\r\n`],
  ['space before a colon', `Host: ${to}\r\nContent-Length : 5\r\n`],
  ['a folded line', `Host: ${to}\r\nX: a\r\n b\r\n`],
  ['a lone return', `Host: ${to}\r\nX: a\rHost: denied.test\r\n`],
  ['a null', `Host: ${to}\r\nX: a\0b\r\n`],
  ['an encoding said twice', `Host: ${to}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n`],
  ['an encoding that would be taken off', `Host: ${to}\r\nTransfer-Encoding: gzip, chunked\r\n`],
])('%s: not passed on', async (_what, headers) => {
  const before = origin.heard.length;
  const inner = `GET http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\n\r\n`;
  const [answer] = await said(engine, [`POST http://${to}/ HTTP/1.1\r\n${headers}\r\n${inner}`]);
  expect(answer).toMatch(/^HTTP\/1.1 40[03]/);
  expect(answer).not.toContain(token);
  expect(origin.heard.length).toBe(before);
});

it('lines that end without a return, and two lengths, are one request to the server', async () => {
  const before = origin.heard.length;
  const hidden = `GET /smuggled HTTP/1.1\r\nHost: denied.test\r\n\r\n`;
  const chunked = `4\r\nbody\r\n0\r\n\r\n${hidden}`;
  await said(engine, [
    `GET http://${to}/bare HTTP/1.1\nHost: ${to}\nX: 1\n\n${hidden.replaceAll('\r', '')}`,
    `POST http://${to}/both HTTP/1.1\r\nHost: ${to}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
  ]);
  const heard = origin.heard.slice(before);
  expect(heard.map((text) => text.split('\r\n')[0])).toEqual(['GET /bare HTTP/1.1', 'POST /both HTTP/1.1']);
  for (const text of heard) {
    expect(text.replaceAll('\r\n', '')).not.toContain('\n');
    expect(text).not.toMatch(/smuggled|denied|content-length/);
  }
});

// Whatever followed such a change was passed on as it came, for whichever host of that server.
it.each(['h2c', 'TLS/1.0'])('a connection is not changed to %s', async (protocol) => {
  const before = origin.heard.length;
  const headers = `Connection: Upgrade\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n`;
  const hidden = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  await said(engine, [`GET http://${to}/a HTTP/1.1\r\nHost: ${to}\r\n${headers}\r\n${hidden}`]);
  expect(origin.heard.slice(before)).toEqual([`GET /a HTTP/1.1\r\nhost: ${to}\r\n\r\n`]);
});

it.each([
  ['user information', `GET http://denied.test@${to}/ HTTP/1.1\r\nHost: ${to}\r\n\r\n`],
  ['a null in the host', `CONNECT 127.0.0.1\0.denied.test:${origin.port} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0'],
  ['HTTP/0.9', `GET http://${to}/\r\n\r\n`],
  ['another scheme', `GET ftp://${to}/ HTTP/1.1\r\nHost: ${to}\r\n\r\n`],
  ['SOCKS', '\u0005\u0001\0'],
])('%s: not understood', async (_what, request) => {
  const before = origin.heard.length;
  const [answer] = await said(engine, [request]);
  expect(answer).not.toContain(token);
  expect(answer).not.toMatch(/^HTTP\/1.1 200/);
  expect(origin.heard.length).toBe(before);
  expect((await said(engine, [get(to)]))[0]).toContain(token);
});

it('a request behind another one is decided like any other', async () => {
  const before = origin.heard.length;
  const body = `GET /smuggled HTTP/1.1\r\nHost: denied.test\r\n\r\n`;
  const requests =
    `POST http://${to}/one HTTP/1.1\r\nHost: ${to}\r\nContent-Length: ${body.length}\r\n\r\n${body}` +
    `GET http://denied.test:${origin.port}/two HTTP/1.1\r\nHost: denied.test:${origin.port}\r\n\r\n`;
  const [answer = ''] = await said(engine, [requests]);
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403']);
  const heard = origin.heard.slice(before);
  expect(heard).toEqual([`POST /one HTTP/1.1\r\nhost: ${to}\r\ncontent-length: ${body.length}\r\n\r\n${body}`]);
});

it.each([
  ['another host', 'GET / HTTP/1.1\\r\\nHost: denied.test\\r\\n\\r\\n'],
  ['another host in absolute form', 'GET http://denied.test/ HTTP/1.1\\r\\nHost: denied.test\\r\\n\\r\\n'],
  ['a tunnel', `CONNECT ${to} HTTP/1.1\\r\\nHost: ${to}\\r\\n\\r\\n`],
  ['another protocol', 'SSH-2.0-client\\r\\n'],
  ['HTTP/2', 'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\0\\0\\0\\4\\0\\0\\0\\0\\0'],
  ['nothing that anybody knows', '\\0\\1\\2\\3'],
  ['the beginning of TLS', '\\x16\\x03\\x01\\x00\\x05hello'],
])('%s in a tunnel: not passed on', async (_what, words) => {
  const before = origin.heard.join('').length;
  const program = (words: string) => `s, answer = tunnel("${to}")
assert " 200 " in answer, answer
s.sendall(b"${words}")
s.shutdown(socket.SHUT_WR)
print(rest(s))`;
  expect((await python(engine, program(words))).stdout).not.toContain(token);
  expect(origin.heard.join('').length).toBe(before);
  const good = `GET / HTTP/1.1\\r\\nHost: ${to}\\r\\nConnection: close\\r\\n\\r\\n`;
  expect((await python(engine, program(good))).stdout).toContain(token);
});

it('TLS in a tunnel is for its host', async () => {
  const url = `https://localhost:${secure.port}/token`;
  const ask = (name: string) => `
import ssl
context = ssl._create_unverified_context()
s, _ = tunnel("localhost:${secure.port}")
try:
    s = context.wrap_socket(s, server_hostname=${name})
    s.sendall(b"GET /token HTTP/1.1\\r\\nHost: denied.test\\r\\nConnection: close\\r\\n\\r\\n")
    print(rest(s).decode())
except OSError as error:
    print("refused", error)
`;
  const before = secure.asked.length;
  for (const name of ['"denied.test"', 'None', '"127.0.0.1"', '"localhost.denied.test"']) {
    const { stdout } = await python(engine, ask(name));
    expect(stdout).toMatch(/^refused/);
  }
  expect(secure.asked.length).toBe(before);
  expect((await python(engine, ask('"localhost"'))).stdout).toContain(token);
  expect((await engine.execute({ runtime: 'bash', code: `curl -sk ${url}` })).stdout).toBe(token);
  // Without a whitelist, too: a name is what a tunnel is for, whatever else is allowed.
  expect((await python(lifted, ask('"denied.test"'))).stdout).toMatch(/^refused/);
});
