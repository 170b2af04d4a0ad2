/** A thousand executions in a row: nothing piles up, and nothing stays. */
import { expect, it } from 'vitest';
import { containersOf } from '../support/docker.js';
import { program } from '../support/process.js';

it('grow the process by less than 10 MB, and leave no container', { timeout: 120_000 }, async () => {
  const child = program('thousand');
  await child.printed('}', 110_000);
  const { grownMiB, wrong, stopped } = JSON.parse(child.stdout);
  expect({ wrong, stopped }).toEqual({ wrong: 0, stopped: true });
  expect(grownMiB).toBeLessThan(10);
  expect(await containersOf(child.pid)).toEqual([]);
});
