/** Who decides, and what a program is told. */
import type { NetworkFilterConfig } from 'isol8';
import { expect, it } from 'vitest';
import { construct, ownEngine, sharedEngine } from '../../support/any-engine.js';
import { get, said, status } from '../../support/clients.js';
import { filtered, usual, web } from '../../support/servers.js';

const origin = await web(usual('the-token'));
const host = `localhost:${origin.port}`;
const open = await sharedEngine(filtered([origin]));

/** What comes of requests under a filter. */
async function under(filter: Partial<NetworkFilterConfig>, requests: string[]): Promise<string[]> {
  return said(await ownEngine(filtered([origin], filter)), requests);
}

it('what is blocked is told so, in so many words, and why', async () => {
  const [answer = '', tunnel = ''] = await under({ blacklist: ['^localhost$'] }, [
    get(host),
    `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  ]);
  for (const [text, body] of [
    [answer, 'isol8: request to localhost blocked by network filter'],
    [tunnel, 'isol8: CONNECT to localhost blocked by network filter'],
  ] as const) {
    expect(text).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/);
    expect(text).toMatch(/\r\ncontent-type: text\/plain/i);
    expect(text).toMatch(/\r\nx-isol8-block: blacklist/i);
    expect(text.split('\r\n\r\n')[1]).toBe(body);
  }
});

it('a blacklist beats a whitelist', async () => {
  const answers = await Promise.all([
    under({ whitelist: ['localhost'] }, [get(host)]),
    under({ whitelist: ['localhost'], blacklist: ['local'] }, [get(host)]),
    under({ whitelist: ['example'] }, [get(host)]),
  ]);
  expect(answers.flat().map(status)).toEqual([200, 403, 403]);
});

it('without any filter public hosts are allowed, and private ones are not', async () => {
  const engine = await ownEngine({ network: 'filtered' });
  // Nobody has that name: it is allowed, and cannot be found.
  const [unknown, loopback, name] = await said(engine, [get('nobody.invalid'), get('127.0.0.1'), get('localhost')]);
  expect(unknown).toMatch(/^HTTP\/1.1 502/);
  expect(loopback).toMatch(/^HTTP\/1.1 403.*x-isol8-block: private-address/s);
  expect(name).toMatch(/^HTTP\/1.1 403.*x-isol8-block: private-address/s);
});

// W62: invalid patterns made the filter let everything through.
it.each([
  [{ whitelist: ['('] }, /networkFilter\.whitelist\[0\]/],
  [{ blacklist: ['fine', '['] }, /networkFilter\.blacklist\[1\]/],
  [{ ports: [] }, /networkFilter\.ports/],
  [{ ports: [80, 0] }, /networkFilter\.ports\[1\]/],
  [{ allowPrivate: ['10.0.0.1/8'] }, /networkFilter\.allowPrivate\[0\]/],
])('W62: no engine has the filter %j', (networkFilter, message) => {
  for (const network of ['filtered', 'none'] as const) {
    expect(() => construct({ network, networkFilter })).toThrow(message);
  }
});

// W63: a quote in a pattern broke out of the command that started the proxy, and `","` split it.
it('W63: patterns are patterns, whatever is in them', async () => {
  const pattern = `'; touch /tmp/broken; echo '","localhost`;
  const [answer] = await under({ blacklist: [pattern] }, [get(host)]);
  expect(status(answer)).toBe(200);
});

it('engines with different filters do not mind each other', async () => {
  const denying = await ownEngine(filtered([origin], { blacklist: ['localhost'] }));
  const runs = [open, denying, open, denying].map((engine) => said(engine, [get(host)]));
  expect((await Promise.all(runs)).flat().map(status)).toEqual([200, 403, 200, 403]);
});

// W49: the variables told programs the whole policy.
it('W49: programs are told where the proxy is, and not what it allows', async () => {
  const engine = await ownEngine(
    filtered([origin], { whitelist: ['secret-whitelist'], blacklist: ['secret-blacklist'] }),
  );
  const code = 'env; cat /proc/self/environ; cat /proc/1/environ 2> /dev/null; cat /proc/1/cmdline';
  const { stdout } = await engine.execute({ runtime: 'bash', code });
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) {
    expect(stdout).toContain(`${name}=http://127.0.0.1:8118\n`);
  }
  expect(stdout).not.toMatch(/secret-/);
  expect(stdout).not.toContain(String(origin.port));
});

it('there is no proxy, and there are no variables, without the filter', async () => {
  const engine = await ownEngine();
  for (let n = 0; n < 2; n++) {
    const code = `env | grep -i proxy; curl --silent --max-time 5 http://${host}/; curl --silent --proxy 127.0.0.1:8118 http://${host}/; echo $?`;
    expect((await engine.execute({ runtime: 'bash', code })).stdout).toBe('7');
  }
});
