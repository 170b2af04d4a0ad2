/** What the page keeps attackers from, where it may stand, and how it is left out. */
import { once } from 'node:events';
import { createServer as createWebServer, type IncomingMessage, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'isol8';
import { describe, expect, onTestFinished, test } from 'vitest';
import { go, liveConsole, prints, run } from '../../support/console.js';
import { KEY } from '../../support/live-server.js';
import { cli } from '../../support/process.js';
import { scratch } from '../../support/scratch.js';

const live = liveConsole();
const { complaints, signedIn, stranger } = live;

describe('against attackers', () => {
  test('the policy lets nothing run but the console’s own scripts, and no text become one', async () => {
    const response = await fetch(live.url);
    const policy = response.headers.get('content-security-policy') ?? '';
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "trusted-types 'none'",
    ])
      expect(policy).toContain(rule);
    expect(policy).not.toMatch(/unsafe|data:|blob:|\*/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(await response.text()).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|<style|\sstyle=/);

    const page = await signedIn();
    const tried = await page.evaluate(() => {
      const { document } = globalThis as any;
      const script = document.createElement('script');
      const attempts = [
        () => {
          document.getElementById('output').innerHTML = '<img src=x>';
        },
        () => {
          script.text = 'document.title = "taken"';
          document.body.append(script);
        },
      ];
      return attempts.map((attempt) => {
        try {
          attempt();
          return 'allowed';
        } catch {
          return 'refused';
        }
      });
    });
    expect(tried).toEqual(['refused', 'refused']);
    expect(await page.title()).toBe('Run – isol8 console');
    expect(complaints.splice(0)).not.toEqual([]);
  });

  test('the page is no way to anything else without a key', async () => {
    const paths = ['sessions', 'network', 'metrics', 'console/unknown.js', 'console/..%2f..%2fsessions', 'console/'];
    for (const path of paths) {
      const { status, headers } = await fetch(new URL(path, live.url));
      expect([401, 404], path).toContain(status);
      expect(headers.get('content-type'), path).toContain('application/json');
    }
  });

  test('a key in a WebSocket’s protocols is checked as any other, and never sent back', async () => {
    const page = await stranger();
    const shake = (protocol: string) =>
      page.evaluate(
        ([at = '', protocol = '']) =>
          new Promise<string>((resolve) => {
            const socket = new WebSocket(at, ['isol8', protocol]);
            socket.onopen = () => {
              resolve(`spoken: ${socket.protocol}`);
              socket.close();
            };
            socket.onerror = () => resolve('refused');
          }),
        [`${live.url.replace('http', 'ws')}execute/ws`, protocol],
      );
    const named = (key: string) => `isol8.bearer.${Buffer.from(key).toString('base64url')}`;
    expect(await shake(named(KEY))).toBe('spoken: isol8');
    for (const protocol of [named('wrong'), 'isol8.bearer.', 'another', KEY])
      expect(await shake(protocol), protocol).toBe('refused');
  });
});

test('it can stand below a path, behind a proxy', async () => {
  const page = await signedIn({}, KEY, await below('/tools/isol8/'));
  await run(page, 'bash', 'echo from below');
  await prints(page, 'from below');
  await go(page, 'Sessions');
  await page.getByText('No sessions.').or(page.locator('#session-rows button').first()).waitFor();
});

/** Where the server is behind a proxy that takes `path` away. */
async function below(path: string): Promise<string> {
  const onwards = ({ method, url: asked = '', headers }: IncomingMessage) =>
    send({
      port: new URL(live.url).port,
      method,
      headers,
      path: asked.startsWith(path) ? asked.slice(path.length - 1) : '/nowhere',
    });
  const proxy = createWebServer((request, response) => {
    const forwarded = onwards(request).on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(forwarded);
  });
  proxy.on('upgrade', (request, socket) => {
    const forwarded = onwards(request).on('upgrade', ({ rawHeaders }, other) => {
      const headers = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\n`);
      socket
        .on('error', () => {})
        .pipe(other.on('error', () => {}))
        .pipe(socket);
    });
    forwarded.end();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${path}`;
}

describe('a server without it', () => {
  test('`console: false` leaves nothing of it', async () => {
    const bare = await createServer({ port: 0, host: '127.0.0.1', apiKey: KEY, console: false, config: {} });
    try {
      const headers = { authorization: `Bearer ${KEY}` };
      for (const path of ['', 'console/main.js']) {
        const at = `http://127.0.0.1:${bare.port}/${path}`;
        expect((await fetch(at)).status).toBe(401);
        expect((await fetch(at, { headers })).status).toBe(404);
      }
    } finally {
      await bare.shutdown();
    }
  });

  test('`--no-console` is the same on the command line', async () => {
    const directory = scratch();
    const status = async (...flags: string[]) => {
      // The port of the other server: it is taken, so it chooses one that is free.
      const args = ['serve', '--host-bind', '127.0.0.1', '--port', new URL(live.url).port, ...flags];
      const process = cli(args, { cwd: directory, env: { HOME: directory, ISOL8_API_KEY: KEY } });
      await process.printed('Auth: ');
      const [, address = ''] = /listening on (\S+)/.exec(process.stdout) ?? [];
      return (await fetch(address)).status;
    };
    expect(await status()).toBe(200);
    expect(await status('--no-console')).toBe(401);
  });
});
