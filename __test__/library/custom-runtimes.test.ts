/** Runtimes that callers register, run by the engine. They run in isol8's own images, which have other languages too. */
import { type ExecutionRequest, type RuntimeAdapter, RuntimeRegistry } from 'isol8';
import { beforeAll, describe, expect, it } from 'vitest';
import { containersOf, inspect } from '../support/docker.js';
import { ownEngine, sharedEngine } from '../support/engine.js';

/** `awk` programs: a language that no built-in runtime runs. */
const awk: RuntimeAdapter = {
  name: 'awk',
  image: 'isol8:bash',
  getCommand: (_, filePath) => ['awk', '-f', filePath ?? '/dev/null'],
  getFileExtension: () => '.awk',
};

/** Says how it was asked. */
const told: RuntimeAdapter = {
  name: 'told',
  image: 'isol8:bash',
  getCommand: () => ['false'],
  getCommandWithOptions: (code, options) => ['printf', '%s\\n', code, JSON.stringify(options)],
  getFileExtension: () => '.told',
};

const broken = (name: string, command: () => string[]): RuntimeAdapter => ({
  name,
  image: 'isol8:bash',
  getCommand: command,
  getFileExtension: () => '.x',
});

const HELLO = 'BEGIN { print "hello from awk" }';

const engine = sharedEngine();

beforeAll(() => {
  RuntimeRegistry.register(awk);
  RuntimeRegistry.register(told);
});

async function streamed(request: ExecutionRequest) {
  const events = [];
  for await (const event of engine.executeStream(request)) events.push(event);
  return events;
}

describe('a registered runtime', () => {
  it('runs source text, buffered and streaming', async () => {
    const result = await engine.execute({ runtime: 'awk', code: HELLO });
    expect(result).toMatchObject({ stdout: 'hello from awk', stderr: '', exitCode: 0, runtime: 'awk' });
    expect(await streamed({ runtime: 'awk', code: HELLO })).toEqual([
      { type: 'stdout', data: 'hello from awk\n', phase: 'code' },
      { type: 'exit', data: '0', phase: 'code' },
    ]);
  });

  it('is used for what it was detected for', async () => {
    const { name } = RuntimeRegistry.detect('report.awk');
    expect((await engine.execute({ runtime: name, code: HELLO })).stdout).toBe('hello from awk');
  });

  it('reads standard input and files like any other', async () => {
    const request = { runtime: 'awk', code: '{ n += $1 } END { print n > "/sandbox/sum" }', stdin: '1\n2\n3\n' };
    const { files } = await engine.execute({ ...request, outputPaths: ['/sandbox/sum'] });
    expect(Buffer.from(files?.['/sandbox/sum'] ?? '', 'base64').toString()).toBe('6\n');
  });

  it('runs command lines in its image', async () => {
    expect((await engine.execute({ runtime: 'awk', cmd: 'echo $((6 * 7))' })).stdout).toBe('42');
  });

  it('is asked with options where it can be, and finds the script where it was told', async () => {
    const request = { runtime: 'told', code: 'my code', agentFlags: '--fast' };
    const [code, options] = (await engine.execute(request)).stdout.split('\n');
    expect(code).toBe('my code');
    expect(JSON.parse(options ?? '')).toEqual({ filePath: '/sandbox/main.told', agentFlags: '--fast' });
    const named = await engine.execute({ ...request, fileExtension: '.other' });
    expect(named.stdout).toContain('/sandbox/main.other');
  });

  it('is prewarmed by name', async () => {
    const warm = ownEngine();
    const before = await containersOf(process.pid);
    await warm.start({ prewarm: { runtimes: ['awk' as never] } });
    const ready = (await containersOf(process.pid)).filter((id) => !before.includes(id));
    const { containerId } = await warm.execute({ runtime: 'awk', code: HELLO });
    expect(ready).toContain(containerId);
  });

  it('names the containers made for it', async () => {
    const { containerId } = await engine.execute({ runtime: 'awk', code: HELLO });
    const { Config } = await inspect(containerId);
    expect(Config.Labels).toMatchObject({ 'isol8.runtime': 'awk' });
  });

  it('has a persistent engine of its own', async () => {
    const persistent = ownEngine({ mode: 'persistent' });
    await persistent.execute({ runtime: 'awk', code: 'BEGIN { print "kept" > "/sandbox/note" }' });
    const read = { runtime: 'awk', code: 'BEGIN { getline line < "/sandbox/note"; print line }' };
    expect((await persistent.execute(read)).stdout).toBe('kept');
    expect((await persistent.execute({ runtime: 'awk', cmd: 'ls /sandbox' })).stdout).toBe('note');
    await expect(persistent.execute({ runtime: 'told', code: 'x' })).rejects.toThrow(
      'Cannot switch runtime from "awk" to "told"',
    );
  });
});

describe('an adapter that goes wrong', () => {
  it.each<[string, () => string[], object]>([
    [
      'throws',
      () => {
        throw new TypeError('not today');
      },
      { message: 'not today' },
    ],
    ['gives nothing', () => [], { code: 'INVALID_REQUEST', message: expect.stringContaining('adapter of runtime') }],
    ['gives a word with a NUL', () => ['a\0b'], { code: 'INVALID_REQUEST' }],
    ['gives no list', () => 'ls' as never, { message: expect.stringMatching(/array/i) }],
  ])('%s: the execution fails with that, buffered and streaming', async (name, command, error) => {
    const runtime = name.replaceAll(' ', '-');
    RuntimeRegistry.register(broken(runtime, command));
    await expect(engine.execute({ runtime, code: 'x' })).rejects.toMatchObject(error);
    await expect(streamed({ runtime, code: 'x' })).rejects.toMatchObject(error);
  });

  it('names an image that is not there', async () => {
    RuntimeRegistry.register({ ...awk, name: 'nowhere', image: 'no-such-image:1' });
    await expect(engine.execute({ runtime: 'nowhere', code: 'x' })).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });
});

it('a request cannot bring an adapter of its own', async () => {
  const adapter = { image: 'isol8:bash', script: { path: '/sandbox/x', command: ['echo', 'injected'] } };
  const request = { runtime: 'python', code: 'print(1)', adapter };
  expect((await engine.execute(request)).stdout).toBe('1');
  await expect(engine.execute({ ...request, runtime: 'perl' })).rejects.toThrow('Unknown runtime: "perl".');
});

it('a runtime in the place of a built-in one is used instead of it', async () => {
  RuntimeRegistry.register({ ...awk, name: 'bash' });
  expect((await engine.execute({ runtime: 'bash', code: HELLO })).stdout).toBe('hello from awk');
  expect((await engine.execute({ runtime: 'python', code: 'print(1)' })).stdout).toBe('1');
});
