/** Time limits: the program and all it started are gone when the limit is over, and what it printed is kept. */
import type { StreamEvent } from 'isol8';
import { describe, expect, it } from 'vitest';
import { here, ownEngine, sharedEngine } from '../support/any-engine.js';

const MARKER = '\n--- EXECUTION TIMED OUT ---';

/** How far from its limit the end may be. */
const PRECISION_MS = 100;

const engine = await sharedEngine();

/** Runs a request and says how long that took for the caller. */
async function timed(request: Parameters<typeof engine.execute>[0], on = engine) {
  const began = performance.now();
  const result = await on.execute(request);
  return { ...result, tookMs: performance.now() - began };
}

// W12: two timers raced each other, and who won decided on exit code and marker.
it.each(['python', 'node', 'bun', 'deno', 'bash'] as const)('end a program in %s', async (runtime) => {
  await engine.execute({ runtime, cmd: ':' });
  const endless =
    runtime === 'python' ? 'while True: pass' : runtime === 'bash' ? 'while :; do :; done' : 'for (;;) {}';
  const { exitCode, stderr, stdout, durationMs, tookMs } = await timed({ runtime, code: endless, timeoutMs: 1000 });
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 137, stdout: '', stderr: MARKER });
  expect(durationMs).toBeGreaterThanOrEqual(1000);
  expect(durationMs).toBeLessThan(1000 + PRECISION_MS);
  expect(tookMs).toBeLessThan(2000);
});

it('keep what was printed before', async () => {
  const code = 'echo out; echo err >&2; sleep 60; echo never';
  const killed = await engine.execute({ runtime: 'bash', code, timeoutMs: 500 });
  expect(killed).toMatchObject({ exitCode: 137, stdout: 'out', stderr: `err\n${MARKER}`, timedOut: true });
  expect(killed.outOfMemory).toBe(false);
});

it('are those of the engine when the request has none', async () => {
  const hasty = await ownEngine({ timeoutMs: 500 });
  const { exitCode, stderr, durationMs } = await hasty.execute({ runtime: 'bash', code: 'sleep 10' });
  expect({ exitCode, stderr }).toEqual({ exitCode: 137, stderr: MARKER });
  expect(durationMs).toBeLessThan(500 + PRECISION_MS);
  const patient = await hasty.execute({ runtime: 'bash', code: 'sleep 0.8; echo done', timeoutMs: 5000 });
  expect(patient.stdout).toBe('done');
});

it('do not count the time that it takes to get a sandbox', async () => {
  const cold = await ownEngine();
  const { stdout, exitCode } = await cold.execute({ runtime: 'bash', code: 'echo quick', timeoutMs: 100 });
  expect({ stdout, exitCode }).toEqual({ stdout: 'quick', exitCode: 0 });
});

it('leave the sandbox usable', async () => {
  const patient = await ownEngine({ poolSize: { clean: 0, dirty: 1 } });
  const killed = await patient.execute({ runtime: 'bash', code: 'sleep 60', timeoutMs: 200 });
  const next = await patient.execute({ runtime: 'bash', code: 'echo fine' });
  expect(next).toMatchObject({ stdout: 'fine', exitCode: 0, containerId: killed.containerId });
});

// W14: a second `exit` could follow.
it('show in a stream as an error and an exit', async () => {
  const events: StreamEvent[] = [];
  for await (const event of engine.executeStream({ runtime: 'bash', code: 'echo out; sleep 60', timeoutMs: 500 })) {
    events.push(event);
  }
  expect(events).toEqual([
    { type: 'stdout', data: 'out\n', phase: 'code' },
    { type: 'error', data: 'EXECUTION TIMED OUT', phase: 'code' },
    { type: 'exit', data: '137', phase: 'code' },
  ]);
});

it('hold for a program that prints without end', async () => {
  const { exitCode, truncated, tookMs } = await timed({ runtime: 'bash', cmd: 'yes', timeoutMs: 1000 });
  expect({ exitCode, truncated }).toEqual({ exitCode: 137, truncated: true });
  expect(tookMs).toBeLessThan(2000);
});

it('hold for a program whose output nobody takes', async () => {
  const stream = engine.executeStream({ runtime: 'bash', cmd: 'yes', timeoutMs: 1000 });
  const began = performance.now();
  await stream.next();
  // Until the limit is over.
  await engine.execute({ runtime: 'bash', code: 'sleep 1.5' });
  let last: StreamEvent | undefined;
  for await (const event of stream) last = event;
  expect(last).toEqual({ type: 'exit', data: '137', phase: 'code' });
  expect(performance.now() - began).toBeLessThan(5000);
});

// How the guest kills is the same whoever asks for the run.
here(() => {
  /**
   * W13: only the direct child was killed.
   *
   * Those that try to get away note the time in a file as long as they live. It is read back last, after a file that
   * takes a while to read, so that whoever lives on has the time to write more. Times are in seconds.
   */
  describe('whoever tries to get away', () => {
    const LIMIT_MS = 1500;
    const FILLER = 'truncate --size 60M /sandbox/filler\necho $EPOCHREALTIME >> /sandbox/beats\n';

    async function lifetimeMs(code: string) {
      const {
        exitCode,
        files = {},
        tookMs,
      } = await timed({
        runtime: 'bash',
        code: FILLER + code,
        outputPaths: ['/sandbox/filler', '/sandbox/beats'],
        timeoutMs: LIMIT_MS,
      });
      expect(exitCode).toBe(137);
      expect(Buffer.byteLength(files['/sandbox/filler'] ?? '', 'base64')).toBe(60 << 20);
      const beats = Buffer.from(files['/sandbox/beats'] ?? '', 'base64')
        .toString()
        .split('\n')
        .filter(Boolean)
        .map(Number);
      return { lifetime: (Math.max(...beats) - Math.min(...beats)) * 1000, beats: beats.length, tookMs };
    }

    it('as a grandchild in a session of its own that ignores signals is gone at the limit', async () => {
      await engine.execute({ runtime: 'bash', cmd: ':' });
      const { lifetime, beats } = await lifetimeMs(`
      beat() { trap "" TERM INT HUP QUIT; while :; do echo $EPOCHREALTIME >> /sandbox/beats; sleep 0.01; done; }
      export -f beat
      (setsid bash -c 'beat & disown; beat' > /dev/null 2>&1 &)
      sleep 60
    `);
      expect(beats).toBeGreaterThan(20);
      // The first beat comes after the start of a process or two.
      expect(lifetime).toBeGreaterThan(LIMIT_MS / 3);
      expect(lifetime).toBeLessThan(LIMIT_MS + PRECISION_MS);
    });

    it('as a fork bomb is gone at the limit', async () => {
      await engine.execute({ runtime: 'bash', cmd: ':' });
      const { lifetime, beats } = await lifetimeMs(`
      bomb() { trap "" TERM; echo $EPOCHREALTIME >> /sandbox/beats; while :; do bomb & done 2> /dev/null; }
      bomb
    `);
      expect(beats).toBeGreaterThan(20);
      expect(lifetime).toBeLessThan(LIMIT_MS + PRECISION_MS);
    });

    it('is over for the caller in time, too', async () => {
      await engine.execute({ runtime: 'python', cmd: ':' });
      const code = 'import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n';
      const { tookMs, exitCode } = await timed({ runtime: 'python', code, timeoutMs: LIMIT_MS });
      expect(exitCode).toBe(137);
      expect(tookMs).toBeLessThan(2 * LIMIT_MS);
    });
  });
});
