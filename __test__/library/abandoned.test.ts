/** A stream that its owner simply forgets: the program ends when the garbage collector finds out. */
import { expect, it } from 'vitest';
import { processesIn } from '../support/docker.js';
import { program } from '../support/process.js';
import { until } from '../support/until.js';

it('ends with its iterator', async () => {
  const child = program('forget-a-stream');
  await child.printed('}');
  const { container } = JSON.parse(child.stdout);
  expect((await processesIn(container)).join('\n')).toContain('sleep 87654');
  child.kill('SIGUSR2');
  await until('the forgotten program to be killed', 5000, async () => {
    return !(await processesIn(container)).join('\n').includes('sleep 87654');
  });
});
