/** Ports for servers that are told theirs. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that the system gives to whoever leaves the choice to it: no other test gets one of these meanwhile. */
const FIRST = 12_000;
const COUNT = 20_000;

/** A port that nobody has. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const server = createServer();
    try {
      await once(server.listen(port), 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
