/** What results tell of the network. */
import { expect, it } from 'vitest';
import { ONE_SANDBOX, ownEngine, PERSISTENT, sharedEngine } from '../../support/any-engine.js';
import { auditedEngine } from '../../support/audit.js';
import { get, said } from '../../support/clients.js';
import { filtered, secureWeb, usual, web } from '../../support/servers.js';

const origin = await web(usual('token'));
const secure = await secureWeb(usual('token'));
const host = `127.0.0.1:${origin.port}`;
const logging = filtered([origin, secure], { blacklist: ['^denied\\.'] }, { logNetwork: true });
const engine = await sharedEngine({ ...logging, ...ONE_SANDBOX });

const DENIED = 'blacklist; to allow it: take the pattern that matches it out of --deny or network.blacklist';

const curl = (url: string) => ({ runtime: 'bash' as const, code: `curl --silent --insecure '${url}' || :` });

function entry(method: string, of: string, path: string | null, block?: string) {
  return {
    method,
    host: of,
    path,
    action: block === undefined ? 'ALLOW' : 'BLOCK',
    ...(block !== undefined && { block }),
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    durationMs: block === undefined ? expect.any(Number) : 0,
  };
}

it('each request is an entry, and so is each tunnel', async () => {
  const code = `
    curl --silent http://${host}/one?query=1 http://${host}/two >&2
    curl --silent --insecure https://localhost:${secure.port}/inside >&2
    curl --silent http://denied.test/three >&2
    curl --silent https://denied.test/four >&2 || :
    curl --silent http://127.0.0.1:9/five >&2 || :`;
  const { networkLogs } = await engine.execute({ runtime: 'bash', code });
  expect(networkLogs).toEqual([
    entry('GET', '127.0.0.1', '/one?query=1'),
    entry('GET', '127.0.0.1', '/two'),
    entry('CONNECT', 'localhost', null),
    entry('GET', 'denied.test', '/three', DENIED),
    entry('CONNECT', 'denied.test', null, DENIED),
    entry('GET', '127.0.0.1', '/five', 'port; to allow it: add 9 to network.ports'),
  ]);
});

// A server left them out where a setup script had failed.
it('a stream that ends with its setup script has its entries, too', async () => {
  const setupScript = `curl --silent http://${host}/setup > /dev/null; exit 3`;
  const events: any = engine.executeStream({ runtime: 'bash', cmd: 'echo never', setupScript });
  let last: unknown;
  for await (const event of events) last = event;
  expect(last).toEqual({ type: 'exit', data: '3', phase: 'setup' });
  expect(events.networkLogs).toEqual([entry('GET', '127.0.0.1', '/setup')]);
});

// W32, W40: entries of earlier executions were among those of later ones.
it('an execution has its own entries only, in a sandbox that is used again', async () => {
  const first = await engine.execute(curl(`http://${host}/first`));
  const second = await engine.execute(curl(`http://${host}/second`));
  const third = await engine.execute({ runtime: 'bash', code: ':' });
  expect(new Set([first, second, third].map(({ containerId }) => containerId)).size).toBe(1);
  expect(first.networkLogs?.map(({ path }) => path)).toEqual(['/first']);
  expect(second.networkLogs?.map(({ path }) => path)).toEqual(['/second']);
  expect(third).not.toHaveProperty('networkLogs');
});

// W32: they accumulated over all runs of a container.
it('an execution has its own entries only, in a session', async () => {
  const session = await ownEngine({ ...logging, ...PERSISTENT });
  for (const path of ['/first', '/second']) {
    const { networkLogs } = await session.execute(curl(`http://${host}${path}`));
    expect(networkLogs?.map((each) => each.path)).toEqual([path]);
  }
});

it('there are none where nobody asked for them, or where there is no filter', async () => {
  const silent = await ownEngine(filtered([origin]));
  const run = await silent.execute(curl(`http://${host}/`));
  expect(run.stdout).toBe('token');
  expect(run).not.toHaveProperty('networkLogs');
  const none = await ownEngine({ logNetwork: true });
  expect(await none.execute(curl(`http://${host}/`))).not.toHaveProperty('networkLogs');
});

// W61: quotes in a path broke or forged an entry.
it('an entry cannot be forged', async () => {
  const path = `/%22"},{"action":"ALLOW'\\`;
  const lines = [`GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`];
  lines.push('CONNECT \u001b[2Jx:443 HTTP/1.1\r\nHost: x\r\n\r\n', 'CONNECT a"b\u202e:443 HTTP/1.1\r\nHost: x\r\n\r\n');
  await said(engine, [get(host)]);
  const bytes = JSON.stringify(lines.map((line) => [...Buffer.from(line)]));
  const code = `import socket\nfor b in ${bytes}:\n  s = socket.create_connection(("127.0.0.1", 8118)); s.sendall(bytes(b)); s.recv(9)`;
  const { networkLogs = [], exitCode } = await engine.execute({ runtime: 'python', code });
  expect(exitCode).toBe(0);
  expect(networkLogs.length).toBeLessThanOrEqual(3);
  for (const each of networkLogs) {
    const { block: _, ...others } = each;
    expect(Object.keys(others).sort()).toEqual(['action', 'durationMs', 'host', 'method', 'path', 'timestamp']);
    expect(each.method + each.host + each.path).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  }
});

/** The one record of an engine with these options that has run `code`. */
async function recordOf(options: object, code: string): Promise<any> {
  const audited = await auditedEngine({ destination: 'filesystem' }, { ...logging, ...options });
  await audited.engine.execute({ runtime: 'bash', code });
  const [record] = await audited.records();
  return record;
}

// They stood in the clear in results and in the audit log.
it('secrets do not show in what is logged of requests', async () => {
  const code = `
    curl --silent "http://${host}/?key=$KEY" > /dev/null
    curl --silent "http://$KEY.denied.test/" "http://denied.$KEY/" --request "$KEY" > /dev/null`;
  const record = await recordOf({ secrets: { KEY: 'Sekret-4711' } }, code);
  expect(record.networkLogs).toHaveLength(3);
  expect(record.networkLogs[0].path).toBe('/?key=***');
  expect(JSON.stringify(record)).not.toMatch(/4711/);
  const engine = await ownEngine({ ...logging, secrets: { KEY: 'Sekret-4711' } });
  const { networkLogs } = await engine.execute({ runtime: 'bash', code });
  expect(networkLogs).toHaveLength(3);
  expect(JSON.stringify(networkLogs)).not.toMatch(/4711/);
});

it('what is not listed any more is counted in the audit record', async () => {
  const record = await recordOf(
    {},
    `curl --silent 'http://${host}/204?[1-1020]' 'http://denied.test/[1-1030]' > /dev/null`,
  );
  expect(record.networkLogs).toHaveLength(1000);
  expect(record.securityEvents).toHaveLength(1000);
  expect(record).toMatchObject({ droppedNetworkLogs: 1050, droppedSecurityEvents: 30 });
}, 60_000);

// W68: the first event was lost.
it('audit records have all that was refused, and how many bytes went through', async () => {
  const audited = await auditedEngine({ destination: 'filesystem', trackResources: true }, logging);
  const code = `
    curl --silent http://denied.one/ http://denied.two/ > /dev/null
    curl --silent --request POST --data-binary @- http://${host}/large?mib=3 > /dev/null < <(head -c 100000 /dev/zero)`;
  const { resourceUsage } = await audited.engine.execute({ runtime: 'bash', code });
  const [record] = (await audited.records()) as any[];
  expect(record.securityEvents.map(({ type, details }: any) => [type, details])).toEqual([
    ['network_blocked', { method: 'GET', host: 'denied.one', reason: 'filter_mismatch', block: DENIED }],
    ['network_blocked', { method: 'GET', host: 'denied.two', reason: 'filter_mismatch', block: DENIED }],
  ]);
  expect(resourceUsage?.networkBytesIn).toBeGreaterThanOrEqual(3 << 20);
  expect(resourceUsage?.networkBytesIn).toBeLessThan((3 << 20) + 20_000);
  expect(resourceUsage?.networkBytesOut).toBeGreaterThanOrEqual(100_000);
  expect(resourceUsage?.networkBytesOut).toBeLessThan(101_000);
  expect(record.resourceUsage).toEqual(resourceUsage);
});
