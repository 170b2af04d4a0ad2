/** Tunnels in the network mode `filtered`: HTTPS, and what else goes through `CONNECT`. */
import { expect, it } from 'vitest';
import { sharedEngine } from '../../support/any-engine.js';
import { python } from '../../support/clients.js';
import { echoAfterUpgrade, filtered, largeHash, secureWeb, usual, web } from '../../support/servers.js';

const secure = await secureWeb(usual('token-over-tls'));
const plain = await web(usual('token-in-the-clear'));
echoAfterUpgrade(plain.server);
const engine = await sharedEngine(filtered([secure, plain]));
const url = `https://localhost:${secure.port}/token`;

it('clients that honour the proxy variables get through', async () => {
  const javascript = `process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; console.log(await (await fetch("${url}")).text())`;
  const results = await Promise.all([
    engine.execute({ runtime: 'bash', code: `curl --silent --show-error --insecure ${url}` }),
    engine.execute({
      runtime: 'python',
      code: `import ssl, urllib.request\nprint(urllib.request.urlopen("${url}", context=ssl._create_unverified_context()).read().decode())`,
    }),
    engine.execute({ runtime: 'node', code: javascript, env: { NODE_NO_WARNINGS: '1' } }),
    engine.execute({ runtime: 'bun', code: javascript }),
  ]);
  expect(results.map(({ stdout }) => stdout)).toEqual(Array(4).fill('token-over-tls'));
});

it('a large file over TLS is the same at the other end', async () => {
  const code = `curl --silent --insecure "https://localhost:${secure.port}/large?mib=50" | sha256sum`;
  const { stdout } = await engine.execute({ runtime: 'bash', code, timeoutMs: 60_000 });
  expect(stdout).toContain(largeHash(50));
}, 90_000);

it('requests in the clear go through a tunnel, too', async () => {
  const code = `curl --silent --proxytunnel http://127.0.0.1:${plain.port}/token http://127.0.0.1:${plain.port}/token`;
  const { stdout } = await engine.execute({ runtime: 'bash', code });
  expect(stdout).toBe('token-in-the-clear'.repeat(2));
});

it('a connection can change its protocol within a tunnel', async () => {
  const to = `127.0.0.1:${plain.port}`;
  const { stdout } = await python(
    engine,
    `
s, _ = tunnel("${to}")
s.sendall(b"GET / HTTP/1.1\\r\\nHost: ${to}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n")
print(head(s).decode().split("\\r\\n")[0])
s.sendall(b"ping")
print(s.recv(4))
s.shutdown(socket.SHUT_WR)
print(rest(s))
`,
  );
  expect(stdout.split('\n')).toEqual(['HTTP/1.1 101 Switching Protocols', "b'ping'", "b''"]);
});

it('the answer to CONNECT has no body and says that the tunnel is there', async () => {
  const { stdout } = await python(engine, `print(repr(tunnel("localhost:${secure.port}")[1]))`);
  expect(stdout).toMatch(/^'HTTP\/1\.1 200 /);
  expect(stdout).not.toMatch(/content-length|transfer-encoding/i);
});

it('one end that says no more can still listen', async () => {
  // TLS has an end of its own, so this is seen below it: in the clear, where nobody needs one.
  const { stdout } = await python(
    engine,
    `
s, _ = tunnel("127.0.0.1:${plain.port}")
s.sendall(b"GET /large?mib=4 HTTP/1.1\\r\\nHost: 127.0.0.1:${plain.port}\\r\\nConnection: close\\r\\n\\r\\n")
s.shutdown(socket.SHUT_WR)
head(s)
print(len(rest(s)))
`,
  );
  expect(stdout).toBe(String(4 << 20));
});
