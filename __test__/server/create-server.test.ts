/** `createServer` in a process of one's own. */
import { createServer } from 'isol8';
import { expect, it, onTestFinished } from 'vitest';
import { program } from '../support/process.js';

it('a server that nobody keeps goes on', async () => {
  expect(await program('forget-a-server').ended).toEqual({ code: 0, stdout: 'ok\n', stderr: '' });
});

it('a limit whose name is misspelt is told', async () => {
  const { stderr } = await program('misspelt-limit').ended;
  expect(stderr).toContain('limts');
  expect(stderr).toContain('limits');
});

it('patterns of a client cost a server next to nothing, or are refused', async () => {
  const apiKey = 'a-master-key-of-this-test';
  const server = await createServer({ port: 0, host: '127.0.0.1', apiKey, config: {} });
  onTestFinished(() => server.shutdown());
  const before = process.memoryUsage().rss;
  const whitelist = Array.from({ length: 200 }, (_, number) => `(\\w{200}x${number}){50}`);
  const answer = await fetch(`http://127.0.0.1:${server.port}/execute`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      request: { runtime: 'bash', cmd: ':' },
      options: { network: 'none', networkFilter: { whitelist } },
      sessionId: 'greedy',
    }),
  });
  expect(await answer.json()).toMatchObject({ error: expect.stringContaining('whitelist') });
  expect(answer.status).toBe(400);
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(64);
});
