/** Audit records: every execution leaves one, whatever becomes of it, and none is disturbed by that. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ExecutionAudit, ExecutionRequest } from 'isol8';
import { describe, expect, it } from 'vitest';
import { mine } from '../support/any-engine.js';
import { auditedEngine, logIn } from '../support/audit.js';
import { docker, processesIn } from '../support/docker.js';
import { until } from '../support/until.js';

const bash = (code: string, more: Partial<ExecutionRequest> = {}): ExecutionRequest => ({
  runtime: 'bash',
  code,
  ...more,
});
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** The fields that every record has, of an execution whose caller had no result to compare them with. */
const commonOf = (code: string): Partial<ExecutionAudit> => ({
  executionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  userId: '',
  timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  runtime: 'bash',
  codeHash: sha256(code),
  containerId: expect.stringMatching(/^[0-9a-f]{64}$/),
});

/** The container of ours that runs this command, once it does. */
function containerRunning(command: string): Promise<string> {
  return until(`a container with \`${command}\``, 10_000, async () => {
    for (const id of await mine()) {
      const processes = await processesIn(id).catch((): string[] => []);
      if (processes.includes(command)) return id;
    }
    return undefined;
  });
}

describe('the record of an execution', () => {
  it.each(['ephemeral', 'persistent'] as const)('has what its result has, in a %s engine', async (mode) => {
    const { engine, records } = await auditedEngine({}, { mode });
    const code = 'echo "kept to itself"; exit 3';
    const result = await engine.execute(bash(code));
    const { executionId, containerId, timestamp, durationMs, resourceUsage } = result;
    expect(await records()).toEqual([
      {
        executionId,
        userId: '',
        timestamp,
        runtime: 'bash',
        codeHash: sha256(code),
        containerId,
        exitCode: 3,
        durationMs,
        resourceUsage,
      },
    ]);
  });

  it('hashes the command line of those that have no code', async () => {
    const { engine, records } = await auditedEngine();
    await engine.execute({ runtime: 'python', cmd: 'echo "$HOME"' });
    expect(await records()).toMatchObject([{ runtime: 'python', codeHash: sha256('echo "$HOME"') }]);
  });

  // W24, W133: streaming runs were not recorded.
  it.each(['ephemeral', 'persistent'] as const)(
    'is there for a stream as well, in a %s engine (W133)',
    async (mode) => {
      const { engine, records } = await auditedEngine({}, { mode });
      const code = 'sleep 0.2; exit 7';
      for await (const _ of engine.executeStream(bash(code)));
      const [record, ...others] = await records();
      expect(others).toEqual([]);
      expect(record).toEqual({
        ...commonOf(code),
        exitCode: 7,
        durationMs: expect.any(Number),
        resourceUsage: expect.any(Object),
      });
      expect(record?.durationMs).toBeGreaterThanOrEqual(200);
    },
  );

  it('is one for each, in the order in which they ended', async () => {
    const { engine, records } = await auditedEngine({}, { mode: 'persistent' });
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push((await engine.execute(bash(`exit ${n}`))).executionId);
    const written = await records();
    expect(written.map(({ exitCode }) => exitCode)).toEqual([0, 1, 2]);
    expect(written.map(({ executionId }) => executionId)).toEqual(ids);
    expect(new Set(written.map(({ containerId }) => containerId)).size).toBe(1);
  });

  it('has the notes of the request', async () => {
    const { engine, records } = await auditedEngine();
    const metadata = { userId: 'ada', purpose: 'line one\nline two \u2028 \u001b[31m' };
    await engine.execute(bash(':', { metadata }));
    expect(await records()).toMatchObject([{ userId: 'ada', metadata }]);
  });

  it('is not written for a request that never had a container', async () => {
    const { engine, records } = await auditedEngine();
    await expect(engine.execute({ runtime: 'bash', code: ':', workdir: '/etc' })).rejects.toThrow();
    await engine.execute(bash(':'));
    expect(await records()).toHaveLength(1);
  });
});

// W133: failing runs were not recorded.
describe('an execution that fails (W133)', () => {
  it('at its time limit', async () => {
    const { engine, records } = await auditedEngine();
    const result = await engine.execute(bash('sleep 60', { timeoutMs: 300 }));
    expect(result.timedOut).toBe(true);
    expect(await records()).toMatchObject([
      { ...commonOf('sleep 60'), exitCode: 137, durationMs: result.durationMs, error: 'EXECUTION TIMED OUT' },
    ]);
  });

  it('in its setup script', async () => {
    const { engine, records } = await auditedEngine({ includeOutput: true });
    const request = bash('echo never', { setupScript: 'echo no good >&2; exit 4' });
    await expect(engine.execute(request)).rejects.toThrow('Setup script failed (exit code 4): no good');
    for await (const _ of engine.executeStream(request));
    const record = { ...commonOf('echo never'), exitCode: 4, error: 'Setup script failed (exit code 4)', stdout: '' };
    expect(await records()).toMatchObject([record, record]);
  });

  it('because its sandbox is removed', async () => {
    const { engine, records } = await auditedEngine();
    const stream = engine.executeStream(bash('echo up; sleep 60'));
    await stream.next();
    const container = await containerRunning('sleep 60');
    await docker(['rm', '--force', container]);
    await expect(stream.next()).rejects.toMatchObject({ code: 'SANDBOX_LOST' });
    const [record] = await records();
    expect(record).toMatchObject({ ...commonOf('echo up; sleep 60'), containerId: container, exitCode: 1 });
    expect(record?.error).toMatch(/sandbox/i);
  });

  it('because its memory runs out', async () => {
    const { engine, records } = await auditedEngine({}, { memoryLimit: '32m' });
    const code = 'x = bytearray(100 << 20)';
    const { executionId, exitCode } = await engine.execute({ runtime: 'python', code });
    expect(await records()).toMatchObject([{ executionId, exitCode, codeHash: sha256(code) }]);
  });
});

describe('an execution that is given up', () => {
  const CODE = 'echo "up $KEY"; sleep 60';
  const audited = () => auditedEngine({ includeOutput: true }, { secrets: { KEY: 'hunter2-hunter2' } });

  it('by its signal', async () => {
    const { engine, records } = await audited();
    const controller = new AbortController();
    const stream = engine.executeStream(bash(CODE), { signal: controller.signal });
    await stream.next();
    await engine.execute(bash('sleep 0.2'));
    controller.abort();
    await expect(stream.next()).rejects.toMatchObject({ code: 'ABORT_ERR' });
    const record = (await records()).find(({ exitCode }) => exitCode !== 0);
    expect(record).toEqual(cutShort(CODE));
    expect(record?.durationMs).toBeGreaterThanOrEqual(200);
  });

  it('by its signal, buffered', async () => {
    const { engine, records } = await audited();
    const controller = new AbortController();
    const outcome = engine.execute(bash(CODE), { signal: controller.signal }).catch((error) => error);
    await containerRunning('sleep 60');
    controller.abort();
    expect(await outcome).toMatchObject({ code: 'ABORT_ERR' });
    expect(await records()).toEqual([cutShort(CODE)]);
  });

  it('by leaving its loop', async () => {
    const { engine, records } = await audited();
    for await (const _ of engine.executeStream(bash(CODE))) break;
    expect(await records()).toEqual([cutShort(CODE)]);
  });

  it('by stop(), however many there are', async () => {
    const { engine, records } = await audited();
    const streams = [engine.executeStream(bash(CODE)), engine.executeStream(bash(CODE))];
    await Promise.all(streams.map((stream) => stream.next()));
    expect(await records()).toEqual([cutShort(CODE), cutShort(CODE)]);
    for (const stream of streams) await expect(stream.next()).rejects.toMatchObject({ code: 'STOPPED' });
  });

  function cutShort(code: string) {
    return {
      ...commonOf(code),
      exitCode: 137,
      durationMs: expect.any(Number),
      stdout: 'up ***\n',
      stderr: '',
      error: 'the execution was aborted',
    };
  }
});

// W132: what was asked for never reached the log.
describe('code and output', () => {
  const SECRET = 'hunter2-hunter2';
  const CODE = 'echo "out $KEY"; echo "err $KEY" >&2; exit 5';

  it('are not recorded unless asked for', async () => {
    const { engine, records } = await auditedEngine();
    await engine.execute(bash(CODE));
    const [record] = await records();
    for (const field of ['code', 'stdout', 'stderr']) expect(record).not.toHaveProperty(field);
  });

  it('are recorded as asked for, the code as it is and the output masked (W132)', async () => {
    const { engine, directory, records } = await auditedEngine(
      { includeCode: true, includeOutput: true },
      { secrets: { KEY: SECRET } },
    );
    await engine.execute(bash(CODE));
    for await (const _ of engine.executeStream(bash(CODE)));
    const expected = { code: CODE, stdout: 'out ***\n', stderr: 'err ***\n', exitCode: 5 };
    expect(await records()).toMatchObject([expected, expected]);
    expect(readFileSync(logIn(directory), 'utf8')).not.toContain(SECRET);
  });

  it('are recorded without what setup scripts print', async () => {
    const { engine, records } = await auditedEngine({ includeOutput: true });
    await engine.execute(bash('echo program', { setupScript: 'echo setup; echo setup >&2' }));
    expect(await records()).toMatchObject([{ stdout: 'program\n', stderr: '' }]);
  });

  it('are recorded no longer than callers see them', async () => {
    const { engine, records } = await auditedEngine({ includeOutput: true }, { maxOutputSize: 1000 });
    const result = await engine.execute(bash('head --bytes 5000000 /dev/zero | tr "\\0" x'));
    expect(result.truncated).toBe(true);
    const [record] = await records();
    expect(record?.stdout?.trimEnd()).toBe(result.stdout);
  });

  it('can be code alone, of a command line as well', async () => {
    const { engine, records } = await auditedEngine({ includeCode: true });
    await engine.execute({ runtime: 'python', cmd: 'echo é' });
    const [record] = await records();
    expect(record).toMatchObject({ code: 'echo é', codeHash: sha256('echo é') });
    expect(record).not.toHaveProperty('stdout');
  });
});
