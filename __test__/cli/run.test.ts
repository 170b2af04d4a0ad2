/** `isol8 run`: where the program comes from, what it gets, and how the command ends. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noContainersOf } from '../support/docker.js';
import { cli, type Options } from '../support/process.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isol8-cli-'));
});

afterAll(() => rm(directory, { recursive: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

const run = (args: string[], options?: Options) => cli(['run', ...args], options).ended;

describe('a program', () => {
  it('can be code, in python unless it says otherwise', async () => {
    expect(await run(['-e', 'print(2 ** 10)'])).toEqual({ code: 0, stdout: '1024\n', stderr: '' });
    expect(await run(['--eval=console.log(2 ** 10)', '--runtime=node'])).toEqual({
      code: 0,
      stdout: '1024\n',
      stderr: '',
    });
  });

  it('can be a command line', async () => {
    expect(await run(['--cmd', 'echo a b | tr " " -'])).toEqual({ code: 0, stdout: 'a-b\n', stderr: '' });
    const inPython = await run(['--cmd', 'python3 -c "print(1)"', '-r', 'python']);
    expect(inPython).toEqual({ code: 0, stdout: '1\n', stderr: '' });
  });

  it('can be read from stdin', async () => {
    expect(await run([], { stdin: 'print("from stdin")\n' })).toEqual({ code: 0, stdout: 'from stdin\n', stderr: '' });
    const bash = await run(['-r', 'bash'], { stdin: 'echo $((6 * 7))' });
    expect(bash).toEqual({ code: 0, stdout: '42\n', stderr: '' });
  });

  it.each([
    ['hello.py', 'print("hello")'],
    ['hello.js', 'console.log(typeof require === "function" ? "hello" : "")'],
    ['hello.mjs', 'import "node:fs"; console.log("hello")'],
    ['hello.cjs', 'require("node:fs"); console.log("hello")'],
    ['hello.ts', 'const word: string = "hello"; console.log(word)'],
    ['hello.mts', 'const word: string = "hello"; console.log(Deno.version ? word : "")'],
    ['hello.sh', 'echo hello'],
  ])('can be a file: %s', async (name, content) => {
    expect(await run([await file(name, content)])).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
  });

  // W84: a name without a dot, or a directory with one, made nonsense of the script's own path.
  it('in a file of any name needs a runtime (W84)', async () => {
    await mkdir(join(directory, 'v1.2'));
    const path = await file('v1.2/script', 'print("named")');
    expect(await run([path, '--runtime', 'python'])).toEqual({ code: 0, stdout: 'named\n', stderr: '' });
    expect(await run([path])).toEqual({
      code: 1,
      stdout: '',
      stderr: `[ERR] Cannot detect runtime for ${path}. Use --runtime to specify.\n`,
    });
  });

  // W84: the script had the extension of a file that nobody ran.
  it('given as code wins over a file (W84)', async () => {
    const other = await file('other.cjs', 'nothing');
    expect((await run(['-e', 'print("code")', other])).stdout).toBe('code\n');
    const module = 'import "node:fs"; console.log("module")';
    expect((await run(['-r', 'node', '-e', module, other])).stdout).toBe('module\n');
  });
});

describe('what cannot be run', () => {
  it.each<[string, string[], string]>([
    ['a missing file', ['/nowhere/a.py'], 'File not found: /nowhere/a.py'],
    [
      'an unknown runtime',
      ['-e', '1', '-r', 'ruby'],
      'Unknown runtime: "ruby". Available: python, node, bun, bash, deno, agent',
    ],
    [
      'a command line beside code',
      ['--cmd', 'ls', '-e', '1'],
      '--cmd cannot be combined with file input, --eval, --url, --github, or --gist.',
    ],
    [
      'a command line beside a file',
      ['a.py', '--cmd', 'ls'],
      '--cmd cannot be combined with file input, --eval, --url, --github, or --gist.',
    ],
    ['a working directory outside', ['-e', '1', '--workdir', '/etc'], 'Working directory must be inside /sandbox'],
    [
      'an image that is not there',
      ['-e', '1', '--image', 'isol8-test:missing'],
      'image isol8-test:missing does not exist locally; pull or build it first',
    ],
    ['no code', ['-e', ''], 'ExecutionRequest must include exactly one of: code, codeUrl, or cmd.'],
    [
      'a size that is none',
      ['-e', '1', '--memory', 'lots'],
      'Invalid memory limit format: "lots". Use e.g. "512m", "1g".',
    ],
  ])('%s', async (_, args, message) => {
    expect(await run(args)).toEqual({ code: 1, stdout: '', stderr: `[ERR] ${message}\n` });
  });

  // W79: `10s` was read as 10, and `x` as a limit that is none.
  it.each(['--timeout', '--pids-limit', '--max-output'])('%s that is no whole number (W79)', async (flag) => {
    for (const value of ['0', '-1', '1.5', '1e3', '10s', 'x', '']) {
      expect(await run(['-e', '1', `${flag}=${value}`])).toEqual({
        code: 1,
        stdout: '',
        stderr: `[ERR] Invalid value for ${flag}: ${value}\n`,
      });
    }
  });

  it('--cpu that is no number (W79)', async () => {
    for (const value of ['0', '-1', 'x']) {
      expect((await run(['-e', '1', `--cpu=${value}`])).stderr).toBe(`[ERR] Invalid value for --cpu: ${value}\n`);
    }
  });
});

describe('the exit code', () => {
  it.each([0, 5, 7, 42])('is the program’s: %i', async (status) => {
    const streamed = await run(['-e', `import sys; sys.exit(${status})`]);
    const buffered = await run(['--no-stream', '--cmd', `exit ${status}`]);
    expect([streamed.code, buffered.code]).toEqual([status, status]);
  });

  it('is 137 at the time limit', async () => {
    const began = performance.now();
    await run(['--cmd', 'echo so far']);
    const unlimited = performance.now();
    const streamed = await run(['--timeout', '2000', '--cmd', 'echo so far; sleep 60']);
    expect(performance.now() - unlimited).toBeLessThan(unlimited - began + 2000 + 2500);
    expect(streamed).toEqual({ code: 137, stdout: 'so far\n', stderr: '[ERR] EXECUTION TIMED OUT\n' });
    const buffered = await run(['--no-stream', '--timeout', '2000', '--cmd', 'echo so far; sleep 60']);
    expect(buffered).toEqual({ code: 137, stdout: 'so far\n', stderr: '\n--- EXECUTION TIMED OUT ---\n' });
  });
});

describe('a program gets', () => {
  it('the text of --stdin', async () => {
    expect((await run(['--cmd', 'cat', '--stdin', 'text for it'])).stdout).toBe('text for it');
  });

  it('nothing without it', async () => {
    expect((await run(['--cmd', 'wc -c'], { stdin: 'not for the program' })).stdout).toBe('0\n');
  });

  it('its working directory', async () => {
    expect((await run(['--cmd', 'pwd', '--workdir', '/sandbox/project'])).stdout).toBe('/sandbox/project\n');
  });

  // W81: --sandbox-size was read and never applied.
  it('its limits (W81)', async () => {
    const flags = ['--pids-limit', '20', '--memory', '64m', '--cpu', '0.5', '--sandbox-size', '8m', '--tmp-size', '4m'];
    const { stdout } = await run([
      ...flags,
      '--cmd',
      'df --output=size --block-size=1M /sandbox /tmp | tail -n 2 | xargs',
    ]);
    expect(stdout).toBe('8 4\n');
  });

  it('a writable root only when asked for', async () => {
    expect((await run(['--cmd', 'awk \'$2 == "/" { print substr($4, 1, 2) }\' /proc/mounts'])).stdout).toBe('ro\n');
    expect(
      (await run(['--writable', '--cmd', 'awk \'$2 == "/" { print substr($4, 1, 2) }\' /proc/mounts'])).stdout,
    ).toBe('rw\n');
  });
});

it('leaves no container', async () => {
  const process = cli(['run', '--cmd', ':']);
  await process.ended;
  await noContainersOf(process.pid, 500);
});

it('leaves files of the host alone', async () => {
  const path = await file('self.py', 'open("/sandbox/main.py", "w").write("changed"); print("done")');
  expect((await run([path])).stdout).toBe('done\n');
  expect(await readFile(path, 'utf8')).toContain('print("done")');
});
