/** `isol8 run --runtime agent`: a project goes in, the agent works on it, and what it says comes out. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { machine } from '../support/config.js';
import { FLAGS, KEY, type Model, model, promptOf, SETTINGS, settingsFor } from '../support/model.js';
import { cli } from '../support/process.js';

const ALLOW = ['--net', 'filtered', '--allow', '^127\\.0\\.0\\.1$'];

/** A directory with the settings for a model and one program, on a machine that lets that model be reached. */
function projectFor(scripted: Model) {
  const { project, home, inProject } = machine();
  inProject({ network: { ports: [scripted.port], allowPrivate: ['127.0.0.0/8'] } });
  const directory = join(project, 'work');
  const files = { [SETTINGS]: settingsFor(scripted), 'greet.sh': 'echo helo\n', 'node_modules/left.js': '' };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return { directory, options: { cwd: project, env: { HOME: home } } };
}

/** Corrects the program, runs it, and says what it printed and what else it found. */
const programmer = () =>
  model((results) => {
    switch (results.length) {
      case 0:
        return { call: 'edit', with: { path: 'greet.sh', edits: [{ oldText: 'helo', newText: 'hello' }] } };
      case 1:
        return { call: 'bash', with: { command: 'bash greet.sh; ls' } };
      default:
        return { say: results[1]?.trim().split('\n').join(', ') ?? '' };
    }
  });

it.each([[[]], [['--no-stream']]])('has it work on a directory (%j)', async (face) => {
  const scripted = await programmer();
  const { directory, options } = projectFor(scripted);
  const args = ['--files', directory, '--agent-flags', FLAGS, '--secret', `${KEY}=sk-0123`, ...ALLOW, ...face];
  const ran = await cli(['run', '--runtime', 'agent', ...args, '--eval', "Say 'hello'."], options).ended;
  expect(ran).toEqual({ code: 0, stdout: 'hello, greet.sh\n', stderr: '' });
  expect(scripted.heard.map(promptOf)).toEqual(Array(3).fill("Say 'hello'."));
  expect(scripted.heard[0]?.key).toBe('sk-0123');
});

it('takes a prompt from a file and from standard input, whatever the file is called', async () => {
  const scripted = await model(() => ({ say: 'Heard.' }));
  const { directory, options } = projectFor(scripted);
  const args = ['run', '-r', 'agent', '--files', directory, '--agent-flags', FLAGS, '--secret', `${KEY}=x`, ...ALLOW];
  const path = join(directory, 'prompt.py');
  writeFileSync(path, 'from a file\n');
  expect(await cli([...args, path], options).ended).toMatchObject({ code: 0, stdout: 'Heard.\n' });
  expect(await cli(args, { ...options, stdin: 'from standard input' }).ended).toMatchObject({ code: 0 });
  expect(scripted.heard.map(promptOf)).toEqual(['from a file\n', 'from standard input']);
});

// W59.
it('is never chosen for a file of text', async () => {
  const { directory, options } = projectFor(await model(() => ({ say: '' })));
  const path = join(directory, 'notes.txt');
  writeFileSync(path, 'Delete everything.');
  expect(await cli(['run', ...ALLOW, path], options).ended).toEqual({
    code: 1,
    stdout: '',
    stderr: `[ERR] Cannot detect runtime for ${path}. Use --runtime to specify.\n`,
  });
});

it.each([
  [[], 'Agent runtime requires network access. '],
  [['--net', 'none', '--allow', 'x'], 'Agent runtime requires network access. '],
  [['--net', 'filtered'], 'Agent runtime requires at least one network whitelist entry. '],
  [['--net', 'filtered', '--deny', 'x'], 'Agent runtime requires at least one network whitelist entry. '],
])('needs a way to its provider: %j', async (flags, message) => {
  for (const source of [
    ['--eval', 'hi'],
    ['--cmd', 'pi --version'],
  ]) {
    const { code, stdout, stderr } = await cli(['run', '-r', 'agent', ...flags, ...source]).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.startsWith(`[ERR] ${message}`), stderr).toBe(true);
  }
});

// W83.
it('its flags mean nothing to others, who say so', async () => {
  const warned = async (...args: string[]) => {
    const { code, stdout, stderr } = await cli(['run', '--agent-flags', '--model x', ...args]).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n' });
    return stderr;
  };
  expect(await warned('-e', 'print(1)')).toBe('[WARN] --agent-flags has no effect with runtime python\n');
  expect(await warned('--cmd', 'echo 1')).toBe('[WARN] --agent-flags has no effect with runtime bash\n');
  expect(await warned('-r', 'agent', '--net', 'host', '--cmd', 'echo 1')).toBe(
    '[WARN] --agent-flags has no effect with --cmd\n',
  );
});

// W81, W82.
it('has more room than a program, unless flags or a file say how much', async () => {
  const { project, home, inProject } = machine();
  const size = async (...flags: string[]) => {
    const df = ['--cmd', "df --block-size=M --output=size /sandbox | tail -1 | tr -d ' '"];
    const ran = await cli(['run', '-r', 'agent', '--net', 'host', ...flags, ...df], {
      cwd: project,
      env: { HOME: home },
    }).ended;
    return ran.stdout.trim();
  };
  expect(await size()).toBe('2048M');
  expect(await size('--sandbox-size', '64m')).toBe('64M');
  inProject({ defaults: { sandboxSize: '300m' } });
  expect(await size()).toBe('300M');
  // Also if it is what programs have anyway.
  inProject({ defaults: { sandboxSize: '512m' } });
  expect(await size()).toBe('512M');
});
