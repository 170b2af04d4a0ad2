/** Plain HTTP in the network mode `filtered`. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { sharedEngine } from '../../support/any-engine.js';
import { get, python, said } from '../../support/clients.js';
import { echoAfterUpgrade, filtered, largeHash, raw, usual, web } from '../../support/servers.js';

const origin = await web(usual('token-of-one'));
const other = await web(usual('token-of-other'));
const closed = await raw('');
const engine = await sharedEngine(filtered([origin, other, closed, { port: 9 }]));
const [one, two] = [`127.0.0.1:${origin.port}`, `127.0.0.1:${other.port}`];
echoAfterUpgrade(origin.server);

it('clients that honour the proxy variables get through', async () => {
  const url = `http://${one}/token`;
  const results = await Promise.all([
    engine.execute({ runtime: 'bash', code: `curl --silent --show-error ${url}` }),
    engine.execute({
      runtime: 'python',
      code: `import urllib.request\nprint(urllib.request.urlopen("${url}").read().decode())`,
    }),
    engine.execute({ runtime: 'node', code: `console.log(await (await fetch("${url}")).text())` }),
    engine.execute({ runtime: 'bun', code: `console.log(await (await fetch("${url}")).text())` }),
    engine.execute({ runtime: 'deno', code: `console.log(await (await fetch("${url}")).text())` }),
  ]);
  expect(results.map(({ stdout, stderr }) => stdout + stderr)).toEqual(Array(5).fill('token-of-one'));
});

// W61: chunked bodies were not forwarded.
it('bodies arrive, whether their length is told or not', async () => {
  const body = 'a body with \0 in it';
  const sha256 = createHash('sha256').update(body).digest('hex');
  const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const request = (method: string, headers: string, text: string) =>
    `${method} http://${one}/seen HTTP/1.1\r\nHost: ${one}\r\nConnection: close\r\n${headers}\r\n\r\n${text}`;
  const answers = await said(engine, [
    request('POST', `Content-Length: ${body.length}`, body),
    request('PUT', 'Transfer-Encoding: chunked', chunks),
    request('PATCH', 'Transfer-Encoding: chunked', chunks),
    request('DELETE', `Content-Length: ${body.length}`, body),
    // Such a body was dropped without a word.
    request('GET', 'Transfer-Encoding: chunked', chunks),
  ]);
  const seen = answers.map((answer) => JSON.parse(/\{.*\}/s.exec(answer)?.[0] ?? '{}'));
  expect(seen.map(({ method }) => method)).toEqual(['POST', 'PUT', 'PATCH', 'DELETE', 'GET']);
  for (const each of seen) expect(each).toMatchObject({ bytes: body.length, sha256 });
});

it('trailers of requests and answers arrive', async () => {
  const [sent = '', received = ''] = await said(engine, [
    `POST http://${one}/seen HTTP/1.1\r\nHost: ${one}\r\nConnection: close\r\nTrailer: X-Sum\r\n` +
      'Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: trailing\r\n\r\n',
    get(one, '/trailers', 'TE: trailers\r\n'),
  ]);
  expect(JSON.parse(/\{.*\}/s.exec(sent)?.[0] ?? '{}').trailers).toEqual({ 'x-sum': 'trailing' });
  expect(received).toMatch(/\r\n0\r\nx-sum: trailing\r\n\r\n$/i);
});

it('a body that waits for leave gets it', async () => {
  const { stdout } = await python(
    engine,
    `
with connect() as s:
    s.sendall(b"POST http://${one}/echo HTTP/1.1\\r\\nHost: ${one}\\r\\nConnection: close\\r\\nExpect: 100-continue\\r\\nContent-Length: 4\\r\\n\\r\\n")
    print(head(s).decode().strip())
    s.sendall(b"body")
    print(rest(s).decode())
`,
  );
  expect(stdout).toMatch(/^HTTP\/1.1 100 Continue\n/);
  expect(stdout).toMatch(/HTTP\/1.1 200 OK\r\n.*body/s);
});

// W61: answers hung until the peer closed.
it('one connection serves requests to one host and to several', async () => {
  const before = origin.asked.length;
  const { stdout } = await python(
    engine,
    `
import http.client
c = http.client.HTTPConnection("127.0.0.1", 8118, timeout=15)
for url in ["http://${one}/token", "http://${one}/token", "http://${two}/token", "http://${one}/token"]:
    c.request("GET", url)
    print(c.getresponse().read().decode(), id(c.sock) == id(c.sock))
`,
  );
  expect(stdout.match(/token-of-\w+/g)).toEqual(['token-of-one', 'token-of-one', 'token-of-other', 'token-of-one']);
  expect(origin.asked.length - before).toBe(3);
});

it('answers without a body end', async () => {
  const { stdout } = await python(
    engine,
    `
import http.client
c = http.client.HTTPConnection("127.0.0.1", 8118, timeout=15)
for method, path in [("HEAD", "/large?mib=1"), ("GET", "/204"), ("GET", "/304"), ("HEAD", "/token"), ("GET", "/token")]:
    c.request(method, "http://${one}" + path)
    answer = c.getresponse()
    print(answer.status, answer.getheader("content-length"), answer.read().decode())
`,
  );
  expect(stdout.split('\n').map((line) => line.trim())).toEqual([
    `200 ${1 << 20}`,
    '204 None',
    expect.stringMatching(/^304/),
    expect.stringMatching(/^200/),
    '200 12 token-of-one',
  ]);
});

it('50 MiB go in and out, and are the same at the other end', async () => {
  const { stdout } = await python(
    engine,
    `
import hashlib, http.client, json
def ask(method, path, body=None, headers={}):
    c = http.client.HTTPConnection("127.0.0.1", 8118, timeout=50)
    c.request(method, "http://${one}" + path, body, headers, encode_chunked="Transfer-Encoding" in headers)
    return c.getresponse()
for path in ["/large?mib=50", "/large?mib=50&chunked"]:
    answer, hash = ask("GET", path), hashlib.sha256()
    while part := answer.read(1 << 20):
        hash.update(part)
    print(hash.hexdigest())
block = (b"large" * ((1 << 20) // 5 + 1))[:1 << 20]
for headers in [{"Content-Length": str(50 << 20)}, {"Transfer-Encoding": "chunked"}]:
    print(json.loads(ask("POST", "/seen", (block for _ in range(50)), headers).read())["sha256"])
`,
  );
  expect(stdout.split('\n')).toEqual(Array(4).fill(largeHash(50)));
}, 90_000);

it('a connection can change its protocol', async () => {
  const { stdout } = await python(
    engine,
    `
with connect() as s:
    s.sendall(b"GET http://${one}/ HTTP/1.1\\r\\nHost: ${one}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n")
    print(head(s).decode().split("\\r\\n")[0])
    for word in [b"one", b"\\0two", b"three" * 20000]:
        s.sendall(word)
        back = b""
        while len(back) < len(word):
            back += s.recv(65536)
        print(back == word)
    s.shutdown(socket.SHUT_WR)
    print(rest(s))
`,
  );
  expect(stdout.split('\n')).toEqual(['HTTP/1.1 101 Switching Protocols', 'True', 'True', 'True', "b''"]);
});

it('a program that says no more still gets its answer', async () => {
  const { stdout } = await python(engine, `print(say("${get(one, '/token').replaceAll('\r\n', '\\r\\n')}"))`);
  expect(stdout).toContain('token-of-one');
});

it('nobody at the other end is a bad gateway, in so many words', async () => {
  const [answer = '', tunnel = ''] = await said(engine, [
    get('127.0.0.1:9'),
    'CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n',
  ]);
  for (const text of [answer, tunnel]) {
    expect(text).toMatch(/^HTTP\/1.1 502 Bad Gateway\r\n/);
    expect(text).toMatch(/\r\ncontent-type: text\/plain/i);
    expect(text.split('\r\n\r\n')[1]).toBe('isol8: proxy error: connection to 127.0.0.1:9 failed');
  }
});
