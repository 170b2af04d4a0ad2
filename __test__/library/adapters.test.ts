/** The built-in adapters: the commands that they give. */
import { execFileSync } from 'node:child_process';
import { AgentAdapter, BunAdapter, bashAdapter, DenoAdapter, NodeAdapter, PythonAdapter } from 'isol8';
import { describe, expect, it } from 'vitest';

const CODE = 'some "code"\n$x';
const FILE = '/sandbox/main.x';
const DENO = ['deno', 'run', '--allow-read=/sandbox,/tmp', '--allow-write=/sandbox,/tmp', '--allow-env', '--allow-net'];

describe.each([
  { adapter: PythonAdapter, name: 'python', extension: '.py', inline: ['python3', '-c'], file: ['python3'] },
  { adapter: NodeAdapter, name: 'node', extension: '.mjs', inline: ['node', '-e'], file: ['node'] },
  { adapter: BunAdapter, name: 'bun', extension: '.ts', inline: ['bun', '-e'], file: ['bun', 'run'] },
  { adapter: DenoAdapter, name: 'deno', extension: '.mts', inline: undefined, file: DENO },
  { adapter: bashAdapter, name: 'bash', extension: '.sh', inline: ['bash', '-c'], file: ['bash'] },
])('$name', ({ adapter, name, extension, inline, file }) => {
  it('is called so, in an image of its own', () => {
    expect(adapter).toMatchObject({ name, image: `isol8:${name}` });
    expect(adapter.getFileExtension()).toBe(extension);
  });

  it('runs a file', () => {
    expect(adapter.getCommand(CODE, FILE)).toEqual([...file, FILE]);
  });

  it('runs source text, or says why not', () => {
    if (inline) expect(adapter.getCommand(CODE)).toEqual([...inline, CODE]);
    else
      expect(() => adapter.getCommand(CODE)).toThrow(
        'Deno adapter requires a file path — inline code is not supported.',
      );
  });

  it('gives a command that the caller may change', () => {
    adapter.getCommand(CODE, FILE).length = 0;
    expect(adapter.getCommand(CODE, FILE)).toEqual([...file, FILE]);
  });
});

describe('agent', () => {
  const START = /^pi --no-session --append-system-prompt '[^']*isol8 sandbox[^']*'/;
  const line = (command: string[]) => {
    expect(command).toHaveLength(3);
    expect(command.slice(0, 2)).toEqual(['bash', '-c']);
    return command[2] as string;
  };

  it('is called so, in an image of its own', () => {
    expect(AgentAdapter).toMatchObject({ name: 'agent', image: 'isol8:agent' });
    expect(AgentAdapter.getFileExtension()).toBe('.txt');
  });

  it('passes the prompt as an argument, whether there is a file or not', () => {
    const command = AgentAdapter.getCommand('do it');
    expect(line(command)).toMatch(START);
    expect(line(command).replace(START, '')).toBe(" -p 'do it'");
    expect(AgentAdapter.getCommand('do it', FILE)).toEqual(command);
    expect(AgentAdapter.getCommandWithOptions('do it', { filePath: FILE })).toEqual(command);
    expect(AgentAdapter.getCommandWithOptions('do it', { agentFlags: '' })).toEqual(command);
  });

  it('puts flags before the prompt, as they are', () => {
    const command = AgentAdapter.getCommandWithOptions('do it', { agentFlags: '--model a/b --thinking high' });
    expect(line(command).replace(START, '')).toBe(" --model a/b --thinking high -p 'do it'");
  });

  it.each(['', `it's "quoted"`, '$(id) `id` $HOME \\', 'two\nlines', "'; echo injected; '"])(
    'has the shell pass on %j as it is',
    (prompt) => {
      const shown = line(AgentAdapter.getCommand(prompt)).replace(/^pi /, "printf '%s\\0' ");
      const words = execFileSync('bash', ['-c', shown], { encoding: 'utf8' }).split('\0');
      expect(words.slice(3)).toEqual(['-p', prompt, '']);
    },
  );
});
