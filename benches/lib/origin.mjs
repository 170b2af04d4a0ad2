// The server of the network case, in a process of its own: neither side should have it in its way.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

/** Bytes of a small answer. */
export const SMALL = 100;

const BLOCK = 1 << 18;

/** Starts it, and resolves with its port. */
export async function startOrigin(cleanup) {
  const child = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const stop = cleanup.add(() => child.kill('SIGKILL'));
  const [port] = await once(child, 'message');
  return { port, stop };
}

function serve(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://server');
  if (pathname === '/down') {
    let left = Number(searchParams.get('bytes'));
    const block = Buffer.alloc(BLOCK);
    response.setHeader('content-length', left);
    const more = () => {
      while (left > 0 && !response.destroyed) {
        const part = block.subarray(0, Math.min(left, block.length));
        left -= part.length;
        if (!response.write(part)) return response.once('drain', more);
      }
      response.end();
    };
    more();
  } else if (pathname === '/up') {
    request.resume().on('end', () => response.end());
  } else {
    response.end('x'.repeat(SMALL));
  }
}

if (process.send) {
  // It goes with the bench.
  process.on('disconnect', () => process.exit());
  const server = createServer(serve).listen(0, '127.0.0.1', () => process.send(server.address().port));
}
