/** Processes that a program leaves behind: they hold nothing back, and do not live to see the next run. */
import { expect, it } from 'vitest';
import { ONE_SANDBOX, ownEngine, sharedEngine } from '../support/any-engine.js';

const engine = await sharedEngine();

// W13: what they kept open did.
it('do not hold the result back, even with its output open', async () => {
  const { stdout, durationMs } = await engine.execute({ runtime: 'bash', code: 'sleep 60 & echo done' });
  expect(stdout).toBe('done');
  expect(durationMs).toBeLessThan(1000);
});

it('lose nothing of what the program itself has printed', async () => {
  const code = '(sleep 60 &) ; head --bytes 300000 /dev/zero | tr "\\0" x';
  const { stdout } = await engine.execute({ runtime: 'bash', code });
  expect(stdout).toBe('x'.repeat(300_000));
});

it('are gone in the next run', async () => {
  const one = await ownEngine(ONE_SANDBOX);
  const first = await one.execute({
    runtime: 'bash',
    code: 'setsid sleep 4321 > /dev/null 2>&1 & disown; echo started',
  });
  const next = await one.execute({ runtime: 'bash', code: 'cat /proc/[0-9]*/cmdline | tr "\\0" " "' });
  expect(next.containerId).toBe(first.containerId);
  expect(next.stdout).not.toContain('4321');
});
