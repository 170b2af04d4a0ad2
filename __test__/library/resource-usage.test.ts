/** What executions use: told where audit tracks it, and plausible. */
import type { ExecutionRequest } from 'isol8';
import { expect, it } from 'vitest';
import { ownEngine } from '../support/any-engine.js';
import { auditedEngine } from '../support/audit.js';

const NOTHING: ExecutionRequest = { runtime: 'bash', code: ':' };
const WAITING: ExecutionRequest = { runtime: 'python', cmd: 'sleep 0.5' };
const BUSY: ExecutionRequest = {
  runtime: 'python',
  code: `
import time
x = bytearray(50 << 20)
while time.process_time() < 0.5: pass
print(time.process_time())`,
};

it('is what the execution used, in its result and its record', async () => {
  const { engine, records } = await auditedEngine();
  const { resourceUsage, durationMs, stdout } = await engine.execute(BUSY);
  expect(resourceUsage).toEqual({
    cpuPercent: expect.any(Number),
    memoryMB: expect.any(Number),
    peakMemoryMB: expect.any(Number),
    networkBytesIn: 0,
    networkBytesOut: 0,
  });
  // However busy the machine is, it is the time that the program had, and some for its start and end.
  const seconds = ((resourceUsage?.cpuPercent ?? 0) / 100) * (durationMs / 1000);
  expect(seconds).toBeGreaterThan(0.95 * Number(stdout));
  expect(seconds).toBeLessThan(Number(stdout) + 0.5);
  expect(resourceUsage?.cpuPercent).toBeLessThanOrEqual(110);
  expect(resourceUsage?.peakMemoryMB).toBeGreaterThanOrEqual(50);
  expect(resourceUsage?.peakMemoryMB).toBeLessThan(150);
  const [record] = await records();
  expect(record?.resourceUsage).toEqual(resourceUsage);
});

it('of one that only waits is next to nothing', async () => {
  const { engine } = await auditedEngine();
  const { resourceUsage } = await engine.execute(WAITING);
  expect(resourceUsage?.cpuPercent).toBeLessThan(20);
});

// W45: a persistent engine reported what its container had used in all its life.
it('is of one execution, also in a persistent engine (W45)', async () => {
  const { engine } = await auditedEngine({}, { mode: 'persistent' });
  await engine.execute(BUSY);
  const { resourceUsage } = await engine.execute(WAITING);
  expect(resourceUsage?.cpuPercent).toBeLessThan(20);
  expect(resourceUsage?.peakMemoryMB).toBeLessThan(50);
});

// W44: it was measured whenever there was an audit object at all.
it('is not told unless audit is on and tracks it (W44)', async () => {
  const { engine, records } = await auditedEngine({ trackResources: false });
  expect(await engine.execute(NOTHING)).not.toHaveProperty('resourceUsage');
  expect((await records())[0]).not.toHaveProperty('resourceUsage');
  const off = await ownEngine({ audit: { trackResources: true } });
  expect(await off.execute(NOTHING)).not.toHaveProperty('resourceUsage');
});
