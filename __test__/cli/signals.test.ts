/** Signals: the program is stopped, its sandbox removed, and the exit code says why. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { noContainersOf, processesIn, runningContainersOf } from '../support/docker.js';
import { cli } from '../support/process.js';
import { until, within } from '../support/until.js';

// W90: Ctrl-C exited with 0.
describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s (W90)', (signal, code) => {
  it.each([[[]], [['--no-stream']]])('ends a run with %i, and leaves no container: %j', async (flags) => {
    const process = cli(['run', ...flags, '--cmd', 'trap "" TERM INT; echo up; while :; do sleep 0.1; done']);
    await until('its program', 10_000, async () => {
      const [container] = await runningContainersOf(process.pid);
      return container && (await processesIn(container)).some((line) => line.includes('sleep 0.1'));
    });
    process.kill(signal);
    expect((await within('the end', 5000, process.ended)).code).toBe(code);
    await noContainersOf(process.pid, 1000);
  });

  it('keeps what was printed before', async () => {
    const process = cli(['run', '--cmd', 'echo so far; sleep 60']);
    await process.printed('so far');
    process.kill(signal);
    expect(await process.ended).toEqual({ code, stdout: 'so far\n', stderr: '' });
  });
});

/** Whether a signal waits for this process to take it. */
function isPending(pid: number | undefined, signal: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const masks = [...status.matchAll(/^(?:Sig|Shd)Pnd:\s*(\w+)$/gm)];
  return masks.some(([, mask]) => (BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n);
}

it('a second signal ends it at once', async () => {
  const process = cli(['run', '--cmd', 'echo up; sleep 60']);
  await process.printed('up');
  process.kill('SIGINT');
  // Two that wait are one.
  await until('the first to have come', 2000, () => !isPending(process.pid, constants.signals.SIGINT));
  process.kill('SIGINT');
  expect((await within('the end', 2000, process.ended)).code).toBe(130);
  await noContainersOf(process.pid, 3000);
});

it('kill -9 leaves no container either', async () => {
  const process = cli(['run', '--cmd', 'echo up; sleep 60']);
  await process.printed('up');
  process.kill('SIGKILL');
  await noContainersOf(process.pid, 3000);
});
