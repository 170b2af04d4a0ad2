/** Ways out of a filtered sandbox other than the proxy: there are none. */
import { randomUUID } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import { get, python, said } from '../../support/clients.js';
import { docker, inspect } from '../../support/docker.js';
import { sharedEngine } from '../../support/engine.js';
import { datagrams, filtered, raw } from '../../support/servers.js';
import { until } from '../../support/until.js';

const token = randomUUID();
const origin = await raw(`HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n${token}`);
const wide = await raw(`HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n${token}`, '0.0.0.0');
const six = await raw(`HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n${token}`, '::1');
const resolver = await datagrams();
const resolverOverTcp = await raw('');
const engine = sharedEngine(filtered([origin, wide], { allowPrivate: ['0.0.0.0/0', '::/0'] }));
/** Where nothing is filtered: what is tried on this machine does work. */
const unfiltered = sharedEngine({ network: 'host' });

/** Python: tries each of these, and tells what came of it. */
const attempt = (body: string) => `
import errno, os
def attempt(what, act):
    try:
        print(what, act())
    except OSError as error:
        print(what, "refused", errno.errorcode.get(error.errno, error))
def tcp(host, port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect((host, port))
        s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        return s.recv(4096).decode()
def away_from(port):
    # At that port it would hear what it says itself.
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 0))
    return s if s.getsockname()[1] != port else away_from(port)
def udp(host, port, what=b"datagram"):
    with away_from(port) as s:
        s.settimeout(3)
        s.sendto(what, (host, port))
        return s.recv(4096).decode()
${body}`;

/** Addresses that this machine may have. */
const addresses = ['127.0.0.1', '172.17.0.1', '10.0.2.15', '192.168.65.1'];

const onThisMachine = `
for host in ${JSON.stringify(addresses)}:
    attempt(host, lambda: tcp(host, ${origin.port}))
    attempt(host, lambda: tcp(host, ${wide.port}))
attempt("loopback of IPv6", lambda: tcp("::1", ${six.port}, socket.AF_INET6))
attempt("IPv4 in the clothes of IPv6", lambda: tcp("::ffff:127.0.0.1", ${origin.port}, socket.AF_INET6))
`;
const elsewhere = `
attempt("public", lambda: tcp("1.1.1.1", 80))
attempt("public of IPv6", lambda: tcp("2606:4700:4700::1111", 80, socket.AF_INET6))
attempt("metadata", lambda: tcp("169.254.169.254", 80))
`;

it('TCP leads nowhere', async () => {
  const servers = [origin, wide, six];
  const before = servers.map(({ heard }) => heard.length);
  const { stdout } = await python(engine, attempt(onThisMachine + elsewhere));
  expect(stdout).not.toContain(token);
  for (const line of stdout.split('\n')) expect(line).toMatch(/refused E(CONNREFUSED|NETUNREACH|ADDRNOTAVAIL)$/);
  expect(servers.map(({ heard }) => heard.length)).toEqual(before);

  expect((await python(unfiltered, attempt(onThisMachine))).stdout).toContain(token);
  for (const [index, { heard }] of servers.entries()) expect(heard.length).toBeGreaterThan(before[index] ?? 0);
});

it('UDP leads nowhere, and nothing is asked of a resolver', async () => {
  const program = attempt(`
for host in ${JSON.stringify(addresses)}:
    attempt(host, lambda: udp(host, ${resolver.port}))
attempt("public", lambda: udp("1.1.1.1", 53))
attempt("broadcast", lambda: udp("255.255.255.255", 53))
attempt("multicast", lambda: udp("224.0.0.251", 5353))
`);
  const { stdout } = await python(engine, program);
  for (const line of stdout.split('\n')) expect(line).toMatch(/refused /);
  expect(resolver.heard).toEqual([]);

  const here = attempt(`attempt("here", lambda: udp("127.0.0.1", ${resolver.port}))`);
  expect((await python(unfiltered, here)).stdout).toBe('here answer');
  expect(resolver.heard).toEqual(['datagram']);
});

it('a resolver that a program brings along hears nothing', async () => {
  const secret = `${randomUUID()}.example.com`;
  const asking = `
    const { Resolver } = require('node:dns').promises;
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers(['127.0.0.1:${resolver.port}']);
    resolver.resolve4('${secret}').then(console.log, (error) => console.log('refused', error.code));`;
  const overTcp = attempt(`
query = b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0" + bytes([${secret.length}]) + b"${secret}" + b"\\0\\0\\1\\0\\1"
def ask():
    with socket.create_connection(("127.0.0.1", ${resolverOverTcp.port}), 3) as s:
        s.sendall(len(query).to_bytes(2, "big") + query)
        s.settimeout(1)
        return s.recv(4096)
attempt("over TCP", ask)
s, answer = tunnel("127.0.0.1:${resolverOverTcp.port}")
print("over the proxy", answer.split("\\r\\n")[0])`);
  const before = resolver.heard.length;
  const ask = async (of: typeof engine) => {
    const node = await of.execute({ runtime: 'node', code: asking, fileExtension: '.cjs' });
    return node.stdout;
  };
  expect(await ask(engine)).toMatch(/^refused/);
  const { stdout } = await python(engine, overTcp);
  expect(stdout).toMatch(/^over TCP refused ECONNREFUSED\nover the proxy HTTP\/1.1 403/);
  expect(resolver.heard.slice(before)).toEqual([]);
  expect(resolverOverTcp.heard).toEqual([]);

  await ask(unfiltered);
  const first = secret.slice(0, 36);
  await until('the resolver to hear', 5000, () => resolver.heard.slice(before).join('').includes(first));
  await python(unfiltered, overTcp.slice(0, overTcp.indexOf('s, answer')));
  await until('it to hear over TCP', 5000, () => resolverOverTcp.heard.join('').includes(secret));
});

it('names cannot be resolved in a sandbox', async () => {
  const secret = `${randomUUID()}.example.com`;
  const results = await Promise.all([
    python(engine, attempt(`attempt("name", lambda: socket.getaddrinfo("${secret}", 80))`)),
    engine.execute({ runtime: 'bash', code: `getent ahosts ${secret} || echo refused` }),
    engine.execute({
      runtime: 'node',
      code: `require("dns").lookup("${secret}", (e, a) => console.log(e ? "refused" : a));
        require("dns").resolve("${secret}", (e, a) => console.log(e ? "refused" : a))`,
    }),
  ]);
  for (const { stdout } of results) expect(stdout).toMatch(/refused/);
  const { stdout } = await engine.execute({ runtime: 'bash', code: 'cat /etc/resolv.conf /etc/hosts' });
  expect(stdout).not.toMatch(/^nameserver (?!127\.)/m);
});

const rawSocket = `
def raw_socket(family, kind, protocol=0):
    with socket.socket(family, kind, protocol) as s:
        s.settimeout(2)
        if family == socket.AF_INET:
            s.sendto(b"\\x08\\0\\xf7\\xff\\0\\0\\0\\0", (target, 0))
            return s.recv(100)
        if family == socket.AF_VSOCK:
            s.connect((2, 22))
        return "open"
`;

it('there are no other kinds of sockets with a way out', async () => {
  const program = attempt(`
target = "1.1.1.1"
${rawSocket}
attempt("ping", lambda: raw_socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP))
attempt("raw", lambda: raw_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt("raw IP", lambda: raw_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
attempt("packet", lambda: raw_socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300))
attempt("packet", lambda: raw_socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0x0300))
attempt("vsock", lambda: raw_socket(socket.AF_VSOCK, socket.SOCK_STREAM))
attempt("sctp", lambda: raw_socket(socket.AF_INET, socket.SOCK_STREAM, 132))
`);
  const { stdout, containerId } = await python(engine, program);
  for (const line of stdout.split('\n')) expect(line).toMatch(/refused E/);

  // The same on a network, by somebody who may.
  const ping = `import socket
target = "127.0.0.1"
${rawSocket}
print(len(raw_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)) >= 28)`;
  const image = (await inspect(containerId ?? '')).Image;
  const allowed = ['--network', 'host', '--cap-add', 'NET_RAW'];
  const args = ['run', '--rm', ...allowed, '--entrypoint', 'python3', image, '-c', ping];
  expect(await docker(args)).toBe('True');
});

// W64: with IPv6 on the bridge the filter was bypassed.
it('W64: there is no interface but loopback, and no route', async () => {
  const code = 'cat /proc/net/dev | tail -n +3 | cut -d: -f1; tail -n +2 /proc/net/route; cat /proc/net/ipv6_route';
  const { stdout, containerId } = await engine.execute({ runtime: 'bash', code });
  const lines = stdout.split('\n').map((line) => line.trim());
  expect(lines[0]).toBe('lo');
  expect(lines.slice(1).every((line) => line.endsWith(' lo'))).toBe(true);
  expect((await inspect(containerId ?? '')).HostConfig.NetworkMode).toBe('none');
});

it.each([
  'unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy',
  'export http_proxy=http://127.0.0.1:1 HTTP_PROXY=$http_proxy',
  'export http_proxy=socks5h://127.0.0.1:8118',
  `export http_proxy=http://127.0.0.1:${origin.port}`,
  'export no_proxy="*" NO_PROXY="*"',
])('a program is not helped by `%s`', async (change) => {
  const code = `${change}; curl --silent --max-time 5 http://127.0.0.1:${origin.port}/ || echo refused`;
  expect((await engine.execute({ runtime: 'bash', code })).stdout).toBe('refused');
  const unchanged = `curl --silent http://127.0.0.1:${origin.port}/`;
  expect((await engine.execute({ runtime: 'bash', code: unchanged })).stdout).toBe(token);
});

it('a request cannot change the variables', async () => {
  const env = { http_proxy: 'http://127.0.0.1:1', HTTP_PROXY: '' };
  const { stdout } = await engine.execute({ runtime: 'bash', code: 'echo $http_proxy $HTTP_PROXY', env });
  expect(stdout).toBe('http://127.0.0.1:8118 http://127.0.0.1:8118');
});

it('nobody else can be the proxy', async () => {
  const program = attempt(`
def bind(address, reuse):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, reuse, 1)
        s.bind((address, 8118))
        s.listen()
        return "bound"
attempt("taken", lambda: bind("127.0.0.1", socket.SO_REUSEADDR))
attempt("shared", lambda: bind("127.0.0.1", socket.SO_REUSEPORT))
attempt("wide", lambda: bind("0.0.0.0", socket.SO_REUSEPORT))
`);
  const { stdout } = await python(engine, program);
  for (const line of stdout.split('\n')) expect(line).toMatch(/refused E(ADDRINUSE|ACCES)$/);
});

afterAll(async () => {
  // All this was tried on a proxy that works.
  const [answer] = await said(engine, [get(`127.0.0.1:${origin.port}`)]);
  expect(answer).toContain(token);
});
