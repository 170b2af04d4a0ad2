/** When connections end, how many there can be, and what becomes of sandboxes that had some. */
import { expect, it } from 'vitest';
import { here, ONE_SANDBOX, ownEngine, PERSISTENT, sharedEngine } from '../../support/any-engine.js';
import { python } from '../../support/clients.js';
import { noContainersOf } from '../../support/docker.js';
import { filtered, usual, web } from '../../support/servers.js';
import { until, within } from '../../support/until.js';

const ordinary = usual('token');
const origin = await web((request, response) => {
  switch (request.url) {
    case '/connections':
      origin.server.getConnections((_error, count) => response.end(String(count)));
      break;
    case '/late':
      setTimeout(() => response.end('late'), 3000);
      break;
    default:
      ordinary(request, response);
  }
});
const host = `127.0.0.1:${origin.port}`;
const options = filtered([origin]);
const engine = await sharedEngine({ ...options, ...ONE_SANDBOX });

/** How many connections the server has. */
function connections(): Promise<number> {
  return new Promise((resolve, reject) => {
    origin.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** Resolves when nobody is connected to the server. */
function nobodyLeft(): Promise<unknown> {
  return until('the connections to end', 5000, async () => (await connections()) === 0);
}

// W40, W67: proxy, logs and rules of a run were still there in the next one.
it('a sandbox is used again, and nothing of the last run is left', async () => {
  const first = await python(
    engine,
    `
open_ones = [tunnel("${host}")[0] for _ in range(5)]
waiting = connect()
waiting.sendall(b"GET http://${host}/hang HTTP/1.1\\r\\nHost: ${host}\\r\\n\\r\\n")
import subprocess, time
subprocess.Popen(["curl", "--silent", "http://${host}/hang"], start_new_session=True)
while not open("/proc/net/tcp").read().count(" 01 ") > 12: time.sleep(0.01)
print("ready")
`,
  );
  const code = `print(open("/proc/net/tcp").read().count(" 01 "), open("/proc/net/tcp6").read().count(":"))`;
  const next = await python(engine, `${code}\nprint(say("GET http://${host}/x HTTP/1.0\\r\\n\\r\\n")[-5:])`);
  expect(next.containerId).toBe(first.containerId);
  expect(next.stdout).toMatch(/^0 \d+\ntoken$/);
  await nobodyLeft();
});

// How many connections a program can have, the proxy decides with the guest: a client hears nothing of it.
here(() => {
  it('240 connections are served at once, and more of them in turn', async () => {
    const { stdout } = await python(
      engine,
      `
request = b"GET http://${host}/token HTTP/1.1\\r\\nHost: ${host}\\r\\nConnection: close\\r\\n\\r\\n"
all = [connect() for _ in range(400)]
for s in all[:240]:
    s.sendall(request[:-2])
for s in all[:240]:
    s.sendall(request[-2:])
    assert rest(s).endswith(b"token")
    s.close()
for s in all[240:]:
    s.sendall(request)
print(sum(rest(s).endswith(b"token") for s in all[240:]))
`,
    );
    expect(stdout).toBe('160');
    await nobodyLeft();
  });

  it('connections over which nothing was said, or nothing more is, make room for others', async () => {
    const { stdout } = await python(
      engine,
      `
for n in range(300):
    connect().close()
for n in range(150):
    with connect() as s:
        s.sendall(b"GET http://${host}/token HTTP/1.1\\r\\nHost: ${host}\\r\\n\\r\\n")
        head(s)
print(say("GET http://${host}/token HTTP/1.0\\r\\n\\r\\n")[-5:])
`,
    );
    expect(stdout).toBe('token');
  });

  // Such requests held their places until the server's time was over.
  it.each([
    ['closes', 's.close()'],
    ['resets', 's.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); s.close()'],
    ['has no more to say on, and then closes', 's.shutdown(socket.SHUT_WR); time.sleep(0.01); s.close()'],
    ['has shared with a child, which ends,', 'children.append(keep(s)) or s.close()'],
  ])('a connection that a program %s gives its place back at once, and ends at the server', async (_how, giveUp) => {
    const { stdout } = await python(
      engine,
      `
import os, signal, struct, time
children = []
def keep(s):
    if child := os.fork(): return child
    time.sleep(1000)
made = [connect() for _ in range(240)]
for s in made:
    s.sendall(b"GET http://${host}/hang HTTP/1.1\\r\\nHost: ${host}\\r\\n\\r\\n")
time.sleep(0.5)
for s in made[:1] if "keep" in ${JSON.stringify(giveUp)} else made:
    ${giveUp}
for s in made: s.close()
for child in children: os.kill(child, signal.SIGKILL)
begun = time.monotonic()
while (left := say("GET http://${host}/connections HTTP/1.0\\r\\n\\r\\n").split("\\r\\n\\r\\n")[-1]) != "1":
    assert time.monotonic() - begun < 8, left
    time.sleep(0.05)
print("free")
`,
    );
    expect(stdout).toBe('free');
  });

  it('one that waits for its answer with nothing more to say is not given up', async () => {
    const { stdout } = await python(
      engine,
      `
import time
s = connect()
s.sendall(b"GET http://${host}/late HTTP/1.1\\r\\nHost: ${host}\\r\\nConnection: close\\r\\n\\r\\n")
s.shutdown(socket.SHUT_WR)
print(rest(s)[-4:])
`,
    );
    expect(stdout).toBe("b'late'");
  });

  // The guest took the next connection before the engine had let go of the last: with enough of them, the channel ended.
  it('a program that opens and gives up faster than anybody can follow keeps its sandbox', async () => {
    const program = `
import struct, threading, time
begun = time.monotonic()
def hammer():
    while time.monotonic() - begun < 3:
        made = []
        for _ in range(64):
            s = connect()
            s.sendall(b"GET http://${host}/hang HTTP/1.1\\r\\nHost: ${host}\\r\\n\\r\\n")
            made.append(s)
        for s in made:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
threads = [threading.Thread(target=hammer) for _ in range(6)]
for t in threads: t.start()
for t in threads: t.join()
print(say("GET http://${host}/token HTTP/1.0\\r\\n\\r\\n")[-5:])
`;
    const session = await ownEngine({ ...options, ...PERSISTENT });
    expect((await python(session, program)).stdout).toBe('token');
    const { stdout } = await session.execute({ runtime: 'python', code: 'print("still here")' });
    expect(stdout).toBe('still here');
    await session.stop();
    await nobodyLeft();
  });
});

it('a background process of a session keeps its connections between executions', async () => {
  const session = await ownEngine({ ...options, ...PERSISTENT });
  const code = `
    (while sleep 0.1; do curl --silent http://${host}/beat >> beats; done) > /dev/null 2>&1 &
    until test -s beats; do sleep 0.05; done`;
  await session.execute({ runtime: 'bash', code });
  const before = origin.asked.filter((line) => line === 'GET /beat').length;
  await until('more beats between executions', 5000, () => {
    // One after the other: the last that was asked for need not have come yet.
    return origin.asked.filter((line) => line === 'GET /beat').length > before + 4;
  });
  expect((await session.execute({ runtime: 'bash', code: 'cat beats' })).stdout).toMatch(/^(token){5,}/);
  await session.stop();
  await nobodyLeft();
});

it.each(['/large?mib=100000', '/slow', '/hang'])('stop() ends a transfer of %s', async (path) => {
  const own = await ownEngine(options);
  const before = origin.asked.length;
  const run = own.execute({ runtime: 'bash', code: `curl --silent http://${host}${path} > /dev/null` });
  const outcome = run.catch((error) => error);
  await until('the request', 10_000, () => origin.asked.length > before);
  await within('stop()', 10_000, own.stop());
  expect((await outcome).code).toBe('STOPPED');
  await nobodyLeft();
});

it.each(['/large?mib=100000', '/slow', '/hang'])('an abort ends a transfer of %s', async (path) => {
  const before = origin.asked.length;
  const controller = new AbortController();
  const code = `curl --silent http://${host}${path} > /dev/null`;
  const outcome = engine.execute({ runtime: 'bash', code }, { signal: controller.signal }).catch((error) => error);
  await until('the request', 10_000, () => origin.asked.length > before);
  controller.abort();
  expect((await within('the abort', 5000, outcome)).name).toMatch(/AbortError|Error/);
  await nobodyLeft();
  expect((await engine.execute({ runtime: 'bash', code: `curl --silent http://${host}/token` })).stdout).toBe('token');
});

it('a time limit ends a transfer', async () => {
  const code = `curl --silent http://${host}/large?mib=100000 > /dev/null`;
  const { exitCode, durationMs } = await engine.execute({ runtime: 'bash', code, timeoutMs: 1000 });
  expect(exitCode).not.toBe(0);
  expect(durationMs).toBeLessThan(5000);
  await nobodyLeft();
});

it('an engine that is stopped leaves nothing behind', async () => {
  await engine.stop();
  await nobodyLeft();
  await noContainersOf(process.pid, 10_000);
});
