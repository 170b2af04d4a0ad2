/** What a server writes down of requests, for whoever operates it. */
import { expect, it } from 'vitest';
import { eventsOf, type ServerEvent } from '../support/caller.js';
import { ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';
import { Socket } from '../support/web-socket.js';

/** One that the engine fails, when the answer has begun already: what it is sent does not fit. */
const FAILING = {
  request: { runtime: 'bash', cmd: ':', files: { big: 'x'.repeat(3 << 20) } },
  options: { sandboxSize: '1m' },
};
const failure = expect.objectContaining({ type: 'error', code: 'WRITE_FILE_FAILED' });

interface Line {
  route: string;
  status: number;
  durationMs: number;
  code?: string;
}

/** The line of a request to `route`, when it is there. */
function lineOf({ process }: ServerProcess, route: string): Promise<Line> {
  return until(`a line of ${route}`, 20_000, () => {
    const lines: Line[] = process.stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    return lines.find((line) => line.route === route);
  });
}

it('has the code of a failure that a client was told of in a stream', async () => {
  const server = await ServerProcess.start();
  expect(await eventsOf(await server.caller.ask('POST', '/execute/stream', FAILING))).toEqual([failure]);
  expect(await lineOf(server, '/execute/stream')).toMatchObject({ status: 200, code: 'WRITE_FILE_FAILED' });
});

it('has a WebSocket when it is closed, with the code of a failure that its client was told of', async () => {
  const server = await ServerProcess.start();
  const socket = await Socket.open(server.host);
  socket.send({ type: 'execute', ...FAILING });
  await socket.closed;
  expect(socket.events).toEqual<ServerEvent[]>([failure]);
  expect(await lineOf(server, '/execute/ws')).toMatchObject({ status: 101, code: 'WRITE_FILE_FAILED' });
});

it('has the code of what a client was told of its JSON', async () => {
  const server = await ServerProcess.start();
  const socket = await Socket.open(server.host);
  socket.send('{');
  await socket.closed;
  expect(await lineOf(server, '/execute/ws')).toMatchObject({ status: 101, code: 'INVALID_REQUEST' });
});

it('has no code where the program has run, whatever came of it', async () => {
  const server = await ServerProcess.start();
  const before = performance.now();
  const socket = await Socket.open(server.host);
  socket.execute('sleep 0.3; exit 7');
  await socket.closed;
  const line = await lineOf(server, '/execute/ws');
  expect(line).not.toHaveProperty('code');
  // As long as the connection was, and not only until it was one.
  expect(line.durationMs).toBeGreaterThanOrEqual(300);
  expect(line.durationMs).toBeLessThan(performance.now() - before);
});
