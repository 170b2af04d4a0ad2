/** Programs that ask for too much, or too slowly: only they themselves notice. */
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { get, python, said } from '../../support/clients.js';
import { ONE_SANDBOX, ownEngine, sharedEngine } from '../../support/engine.js';
import { filtered, usual, web } from '../../support/servers.js';

const token = randomUUID();
const origin = await web(usual(token));
const host = `127.0.0.1:${origin.port}`;
const engine = sharedEngine(filtered([origin], {}, { logNetwork: true }));

const descriptors = () => readdirSync('/proc/self/fd').length;

it('10,000 connections cost the engine no more than 240', async () => {
  const program = `
import resource, threading, time
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
made, lock = [], threading.Lock()
begun = time.monotonic()
total = 0
while total < 10000 and time.monotonic() - begun < 20:
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", 8118))
    made.append(s)
    total += 1
    if len(made) > 4000:
        for old in made[:2000]:
            old.close()
        made = made[2000:]
for s in made:
    s.close()
print(total)
print(say("GET http://${host}/token HTTP/1.0\\r\\n\\r\\n")[-36:])
`;
  const before = { descriptors: descriptors(), rss: process.memoryUsage().rss };
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, descriptors());
  }, 5);
  const { stdout } = await python(engine, program, 60_000).finally(() => clearInterval(watch));
  expect(stdout).toBe(`10000\n${token}`);
  expect(most - before.descriptors).toBeLessThan(560);
  expect(process.memoryUsage().rss - before.rss).toBeLessThan(100 << 20);
}, 90_000);

it('a head that comes slowly keeps neither others waiting nor the run from its end', async () => {
  const program = `
import time
slow = [connect() for _ in range(100)]
for s in slow:
    s.sendall(b"G")
for byte in b"ET http:":
    for s in slow:
        s.sendall(bytes([byte]))
    print(say("GET http://${host}/token HTTP/1.0\\r\\n\\r\\n")[-36:])
`;
  const { stdout, durationMs } = await python(engine, program);
  expect(stdout).toBe(Array(8).fill(token).join('\n'));
  expect(durationMs).toBeLessThan(10_000);
});

it('an endless head is not kept', async () => {
  const program = `
s = connect()
s.settimeout(2)
try:
    s.sendall(b"GET http://${host}/token HTTP/1.1\\r\\nHost: ${host}\\r\\nX: " + b"x" * (64 << 20))
except OSError:
    pass
print(rest(s)[:20])
`;
  const before = process.memoryUsage().rss;
  const asked = origin.asked.length;
  expect((await python(engine, program)).stdout).toMatch(/431|Error/);
  expect(origin.asked.length).toBe(asked);
  expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
});

it('a log has an end, and a flood of requests hides no refusal', async () => {
  const code = `
import http.client
c = http.client.HTTPConnection("127.0.0.1", 8118)
for n in range(3000):
    c.request("GET", "http://${host}/204")
    c.getresponse().read()
`;
  const { networkLogs } = await python(engine, code);
  expect(networkLogs).toHaveLength(1000);
}, 60_000);

// W67: rules of one run were still there in the next.
it('W67: what a program leaves behind does not change the next run’s filter', async () => {
  const own = ownEngine({ ...filtered([origin], { blacklist: ['denied'] }), ...ONE_SANDBOX });
  const first = await own.execute({
    runtime: 'python',
    code: `
import os, socket
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            s = socket.socket(); s.bind(("127.0.0.1", 8118)); s.listen()
        except OSError:
            s.close()
print("left")`,
  });
  expect(first.stdout).toBe('left');
  for (let n = 0; n < 3; n++) {
    const code = `curl --silent http://denied.test/; echo; curl --silent http://${host}/token`;
    const next = await own.execute({ runtime: 'bash', code });
    expect(next.stdout).toBe(`isol8: request to denied.test blocked by network filter\n${token}`);
  }
  const again = await own.execute({ runtime: 'python', code: 'print(1)' });
  expect(again.containerId).toBe(first.containerId);
});

it('the proxy has served all the while', async () => {
  expect((await said(engine, [get(host)]))[0]).toContain(token);
});
