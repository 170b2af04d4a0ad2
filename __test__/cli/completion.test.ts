/** `isol8 completion`: what real shells offer with the scripts that it prints. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../cli/src/program.js';
import { CLI } from '../support/paths.js';
import { cli, Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';

const COMMANDS = createProgram()
  .commands.map((command) => command.name())
  .sort();
const RUNTIMES = ['agent', 'bash', 'bun', 'deno', 'node', 'python'];

/** Runs a program in `cwd` and resolves with the lines that it printed, each once. */
async function lines(cwd: string, command: string, args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await new Process(command, args, { cwd }).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return [...new Set(stdout.split('\n').filter((line) => line !== ''))].sort();
}

type Offers = (script: string, line: string, cwd: string) => Promise<string[]>;

/** As bash calls a completion function: with the words of the line, split at `=` too. */
const bash: Offers = (script, line, cwd) => {
  const words = line.split(/ +|(=)/).filter((word) => word !== undefined);
  const call = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _isol8; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return lines(cwd, 'bash', [
    '--norc',
    '-c',
    call,
    'bash',
    script,
    ...words.filter((word, i) => word || i === words.length - 1),
  ]);
};

const zsh: Offers = (script, line, cwd) => {
  const program = fileURLToPath(new URL('../programs/shells/complete.zsh', import.meta.url));
  return lines(cwd, 'zsh', ['-f', program, script, line]);
};

/** Without the descriptions, and without the flag that a value was written to with `=`. */
const fish: Offers = async (script, line, cwd) => {
  const offered = await lines(cwd, 'fish', [
    '--no-config',
    '-c',
    'source $argv[1]; complete -C $argv[2]',
    script,
    line,
  ]);
  return offered.map((text) => text.replace(/\t.*/, '').replace(/^--\w+=/, ''));
};

/** Names without the slash that some shells put after a directory. */
const plain = (names: string[]) => names.map((name) => name.replace(/\/$/, ''));

describe.each(Object.entries({ bash, zsh, fish }))('%s', (name, offers) => {
  const text = execFileSync(process.execPath, [CLI, 'completion', name]);

  /** What the shell offers for this line, in a directory with a file and a directory. */
  async function offered(line: string): Promise<string[]> {
    const cwd = scratch();
    const script = join(cwd, '.completions');
    writeFileSync(script, text);
    writeFileSync(join(cwd, 'script.py'), '');
    mkdirSync(join(cwd, 'scripts'));
    return plain(await offers(script, line, cwd));
  }

  it('offers the commands', async () => {
    expect(await offered('isol8 ')).toEqual(COMMANDS);
    expect(await offered('isol8 co')).toEqual(['completion', 'config']);
  });

  it('offers the flags of a command, and no others', async () => {
    expect(await offered('isol8 run --n')).toEqual(['--net', '--no-stream']);
    expect(await offered('isol8 setup --n')).toEqual(['--node']);
    expect(await offered('isol8 config --n')).toEqual([]);
  });

  it.each(['isol8 run --net ', 'isol8 run --net='])('offers the choices of a flag: %s', async (line) => {
    expect(await offered(line)).toEqual(['filtered', 'host', 'none']);
  });

  it('offers runtimes', async () => {
    expect(await offered('isol8 run -r ')).toEqual(RUNTIMES);
    expect(await offered('isol8 build --base b')).toEqual(['bash', 'bun']);
  });

  it('offers files where a file is meant, and directories where a directory is', async () => {
    expect(await offered('isol8 run scri')).toEqual(['script.py', 'scripts']);
    expect(await offered('isol8 run --out scri')).toEqual(['script.py', 'scripts']);
    expect(await offered('isol8 run --files scri')).toEqual(['scripts']);
  });

  it('offers nothing where only the user knows', async () => {
    expect(await offered('isol8 run --secret ')).toEqual([]);
    expect(await offered('isol8 run --workdir scri')).toEqual([]);
    expect(await offered('isol8 setup scri')).toEqual([]);
  });

  it('goes on after a flag with its value', async () => {
    expect(await offered('isol8 run --net filtered --memo')).toEqual(['--memory']);
  });

  it('offers the words of an argument', async () => {
    expect(await offered('isol8 completion ')).toEqual(['bash', 'fish', 'zsh']);
    expect(await offered('isol8 help lo')).toEqual(['login', 'logout']);
  });
});

it('needs to be told which shell', async () => {
  const { code, stdout, stderr } = await cli(['completion']).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toBe("error: missing required argument 'shell'\n");
});

it('refuses a shell that it does not know', async () => {
  const { code, stdout, stderr } = await cli(['completion', 'tcsh']).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain("'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.");
});
