/** The audit log: where it is, who can read it and who writes to it, and that no execution suffers from it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionRequest } from 'isol8';
import { describe, expect, it } from 'vitest';
import { auditedEngine, logIn, recordsIn } from '../support/audit.js';
import { Process, program } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { until, within } from '../support/until.js';

const NOTHING: ExecutionRequest = { runtime: 'bash', code: ':' };

describe('the log', () => {
  it('is for its owner only', async () => {
    const { engine, directory, records } = await auditedEngine();
    await engine.execute(NOTHING);
    await records();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(logIn(directory)).mode & 0o777).toBe(0o600);
  });

  // W136: the directory was created even when nothing was to be recorded.
  it('is not there before there is something in it, nor when audit is off (W136)', async () => {
    const { engine, directory } = await auditedEngine();
    await engine.start();
    expect(existsSync(directory)).toBe(false);
    const off = await auditedEngine({ enabled: false });
    await off.engine.execute(NOTHING);
    await off.engine.stop();
    expect(existsSync(off.directory)).toBe(false);
  });

  it('is in ISOL8_AUDIT_DIR, else in the working directory', async () => {
    const [there, here] = [scratch(), scratch()];
    for (const [env, directory] of [
      [{ ISOL8_AUDIT_DIR: join(there, 'logs') }, join(there, 'logs')],
      [{ ISOL8_AUDIT_DIR: undefined }, join(here, '.isol8_audit')],
    ] as const) {
      const { stdout, stderr } = await program('audited', ['{"audit":{"enabled":true}}'], { env, cwd: here }).ended;
      expect(stderr).toBe('');
      expect(recordsIn(directory)).toMatchObject([{ executionId: JSON.parse(stdout).executionId }]);
    }
    expect(readdirSync(there)).toEqual(['logs']);
  });

  it('can be shared by processes', async () => {
    const directory = scratch();
    const options = JSON.stringify({ audit: { enabled: true, logDir: directory, includeOutput: true } });
    const both = [program('audited', [options, '10']), program('audited', [options, '10'])];
    const printed = (await Promise.all(both.map(({ ended }) => ended))).map(({ stdout }) => stdout).join('');
    const ids = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).executionId);
    const records = recordsIn(directory);
    expect(records.map(({ executionId }) => executionId).sort()).toEqual(ids.sort());
    expect(new Set(records.map(({ stdout }) => stdout))).toEqual(new Set(['hello\n']));
  });

  // W134: there was one file that grew for ever, so that nothing of it was ever old enough to go.
  it('is a file for each day, and the old ones go (W134)', async () => {
    const { engine, directory, records } = await auditedEngine({ retentionDays: 30 });
    mkdirSync(directory);
    const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
    const of = (days: number) => `executions-${daysAgo(days).toISOString().slice(0, 10)}.log`;
    for (const [name, days] of [
      ['executions.log', 2],
      [of(29), 29],
      [of(31), 31],
      ['notes.txt', 31],
    ] as const) {
      writeFileSync(join(directory, name), '{}\n');
      utimesSync(join(directory, name), daysAgo(days), daysAgo(days));
    }
    const { executionId } = await engine.execute(NOTHING);
    expect(await records()).toMatchObject([{ executionId }]);
    expect(readdirSync(directory).sort()).toEqual(['executions.log', of(2), of(29), 'notes.txt'].sort());
  });

  // W137: executions waited for their record to be written.
  it('is written while executions go on (W137)', async () => {
    const { engine, directory, records } = await auditedEngine();
    mkdirSync(directory);
    // For as long as another process has locked the directory, at most two seconds, nothing is written.
    const other = new Process('flock', ['--no-fork', directory, 'sh', '-c', 'echo locked; exec sleep 60']);
    await other.printed('locked');
    const results = [await engine.execute(NOTHING), await engine.execute(NOTHING)];
    expect(recordsIn(directory)).toEqual([]);
    other.kill('SIGKILL');
    expect(await records()).toMatchObject(results.map(({ executionId }) => ({ executionId })));
  });

  // W135: what was printed was an inspected object, not JSON.
  it('can be standard output, a line of JSON for each record (W135)', async () => {
    const { code, stdout, stderr } = await program('audited', [
      '{"audit":{"enabled":true,"destination":"stdout","includeOutput":true}}',
      '2',
    ]).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trim().split('\n');
    const logged = lines.filter((line) => line.startsWith('AUDIT_LOG: '));
    const results = lines.filter((line) => !line.startsWith('AUDIT_LOG: ')).map((line) => JSON.parse(line));
    expect(logged.map((line) => JSON.parse(line.slice('AUDIT_LOG: '.length)))).toMatchObject(
      results.map(({ executionId }) => ({ executionId, exitCode: 0, stdout: 'hello\n' })),
    );
    expect(results).toHaveLength(2);
  });

  it('may also be called file', async () => {
    const { engine, records } = await auditedEngine({ destination: 'file' });
    await engine.execute(NOTHING);
    expect(await records()).toHaveLength(1);
  });
});

describe('audit that does not work', () => {
  it.each([
    ['an unknown destination', { destination: 'syslog' }, 'Unsupported audit destination: syslog\n'],
    ['a directory that cannot be one', { logDir: '/dev/null/audit' }, 'could not record 1 executions'],
    ['a script that is not there', { postLogScript: '/nowhere/ship' }, 'could not run the post-log script'],
  ])('is an error on stderr, and nothing more: %s', async (_, audit, message) => {
    const directory = scratch();
    const options = { audit: { enabled: true, logDir: join(directory, 'audit'), ...audit } };
    const { code, stdout, stderr } = await program('audited', [JSON.stringify(options)]).ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ stdout: 'hello' });
    expect(stderr).toMatch(/^\[ERROR\] \[Audit\] .+\n$/);
    expect(stderr).toContain(message);
    expect(readdirSync(directory)).toEqual('postLogScript' in audit ? ['audit'] : []);
  });
});

describe('the post-log script', () => {
  it('is run once for each record, with the path of the log', async () => {
    const directory = scratch();
    const told = join(directory, 'told');
    const postLogScript = await script(directory, `echo "$#:$1" >> ${told}`);
    const { engine, directory: logs } = await auditedEngine({ postLogScript });
    for (let n = 0; n < 3; n++) await engine.execute(NOTHING);
    await engine.stop();
    const expected = `1:${logIn(logs)}\n`.repeat(3);
    await until(
      'the script to be told of three records',
      5000,
      () => existsSync(told) && readFileSync(told, 'utf8') === expected,
    );
  });

  it('holds nothing back when it hangs', async () => {
    const directory = scratch();
    const runs = join(directory, 'runs');
    // Until the end of this test, when the directory goes.
    const postLogScript = await script(directory, `echo hangs >> ${runs}; while test -e ${runs}; do sleep 0.1; done`);
    const { engine, records } = await auditedEngine({ postLogScript });
    await engine.execute(NOTHING);
    await until('the script to hang', 5000, () => existsSync(runs));
    await within('another execution', 5000, engine.execute(NOTHING));
    expect(await within('stop()', 3000, records())).toHaveLength(2);
    await until('another run of the script', 5000, () => readFileSync(runs, 'utf8') === 'hangs\nhangs\n');
  });

  async function script(directory: string, text: string): Promise<string> {
    const path = join(directory, 'script');
    await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o700 });
    return path;
  }
});
