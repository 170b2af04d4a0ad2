/** The result of an execution: its fields, their types, and what they measure. */
import { expect, it } from 'vitest';
import { hasContainer, sharedEngine } from '../support/any-engine.js';
import { inspect } from '../support/docker.js';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const engine = await sharedEngine();

it('has the documented fields and no others', async () => {
  const result = await engine.execute({ runtime: 'python', code: 'print("x")' });
  expect(result).toEqual({
    stdout: 'x',
    stderr: '',
    exitCode: 0,
    durationMs: expect.any(Number),
    programMs: expect.any(Number),
    truncated: false,
    timedOut: false,
    outOfMemory: false,
    executionId: expect.stringMatching(UUID_V4),
    runtime: 'python',
    timestamp: expect.any(String),
    containerId: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(Number.isInteger(result.durationMs)).toBe(true);
  expect(result.durationMs).toBeGreaterThan(0);
});

it('is named differently each time', async () => {
  const first = await engine.execute({ runtime: 'bash', code: ':' });
  const second = await engine.execute({ runtime: 'bash', code: ':' });
  expect(first.executionId).not.toBe(second.executionId);
});

it('measures the program, not the sandbox around it', async () => {
  const { durationMs, programMs } = await engine.execute({ runtime: 'bash', code: 'sleep 0.5' });
  expect(durationMs).toBeGreaterThanOrEqual(500);
  expect(durationMs).toBeLessThan(1000);
  expect(Math.ceil(programMs)).toBe(durationMs);
});

it('is dated when it starts, in ISO 8601', async () => {
  const before = Date.now();
  const { timestamp } = await engine.execute({ runtime: 'bash', code: 'sleep 0.5' });
  expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const started = Date.parse(timestamp);
  expect(started).toBeGreaterThanOrEqual(before - 1);
  expect(started).toBeLessThan(Date.now() - 400);
});

it('names the container that it ran in', async () => {
  const { containerId } = await engine.execute({ runtime: 'bash', code: ':' });
  expect((await inspect(containerId)).Id).toBe(containerId);
  hasContainer(engine, null);
});

it('loses white space at the end of its output, and only there', async () => {
  const { stdout, stderr } = await engine.execute({
    runtime: 'python',
    code: 'import sys\nprint("\\n  a  \\n b \\t\\n\\n")\nprint(" c \\r\\n", file=sys.stderr)',
  });
  expect({ stdout, stderr }).toEqual({ stdout: '\n  a  \n b', stderr: ' c' });
});
