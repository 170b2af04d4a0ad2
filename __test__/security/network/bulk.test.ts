/** Much at once, and ends in the middle of it: bounded memory on this side, and nothing left on any. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { python } from '../../support/clients.js';
import { noContainersOf, runningContainersOf } from '../../support/docker.js';
import { ONE_SANDBOX, ownEngine, sharedEngine } from '../../support/engine.js';
import { program } from '../../support/process.js';
import { filtered, usual, web } from '../../support/servers.js';
import { until } from '../../support/until.js';

const MIB = 1 << 20;
const token = randomUUID();
const origin = await web(usual(token));
const stuck = await unread();
const engine = sharedEngine(filtered([origin, stuck], {}, { audit: undefined }));
const host = `127.0.0.1:${origin.port}`;

/** A server that says much to whoever asks, as fast as it is taken, and reads nothing but how they begin. */
async function unread() {
  const sent = { bytes: 0 };
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    const block = Buffer.alloc(MIB);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    const more = () => {
      while (!socket.destroyed && socket.write(block)) sent.bytes += block.length;
      socket.once('drain', more);
    };
    // An answer that comes before there was a request is none.
    socket.once('data', () => {
      socket.pause();
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n');
      more();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterAll(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return { port: (server.address() as { port: number }).port, sent, open };
}

/** How much more memory this process has while something is done than before. */
async function growth(doing: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().rss;
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 10);
  await doing().finally(() => clearInterval(watch));
  return most - before;
}

it('1 GiB goes in and 1 GiB goes out, and is not kept on the way', async () => {
  const grown = await growth(async () => {
    const down = python(
      engine,
      `
s = connect()
s.sendall(b"GET http://${host}/large?mib=1024 HTTP/1.1\\r\\nHost: ${host}\\r\\nConnection: close\\r\\n\\r\\n")
head(s)
buffer, total = bytearray(1 << 20), 0
while n := s.recv_into(buffer):
    total += n
print(total)`,
    );
    expect((await down).stdout).toBe(String(1024 * MIB));
    const up = python(
      engine,
      `
s = connect()
s.sendall(b"POST http://${host}/count HTTP/1.1\\r\\nHost: ${host}\\r\\nConnection: close\\r\\nContent-Length: ${1024 * MIB}\\r\\n\\r\\n")
block = bytes(1 << 20)
for _ in range(1024):
    s.sendall(block)
print(rest(s).split(b"\\r\\n\\r\\n")[1].decode())`,
    );
    expect((await up).stdout).toBe(String(1024 * MIB));
  });
  expect(grown).toBeLessThan(128 * MIB);
}, 120_000);

it('a program that does not read keeps the server waiting, and nothing else', async () => {
  const grown = await growth(async () => {
    const { stdout } = await python(
      engine,
      `
import time
made = [connect() for _ in range(20)]
for s in made:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(b"GET http://127.0.0.1:${stuck.port}/ HTTP/1.1\\r\\nHost: 127.0.0.1:${stuck.port}\\r\\n\\r\\n")
time.sleep(2)
print(say("GET http://${host}/token HTTP/1.0\\r\\n\\r\\n")[-36:])`,
    );
    expect(stdout).toBe(token);
  });
  // What the kernel keeps for each connection is some MiB at most.
  expect(stuck.sent.bytes).toBeGreaterThan(20 * MIB);
  expect(stuck.sent.bytes).toBeLessThan(20 * 16 * MIB);
  expect(grown).toBeLessThan(96 * MIB);
});

it('a server that does not read keeps the program waiting, and nothing else', async () => {
  const grown = await growth(async () => {
    const { stdout } = await python(
      engine,
      `
import time
s = connect()
s.sendall(b"POST http://127.0.0.1:${stuck.port}/ HTTP/1.1\\r\\nHost: 127.0.0.1:${stuck.port}\\r\\nContent-Length: 1000000000\\r\\n\\r\\n")
s.settimeout(1)
sent, block = 0, bytes(1 << 16)
try:
    while True:
        sent += s.send(block)
except OSError as error:
    print(type(error).__name__, sent < ${64 * MIB})
print(say("GET http://${host}/token HTTP/1.0\\r\\n\\r\\n")[-36:])`,
    );
    expect(stdout).toBe(`TimeoutError True\n${token}`);
  });
  expect(grown).toBeLessThan(64 * MIB);
});

it.each(['download', 'upload', 'tunnel'])(
  'an engine that is killed in the middle of a %s leaves nothing',
  async (what) => {
    const child = program('transfer', [String(origin.port), what]);
    await child.printed('moving');
    expect((await runningContainersOf(child.pid)).length).toBeGreaterThan(0);
    expect(await connections()).toBe(1);
    child.kill('SIGKILL');
    await until('the server to be left', 5000, async () => (await connections()) === 0);
    await noContainersOf(child.pid, 5000);
  },
);

/** How many connections the server has. */
function connections(): Promise<number> {
  return new Promise((resolve, reject) => {
    origin.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

// W67: rules of one run were still there in the next.
it('W67: what a run has left half said is never said in the name of the next', async () => {
  const own = ownEngine({ ...filtered([origin], {}, { logNetwork: true }), ...ONE_SANDBOX });
  const leaving = await own.execute({
    runtime: 'python',
    code: `
import os, socket
answered, answers = os.pipe()
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            s = socket.create_connection(("127.0.0.1", 8118), 1)
            s.sendall(b"GET http://${host}/left HTTP/1.1\\r\\nHost: ${host}\\r\\n\\r\\n")
            s.shutdown(socket.SHUT_WR)
            if s.recv(1): os.write(answers, b".")
        except OSError:
            pass
os.read(answered, 1)
print("left")`,
  });
  expect(leaving.networkLogs?.length).toBeGreaterThan(0);
  const before = origin.asked.filter((line) => line === 'GET /left').length;
  expect(before).toBeGreaterThan(0);
  for (let n = 0; n < 5; n++) {
    const next = await own.execute({ runtime: 'bash', code: `curl --silent http://${host}/mine` });
    expect(next.stdout).toBe(token);
    expect(next.networkLogs?.map(({ path }) => path)).toEqual(['/mine']);
  }
  const last = await own.execute({ runtime: 'python', code: 'print(1)' });
  expect(last.containerId).toBe(leaving.containerId);
  expect(origin.asked.filter((line) => line === 'GET /left').length - before).toBeLessThanOrEqual(1);
});
