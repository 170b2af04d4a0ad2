/** Hosts, addresses and ports that may not be reached, spelled in every way. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { get, said, status } from '../../support/clients.js';
import { ownEngine, sharedEngine } from '../../support/engine.js';
import { filtered, usual, web } from '../../support/servers.js';

const token = randomUUID();
const origin = await web(usual(token));
const hidden = await web(usual(token));
const { port } = origin;
/** Everything but the address is allowed. */
const privateOnes = sharedEngine(filtered([origin], { allowPrivate: [] }));
/** Everything but the name, and addresses in its place. */
const denying = sharedEngine(
  filtered([origin], { whitelist: ['^127\\.0\\.0\\.2$'], blacklist: ['^localhost$', '^127\\.0\\.0\\.1$'] }),
);
/** Everything. */
const lifted = sharedEngine(filtered([origin]));

const tunnel = (to: string) =>
  `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\nGET / HTTP/1.1\r\nHost: ${to}\r\nConnection: close\r\n\r\n`;

/** Spellings that are valid, of the host that all servers here have. */
const SPELLINGS = [
  'localhost',
  'LOCALHOST',
  'LocalHost.',
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '127.0.1',
  '2130706433',
  '017700000001',
  '0177.0.0.1',
  '0x7f000001',
  '0X7F.0.0.1',
  '0x7f.1',
  '00000177.0x0.00.01',
  '[::ffff:127.0.0.1]',
  '[::FFFF:7f00:1]',
  '[0:0:0:0:0:ffff:7f00:0001]',
];

/** Spellings that nobody accepts, or for which nobody listens. */
const OTHERS = [
  'ｌｏｃａｌｈｏｓｔ',
  '１２７.０.０.１',
  '127。0。0。1',
  '①②⑦.0.0.1',
  '0.0.0.0',
  '[::]',
  '[::1]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[::1%25lo]',
  '127.0.0.1%00.example.com',
  '%31%32%37.0.0.1',
  'example.com@127.0.0.1',
  '127.0.0.1#.example.com',
  '127.0.0.1\\.example.com',
  '127.0.0.1\t',
  '4294967297.1',
  '256.0.0.1',
  '127.0.0.1.1',
  '',
];

it('no spelling of a private address gets through', async () => {
  const before = origin.asked.length;
  const hosts = [...SPELLINGS, ...OTHERS].map((host) => `${host}:${port}`);
  const answers = await said(privateOnes, [...hosts.map((host) => get(host)), ...hosts.map(tunnel)]);
  for (const answer of answers) {
    expect(answer).not.toContain(token);
    expect(status(answer)).toBeOneOf([400, 403, 502]);
  }
  for (const answer of answers.slice(0, SPELLINGS.length)) expect(status(answer)).toBe(403);
  expect(origin.asked.length).toBe(before);

  const reached = await said(
    lifted,
    SPELLINGS.map((host) => get(`${host}:${port}`)),
  );
  for (const answer of reached) expect(answer).toContain(token);
});

// W62: matching was case-sensitive, and a trailing dot bypassed it.
it('W62: no spelling of a name in the blacklist gets through', async () => {
  const before = origin.asked.length;
  const hosts = SPELLINGS.map((host) => `${host}:${port}`);
  for (const answer of await said(denying, [...hosts.map((host) => get(host)), ...hosts.map(tunnel)])) {
    expect(answer).not.toContain(token);
    expect(status(answer)).toBe(403);
  }
  expect(origin.asked.length).toBe(before);

  for (const answer of await said(lifted, hosts.map(tunnel))) expect(answer).toContain(token);
});

// W66: tunnels to every port were made.
it('W66: no port is reached that is not among those that may be', async () => {
  const to = `127.0.0.1:${hidden.port}`;
  const spelled = [to, `localhost:${hidden.port}`, `localhost:0${hidden.port}`, `localhost:${port}:${hidden.port}`];
  const others = ['localhost:22', 'localhost:', 'localhost:0', 'localhost:65536', `localhost:+${port}`, 'localhost'];
  const requests = [...spelled, ...others].flatMap((each) => [get(each), tunnel(each)]);
  for (const answer of await said(lifted, requests)) {
    expect(answer).not.toContain(token);
    expect(status(answer)).toBeOneOf([400, 403]);
  }
  expect(hidden.asked).toEqual([]);
  expect(await said(lifted, [get(`localhost:${port}`)])).toEqual([expect.stringContaining(token)]);
});

// W65: allowed names that resolve to metadata addresses were connected to.
it('W65: metadata services are refused even if all networks are allowed', async () => {
  const engine = engineWith({ allowPrivate: ['0.0.0.0/0', '::/0'], ports: [80, port] });
  const hosts = ['169.254.169.254', '0xa9fea9fe', '2852039166', '[::ffff:169.254.169.254]', '[fd00:ec2::254]'];
  const answers = await said(engine, [...hosts.map((host) => get(host)), ...hosts.map((host) => tunnel(`${host}:80`))]);
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 403.*x-isol8-block: metadata-address/s);
  expect(await said(engine, [get(`127.0.0.1:${port}`)])).toEqual([expect.stringContaining(token)]);
});

it('a redirect does not lead where a request would not', async () => {
  const to = encodeURIComponent(`http://127.0.0.2:${port}/token`);
  const url = `http://127.0.0.1:${port}/redirect?to=${to}`;
  const one = engineWith({ ports: [port], allowPrivate: ['127.0.0.1'] });
  const program = (address: string) => ({ runtime: 'bash' as const, code: `curl --silent --location '${address}'` });
  expect((await one.execute(program(url))).stdout).toBe('isol8: request to 127.0.0.2 blocked by network filter');
  const back = url.replace(to, encodeURIComponent(`http://127.0.0.1:${port}/token`));
  expect((await one.execute(program(back))).stdout).toBe(token);
});

function engineWith(filter: Parameters<typeof filtered>[1]) {
  return ownEngine(filtered([], filter));
}
