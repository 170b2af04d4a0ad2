/** Twenty engines in one process, and executions of all kinds on all of them at once. Nothing hangs, nothing stays. */
import { expect, it } from 'vitest';
import { noContainersOf } from '../support/docker.js';
import { program } from '../support/process.js';
import { within } from '../support/until.js';

/** Two rounds are some 430 executions: 40 KB that each left behind would be seen. */
const GROWTH_MIB = 16;

it('settles every execution as planned, and leaves nothing, three times', { timeout: 240_000 }, async () => {
  const child = program('storm');
  const { code, stdout, stderr } = await within('the storm, which then lets its process end', 230_000, child.ended);
  // The first line of its log is the seed: `node --expose-gc __test__/programs/storm.mjs SEED` repeats it.
  expect(code, stderr).toBe(0);
  const { seed, problems, before, after } = JSON.parse(stdout);
  expect(problems, `seed ${seed}`).toEqual([]);
  expect(after, `seed ${seed}`).toHaveLength(3);
  for (const round of after) {
    expect(round, `seed ${seed}`).toMatchObject({ auditThreads: 0, listeners: before.listeners });
    expect(round.open, `seed ${seed}: ${JSON.stringify(round.kinds)}`).toBeLessThanOrEqual(before.open);
  }
  expect(after[2].residentMiB - after[0].residentMiB, `seed ${seed}`).toBeLessThan(GROWTH_MIB);
  await noContainersOf(child.pid, 0);
});
