/** `isol8 run` where the configuration asks for audit: the record is there when the process has ended, however it did. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { recordsIn } from '../support/audit.js';
import { type Machine, machine } from '../support/config.js';
import { containersOf, docker } from '../support/docker.js';
import { CLI } from '../support/paths.js';
import { cli, Process } from '../support/process.js';

/** A machine with a project that keeps records with output, in their usual place. */
function audited(audit: object = {}): Machine & { logs: string } {
  const here = machine();
  here.inProject({ audit: { enabled: true, includeOutput: true, ...audit } });
  return { ...here, logs: join(here.project, '.isol8_audit') };
}

const surroundings = ({ project, home }: Machine) => ({
  cwd: project,
  env: { HOME: home, ISOL8_AUDIT_DIR: undefined },
});

const start = (here: Machine, args: string[]) => cli(['run', ...args], surroundings(here));

const MODES = [[[]], [['--no-stream']], [['--persistent']]];

// W138: runs of the command line were never recorded.
it.each(MODES)('of a program that ends, whatever its exit code: %j (W138)', async (flags) => {
  const here = audited();
  for (const status of [0, 7]) {
    const { code, stderr } = await start(here, [...flags, '--cmd', `echo out; exit ${status}`]).ended;
    expect({ code, stderr }).toEqual({ code: status, stderr: '' });
  }
  expect(recordsIn(here.logs)).toMatchObject([
    { runtime: 'bash', exitCode: 0, stdout: 'out\n' },
    { runtime: 'bash', exitCode: 7, stdout: 'out\n' },
  ]);
});

it.each(MODES)('of one whose setup script fails, or that takes too long: %j', async (flags) => {
  const here = audited();
  await start(here, [...flags, '--setup', 'exit 4', '--cmd', 'echo never']).ended;
  await start(here, [...flags, '--timeout', '300', '--cmd', 'sleep 60']).ended;
  expect(recordsIn(here.logs)).toMatchObject([
    { exitCode: 4, stdout: '', error: 'Setup script failed (exit code 4)' },
    { exitCode: 137, error: 'EXECUTION TIMED OUT' },
  ]);
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('of one that %s ends', async (signal, code) => {
  const here = audited();
  const child = start(here, ['--cmd', 'echo so far; sleep 60']);
  await child.printed('so far');
  child.kill(signal);
  expect((await child.ended).code).toBe(code);
  expect(recordsIn(here.logs)).toMatchObject([{ exitCode: 137, stdout: 'so far\n' }]);
});

it('of one whose sandbox is removed', async () => {
  const here = audited();
  const child = start(here, ['--cmd', 'echo up; sleep 60']);
  await child.printed('up');
  await docker(['rm', '--force', ...(await containersOf(child.pid))]);
  expect((await child.ended).code).toBe(1);
  expect(recordsIn(here.logs)).toMatchObject([{ exitCode: 1, stdout: 'up\n', error: expect.any(String) }]);
});

it('of one whose reader goes away', async () => {
  const here = audited();
  const command = `'${process.execPath}' '${CLI}' run --cmd 'yes' | head -n 1`;
  const { stdout } = await new Process('bash', ['-c', `set -o pipefail; ${command}`], surroundings(here)).ended;
  expect(stdout).toBe('y\n');
  expect(recordsIn(here.logs)).toMatchObject([{ exitCode: 137 }]);
});

it('in the directory that the configuration names, else the environment', async () => {
  const here = audited({ logDir: '~/logs' });
  await start(here, ['--cmd', ':']).ended;
  expect(recordsIn(join(here.home, 'logs'))).toHaveLength(1);
  here.inProject({ audit: { enabled: true } });
  const { cwd, env } = surroundings(here);
  await cli(['run', '--cmd', ':'], { cwd, env: { ...env, ISOL8_AUDIT_DIR: join(here.home, 'env') } }).ended;
  expect(recordsIn(join(here.home, 'env'))).toHaveLength(1);
  expect(existsSync(here.logs)).toBe(false);
});

it('on standard output, where it is asked for there', async () => {
  const here = audited({ destination: 'stdout' });
  const { stdout, stderr } = await start(here, ['--cmd', 'echo out']).ended;
  const [, json = ''] = /^AUDIT_LOG: (.*)$/m.exec(stdout) ?? [];
  expect(JSON.parse(json)).toMatchObject({ exitCode: 0, stdout: 'out\n' });
  expect({ rest: stdout.replace(/^AUDIT_LOG: .*\n/m, ''), stderr }).toEqual({ rest: 'out\n', stderr: '' });
});

it('but not where there is no audit', async () => {
  const here = audited({ enabled: false });
  await start(here, ['--cmd', ':']).ended;
  expect(existsSync(here.logs)).toBe(false);
});

it('and is no reason to fail', async () => {
  const here = audited({ logDir: '/dev/null/logs' });
  const { code, stdout, stderr } = await start(here, ['--cmd', 'echo out; exit 3']).ended;
  expect({ code, stdout }).toEqual({ code: 3, stdout: 'out\n' });
  expect(stderr).toMatch(
    /^\[ERROR\] \[Audit\] could not record 1 executions in \/dev\/null\/logs\/executions\.log: .+\n$/,
  );
});
