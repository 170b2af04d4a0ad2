/** `isol8 cleanup`: what it shows, what it asks, what it removes. */
import { beforeEach, describe, expect, it } from 'vitest';
import { containersOf, docker, inspect } from '../support/docker.js';
import { CLI } from '../support/paths.js';
import { cli, type Options, Process } from '../support/process.js';
import { Scope } from '../support/scope.js';

const MANAGED = 'isol8.managed=true';
const OURS = 'org.isol8.guest=test';
const PROMPT = 'Remove all these containers? [y/N] ';
const PROMPT_WITH_IMAGES = 'Remove all these containers and images? [y/N] ';

let scope: Scope;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  scope = await Scope.open();
  env = { ...scope.env, LC_ALL: 'en_US.UTF-8', TZ: 'UTC', NO_COLOR: undefined };
});

const cleanup = (args: string[] = [], options: Options = {}) => cli(['cleanup', ...args], { env, ...options });

/** What the Docker engine itself does not say the same way twice. */
function stable(text: string, names: Record<string, string> = {}): string {
  let result = text.replaceAll(scope.id, 'TEST').replace(/\d+\/\d+\/\d{4}, \d+:\d\d:\d\d\s[AP]M/g, 'TIME');
  for (const [name, id] of Object.entries(names)) {
    result = result.replaceAll(id.replace('sha256:', '').slice(0, 12), `{${name}}`);
  }
  return result;
}

/** One of each kind: containers known by their label and by their image, images with names and without. */
async function leftovers() {
  const tag = `isol8:cleanup-test-${scope.id}`;
  const nameless = await scope.image(tag, [OURS]);
  const named = await scope.image(tag, [OURS]);
  await docker(['tag', tag, `isol8:other-${scope.id}`]);
  const stopped = await scope.container('stopped', [MANAGED]);
  const running = await scope.container('running', [], tag);
  return { nameless, named, stopped, running };
}

describe('where there is nothing', () => {
  it.each([
    [[], 'No isol8 containers found'],
    [['--images'], 'No isol8 containers or images found'],
    [['--force'], 'No isol8 containers found'],
  ])('%j says so', async (args, message) => {
    await scope.container('running');
    expect(await cleanup(args).ended).toEqual({ code: 0, stdout: '', stderr: `[OK] Docker is running\n${message}\n` });
    expect(await scope.containers()).toHaveLength(1);
  });
});

it('shows what it would remove, on the right channels', async () => {
  const names = await leftovers();
  const { code, stdout, stderr } = await cleanup().ended;
  expect(code).toBe(0);
  expect(stable(stdout, names)).toMatchInlineSnapshot(`
    "  running  {running}  isol8:cleanup-test-TEST  TIME
      stopped  {stopped}  debian:trixie-slim  TIME
    Remove all these containers? [y/N] 
    Cleanup cancelled
    "
  `);
  expect(stable(stderr, names)).toMatchInlineSnapshot(`
    "[OK] Docker is running
    Found 2 isol8 container(s)
    "
  `);
  expect(await scope.containers()).toHaveLength(2);
});

it('shows images as well when asked to', async () => {
  const names = await leftovers();
  const { code, stdout, stderr } = await cleanup(['--images'], { stdin: 'no\n' }).ended;
  expect(code).toBe(0);
  expect(stable(stdout, names)).toMatchInlineSnapshot(`
    "  running  {running}  isol8:cleanup-test-TEST  TIME
      stopped  {stopped}  debian:trixie-slim  TIME
      {named}  isol8:cleanup-test-TEST, isol8:other-TEST
      {nameless}  <untagged>
    Remove all these containers and images? [y/N] 
    Cleanup cancelled
    "
  `);
  expect(stable(stderr, names)).toMatchInlineSnapshot(`
    "[OK] Docker is running
    Found 2 isol8 container(s) and 2 image(s)
    "
  `);
  expect(await scope.images()).toHaveLength(2);
});

it('shows when containers were made, in local time', async () => {
  const { Created } = await inspect(await scope.container('stopped', [MANAGED]));
  const { stdout } = await cleanup().ended;
  const local = new Date(Created).toLocaleString('en-US', { timeZone: 'UTC' });
  expect(stdout.split('\n')[0]?.endsWith(`  ${local}`)).toBe(true);
});

describe('without --force', () => {
  it.each(['', '\n', 'n\n', 'yess\n', 'n\ny\n'])('%j removes nothing', async (stdin) => {
    const id = await scope.container('running', [MANAGED]);
    const { code, stdout } = await cleanup([], { stdin }).ended;
    expect(code).toBe(0);
    expect(stdout.endsWith(`${PROMPT}\nCleanup cancelled\n`)).toBe(true);
    expect(await scope.containers()).toEqual([id]);
  });

  it.each(['y\n', 'yes\n'])('%j removes what was shown', async (stdin) => {
    const names = await leftovers();
    const { code, stdout, stderr } = await cleanup([], { stdin }).ended;
    expect(code).toBe(0);
    expect(stdout.endsWith(`${PROMPT}\n`)).toBe(true);
    expect(stable(stderr, names)).toBe('[OK] Docker is running\nFound 2 isol8 container(s)\nRemoved 2 container(s)\n');
    expect(await scope.containers()).toEqual([]);
    expect(await scope.images()).toHaveLength(2);
  });

  it('leaves what has come since it asked (W3)', async () => {
    await leftovers();
    const process = cleanup(['--images'], { stdin: null });
    await process.printed(PROMPT_WITH_IMAGES);
    const container = await scope.container('running', [MANAGED]);
    const image = await scope.image(`isol8:later-${scope.id}`, [OURS]);
    process.enter('y\n');
    const { code, stderr } = await process.ended;
    expect(code).toBe(0);
    expect(stderr.split('\n').slice(-3)).toEqual(['Removed 2 container(s)', 'Removed 2 image(s)', '']);
    expect(await scope.containers()).toEqual([container]);
    expect(await scope.images()).toEqual([image]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s at the question exits with %i, and removes nothing', async (signal, code) => {
    const id = await scope.container('running', [MANAGED]);
    const process = cleanup([], { stdin: null });
    await process.printed(PROMPT);
    process.kill(signal);
    const { stdout, ...ended } = await process.ended;
    expect(ended).toEqual({ code, stderr: '[OK] Docker is running\nFound 1 isol8 container(s)\n' });
    expect(stdout.endsWith(`${PROMPT}\n`)).toBe(true);
    expect(await scope.containers()).toEqual([id]);
  });
});

it('--force does not ask, and --images removes images after the containers that used them', async () => {
  const names = await leftovers();
  const { code, stdout, stderr } = await cleanup(['--force', '--images'], { stdin: 'no\n' }).ended;
  expect(code).toBe(0);
  expect(stdout).not.toContain('Remove all');
  expect(stable(stderr, names)).toMatchInlineSnapshot(`
    "[OK] Docker is running
    Found 2 isol8 container(s) and 2 image(s)
    Removed 2 container(s)
    Removed 2 image(s)
    "
  `);
  expect(await scope.containers()).toEqual([]);
  expect(await scope.images()).toEqual([]);
});

it('says what could not be removed, and exits with 1', async () => {
  const names = await leftovers();
  scope.refuseToRemove(names.running);
  const { code, stderr } = await cleanup(['--force', '--images']).ended;
  expect(code).toBe(1);
  expect(stable(stderr, names)).toMatchInlineSnapshot(`
    "[OK] Docker is running
    Found 2 isol8 container(s) and 2 image(s)
      Failed to remove {running}: could not remove a container: removal is not allowed here
    Removed 1 container(s), 1 failed
      Failed to remove isol8:cleanup-test-TEST: could not remove an image: container {running} uses it
    Removed 1 image(s), 1 failed
    "
  `);
  expect(await scope.containers()).toEqual([names.running]);
  expect(await scope.images()).toEqual([names.named]);
});

it('leaves what another process is using, and says so (W2)', async () => {
  const tag = `isol8-test:${scope.id}`;
  await scope.image(tag, [], 'isol8:bash');
  const other = cli(['run', '--image', tag, '--cmd', 'echo up; sleep 60']);
  await other.printed('up');
  const theirs = await containersOf(other.pid);
  await scope.container('running', [MANAGED], tag);
  const { code, stderr } = await cleanup(['--force']).ended;
  expect(code).toBe(0);
  expect(stderr).toMatchInlineSnapshot(`
    "[OK] Docker is running
    Found 1 isol8 container(s)
    Left alone 1 container(s) that other isol8 processes are using
    Removed 1 container(s)
    "
  `);
  expect(await scope.containers()).toEqual(theirs);
  expect(await cleanup(['--force']).ended).toMatchObject({ code: 0, stdout: '' });
});

describe('on a terminal', () => {
  /** Runs it where all three streams are a terminal's. */
  async function onTerminal(typed: string, variables: NodeJS.ProcessEnv = {}): Promise<string> {
    const command = `'${process.execPath}' '${CLI}' cleanup`;
    const terminal = new Process('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      env: { ...env, ...variables },
      stdin: null,
    });
    await terminal.printed(PROMPT);
    terminal.enter(typed);
    const { code, stdout } = await terminal.ended;
    return `${stdout.replaceAll('\r\n', '\n')}${code}`;
  }

  it('marks containers that run, and answers go on their own line', async () => {
    await scope.container('running', [MANAGED]);
    await scope.container('stopped', [MANAGED]);
    const shown = await onTerminal('n\n');
    expect(shown).toContain('  \x1b[32m●\x1b[0m running  ');
    expect(shown).toContain('  \x1b[90m●\x1b[0m stopped  ');
    expect(shown.endsWith(`${PROMPT}n\nCleanup cancelled\n0`)).toBe(true);
  });

  it('uses no colours where they are not wanted', async () => {
    await scope.container('running', [MANAGED]);
    const shown = await onTerminal('n\n', { NO_COLOR: '1' });
    expect(shown).toContain('  ● running  ');
    expect(shown).not.toMatch(/\x1b\[\d*m/);
  });

  it('Ctrl-C is 130', async () => {
    const id = await scope.container('running', [MANAGED]);
    expect((await onTerminal('\x03')).endsWith('130')).toBe(true);
    expect(await scope.containers()).toEqual([id]);
  });
});
