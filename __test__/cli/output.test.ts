/** What `isol8 run` prints where, and that all of it arrives. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI } from '../support/paths.js';
import { cli, type Options, Process } from '../support/process.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isol8-out-'));
});

afterAll(() => rm(directory, { recursive: true }));

const run = (args: string[], options?: Options) => cli(['run', ...args], options).ended;

it('streams are passed on as they are', async () => {
  const { stdout, stderr } = await run(['--cmd', 'printf " out  "; printf "\\n err \\n\\n" >&2']);
  expect({ stdout, stderr }).toEqual({ stdout: ' out  ', stderr: '\n err \n\n' });
});

it('results are trimmed, and end in a newline where there is something', async () => {
  const { stdout, stderr } = await run(['--no-stream', '--cmd', 'printf " out  \\n\\n"; printf "err" >&2']);
  expect({ stdout, stderr }).toEqual({ stdout: ' out\n', stderr: 'err\n' });
  expect(await run(['--no-stream', '--cmd', ':'])).toEqual({ code: 0, stdout: '', stderr: '' });
});

it('output appears while the program runs', async () => {
  const process = cli(['run', '--cmd', 'echo early; sleep 60']);
  await process.printed('early');
  process.kill('SIGINT');
  expect((await process.ended).code).toBe(130);
});

describe('--max-output', () => {
  it('cuts a stream, and says so', async () => {
    const { stdout, code } = await run(['--max-output', '1024', '-e', 'print("x" * 10000, end="")']);
    expect(code).toBe(0);
    expect(stdout).toBe(`${'x'.repeat(1024)}\n\n--- OUTPUT TRUNCATED (10000 bytes, limit: 1024) ---`);
  });

  it('cuts a result, and warns', async () => {
    const { stdout, stderr, code } = await run([
      '--no-stream',
      '--max-output',
      '1024',
      '-e',
      'print("x" * 10000, end="")',
    ]);
    expect(code).toBe(0);
    expect(stdout).toBe(`${'x'.repeat(1024)}\n\n--- OUTPUT TRUNCATED (10000 bytes, limit: 1024) ---\n`);
    expect(stderr).toBe('[WARN] Output was truncated\n');
  });
});

describe('--out', () => {
  it.each([
    ['streaming', [], ' out \n'],
    ['at the end', ['--no-stream'], ' out'],
  ])('writes stdout to a file as well, %s', async (_, flags, content) => {
    const path = join(directory, `out${flags.length}`);
    const { stdout, stderr } = await run([...flags, '--out', path, '--cmd', 'echo " out "; echo err >&2']);
    expect(stdout.trimEnd()).toBe(' out');
    expect(stderr).toBe(`err\n[Run] Output written to ${path}\n`);
    expect(await readFile(path, 'utf8')).toBe(content);
  });

  it('writes an empty file for a silent program', async () => {
    const path = join(directory, 'silent');
    expect(await run(['--out', path, '--cmd', 'exit 3'])).toMatchObject({ code: 3, stdout: '' });
    expect(await readFile(path, 'utf8')).toBe('');
  });

  it('fails where it cannot write, before anything runs', async () => {
    const { code, stdout, stderr } = await run(['--out', '/nowhere/out', '--cmd', 'echo ran']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^\[ERR\] cannot write \/nowhere\/out: .*\n$/);
  });
});

it.each([[['--debug', 'run']], [['run', '--debug']]])('debug lines go to stderr: %j', async (words) => {
  const { code, stdout, stderr } = await cli([...words, '--cmd', 'echo out']).ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'out\n' });
  const lines = stderr.split('\n').filter(Boolean);
  expect(lines).toContain('[DEBUG] [Run] source cmd, runtime bash, network none');
  expect(lines.every((line) => line.startsWith('[DEBUG] ['))).toBe(true);
});

it('nothing but text goes to pipes: no colour, no cursor', async () => {
  const { stdout, stderr } = await run(['--cmd', 'sleep 1; exit 1', '--timeout', '700']);
  expect(stdout + stderr).not.toMatch(/\x1b|\r/);
});

// W78: the process ended before its output was out.
it.each([[[]], [['--no-stream']]])('10 MB arrive complete through a pipe, even a slow one: %j (W78)', async (flags) => {
  const args = ['run', ...flags, '--max-output', '20000000', '--cmd', 'head -c 10000000 /dev/zero | tr "\\0" z'];
  const quoted = [process.execPath, CLI, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const slow = new Process('bash', ['-c', `set -o pipefail; ${quoted} | { sleep 1; wc -c; }`]);
  const { code, stdout, stderr } = await slow.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(Number(stdout)).toBe(flags.length === 0 ? 10_000_000 : 10_000_001);
});

it('ends quietly when its reader has had enough', async () => {
  const quoted = `'${process.execPath}' '${CLI}' run --max-output 100000000 --cmd yes`;
  const { code, stdout, stderr } = await new Process('bash', ['-c', `set -o pipefail; ${quoted} | head -n 2`]).ended;
  expect({ code, stdout, stderr }).toEqual({ code: 141, stdout: 'y\ny\n', stderr: '' });
});
