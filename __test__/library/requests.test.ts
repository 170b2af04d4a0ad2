/** Requests that make no sense: refused with a code and a message, before Docker is asked for anything. */
import type { ExecutionRequest } from 'isol8';
import { describe, expect, it } from 'vitest';
import { BEYOND_LIMITS, sharedEngine } from '../support/any-engine.js';

// Nobody answers there: whatever got as far as Docker would fail with another code.
const engine = await sharedEngine({ docker: { socketPath: '/nowhere/docker.sock' } });

/** How buffered and streaming executions answer the same request. */
async function refusals(request: unknown): Promise<unknown[]> {
  const buffered = await engine.execute(request as ExecutionRequest).catch((error) => error);
  const streamed = await (async () => {
    for await (const event of engine.executeStream(request as ExecutionRequest)) return event;
  })().catch((error) => error);
  return [buffered, streamed];
}

const TWO_SOURCES =
  'ExecutionRequest.code, ExecutionRequest.codeUrl, and ExecutionRequest.cmd are mutually exclusive — provide exactly one.';
const NO_SOURCE = 'ExecutionRequest must include exactly one of: code, codeUrl, or cmd.';
const UNKNOWN_RUNTIME = 'Unknown runtime: "ruby". Available: python, node, bun, bash, deno, agent';

it.each([
  ['two sources', { runtime: 'python', code: '1', cmd: 'ls' }, TWO_SOURCES],
  ['no source', { runtime: 'python' }, NO_SOURCE],
  ['blank sources', { runtime: 'python', code: ' \n', cmd: '\t' }, NO_SOURCE],
  ['an unknown runtime', { runtime: 'ruby', code: '1' }, UNKNOWN_RUNTIME],
  ['no source and an unknown runtime', { runtime: 'ruby' }, NO_SOURCE],
  [
    'a directory outside',
    { runtime: 'python', code: '1', workdir: '/etc' },
    'Working directory must be inside /sandbox',
  ],
])('%s', async (_, request, message) => {
  for (const error of await refusals(request)) {
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', message });
  }
});

describe.each<[field: string, values: unknown[]]>([
  // W15: limits that make no sense were taken.
  ['timeoutMs', [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '1000']],
  ['fileExtension', ['py', '.', '', './x', '.a/b', '.a b', 7]],
  ['env', [{ '': 'x' }, { 'A=B': 'x' }, { 'A\0': 'x' }, { A: 'x\0y' }, { A: 1 }, { A: null }, 'A=1']],
  [
    'files',
    [
      { '': 'x' },
      { 'dir/': 'x' },
      { '.': 'x' },
      { 'a\0b': 'x' },
      { '/etc/x': 'x' },
      { a: 7 },
      { a: null },
      { a: {} },
      'a',
    ],
  ],
  ['outputPaths', [['relative'], [''], ['/a\0b'], [7], 'text', {}]],
  ['stdin', [7, {}, [1, 2], true]],
  ['workdir', [7, ['a'], {}]],
  ['code', [7, ['print(1)'], { text: '1' }]],
  ['cmd', ['ls\0-l', 7]],
  ['runtime', [7, {}, undefined, null]],
])('%s', (field, values) => {
  it.each(values)('cannot be %o', async (value) => {
    const source = field === 'cmd' ? {} : { code: 'print(1)' };
    for (const error of await refusals({ runtime: 'python', ...source, [field]: value })) {
      expect(error).toBeInstanceOf(Error);
      const code = field === 'timeoutMs' && value === 2 ** 31 ? BEYOND_LIMITS : 'INVALID_REQUEST';
      expect(error).toMatchObject({ code, message: expect.stringMatching(/\S/) });
    }
  });
});

it.each([undefined, null, 'print(1)', 7, true, [], () => {}, Symbol('x'), 10n])(
  'that are no object: %o',
  async (request) => {
    for (const error of await refusals(request)) expect(error).toMatchObject({ code: 'INVALID_REQUEST' });
  },
);

it('that throw when they are read', async () => {
  const request = {
    runtime: 'python',
    get code(): string {
      throw new Error('trap');
    },
  };
  for (const error of await refusals(request)) expect(error).toBeInstanceOf(Error);
  // The engine still works.
  for (const error of await refusals({ runtime: 'python' })) expect(error).toMatchObject({ code: 'INVALID_REQUEST' });
});

it('are checked even where they are odd but valid', async () => {
  const request = Object.assign(Object.create(null), { runtime: 'bash', code: ':', extra: 1, env: undefined });
  for (const error of await refusals(request)) expect(error).toMatchObject({ code: 'DOCKER_UNAVAILABLE' });
});
