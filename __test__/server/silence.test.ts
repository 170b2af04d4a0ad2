/**
 * Programs that say nothing for a while. W95: the HTTP stack closed connections over which nothing had come for ten
 * seconds, and with them ended what ran.
 */
import { expect, it } from 'vitest';
import { collect, text } from '../support/events.js';
import { KEY, liveServer } from '../support/live-server.js';

const SILENT = { runtime: 'bash', cmd: 'sleep 11; echo at last' } as const;

const server = await liveServer();

it('W95: are waited for over every route, and over a connection that is used again', { timeout: 60_000 }, async () => {
  const client = server.client();
  const events = async () => {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ request: SILENT });
    const answer = await fetch(`${server.host}/execute/stream`, { method: 'POST', headers, body });
    return answer.text();
  };
  const [buffered, streamed, sent] = await Promise.all([
    client.execute(SILENT),
    collect(client.executeStream(SILENT)),
    events(),
  ]);
  expect(buffered).toMatchObject({ stdout: 'at last', exitCode: 0 });
  expect(text(streamed, 'stdout')).toBe('at last\n');
  expect(text(streamed, 'exit')).toBe('0');
  expect(sent).toContain('at last');
  expect((await client.execute({ runtime: 'bash', cmd: 'echo again' })).stdout).toBe('again');
});
