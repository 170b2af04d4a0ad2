/** Warm sandboxes of a server: for whoever asks for the same again, and for nobody else. */
import type { Isol8Options } from 'isol8';
import { expect, it } from 'vitest';
import { KEY, liveServer } from '../support/live-server.js';

const { host } = await liveServer({ poolSize: { clean: 0, dirty: 1 } });

/** The container that a request with these options runs in. */
async function containerOf(options?: Isol8Options): Promise<string> {
  const answer = await fetch(`${host}/execute`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ request: { runtime: 'bash', cmd: ':' }, options }),
  });
  return ((await answer.json()) as { containerId: string }).containerId;
}

// W105: every request had an engine made for it, which started containers and threw them away.
it('W105: requests with equal options use the same, one after the other', async () => {
  const usual = await containerOf();
  for (const options of [undefined, {}, { timeoutMs: 1000 }]) expect(await containerOf(options)).toBe(usual);
  const large = await containerOf({ memoryLimit: '1g' });
  expect(await containerOf({ memoryLimit: '1g' })).toBe(large);
  expect(large).not.toBe(usual);
});

it('requests with other secrets do not', async () => {
  const [one, other] = [{ secrets: { KEY: 'one-secret' } }, { secrets: { KEY: 'another' } }];
  const container = await containerOf(one);
  expect(await containerOf(one)).toBe(container);
  expect(await containerOf(other)).not.toBe(container);
  expect(await containerOf()).not.toBe(container);
});
