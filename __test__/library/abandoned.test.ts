/** A stream that its owner simply forgets: it ends when the garbage collector finds out. */
import { expect, it } from 'vitest';
import { ONE_SANDBOX, place } from '../support/any-engine.js';
import { processesIn } from '../support/docker.js';
import { answerOf, program } from '../support/process.js';
import { until, within } from '../support/until.js';

it('ends its program', async () => {
  const child = program('forget-a-stream', [], { env: await place(ONE_SANDBOX) });
  await child.printed('}');
  const { container } = JSON.parse(child.stdout);
  expect((await processesIn(container)).join('\n')).toContain('sleep 87654');
  child.kill('SIGUSR2');
  await until('the forgotten program to be killed', 5000, async () => {
    return !(await processesIn(container)).join('\n').includes('sleep 87654');
  });
});

it('goes on while somebody waits for its next event', async () => {
  expect(await answerOf('wait-for-an-event', [], { env: await place() })).toMatchObject({
    done: false,
    value: { data: 'up\n' },
  });
});

it('lets go of its signal and of its input', async () => {
  const answer = within(
    'the forgotten stream to let go',
    10_000,
    answerOf('forget-live-streams', [], { env: await place() }),
  );
  expect(await answer).toEqual({ before: 1, after: 0, isClosed: true });
});
