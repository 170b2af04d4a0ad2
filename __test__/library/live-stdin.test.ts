/** Standard input that comes while the program runs, from an async iterable. */
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionRequest } from 'isol8';
import { describe, expect, it } from 'vitest';
import { type Engine, ONE_SANDBOX, ownEngine, sharedEngine } from '../support/any-engine.js';
import { processesIn } from '../support/docker.js';
import { collect, text } from '../support/events.js';
import { until, within } from '../support/until.js';

const MIB = 1 << 20;

const engine = await sharedEngine();

type Stdin = ExecutionRequest['stdin'];

/** The output of a command that reads `stdin`, buffered and streamed. */
const FACES: [string, (on: Engine, cmd: string, stdin: Stdin) => Promise<string>][] = [
  ['execute', async (on, cmd, stdin) => (await on.execute({ runtime: 'bash', cmd, stdin })).stdout],
  [
    'executeStream',
    async (on, cmd, stdin) =>
      text(await collect(on.executeStream({ runtime: 'bash', cmd, stdin })), 'stdout').trimEnd(),
  ],
];

async function* chunks(...values: unknown[]) {
  for (const value of values) yield value as string;
}

describe.each(FACES)('%s', (_, output) => {
  it('takes text and bytes, and then the end', async () => {
    const bytes = new Uint8Array([0, 255, 10, 128]);
    const stdin = chunks('première\n', Buffer.from('zweite\n'), '', new Uint8Array(bytes.buffer, 1, 2), 'x');
    expect(Buffer.from(await output(engine, 'base64 --wrap 0', stdin), 'base64')).toEqual(
      Buffer.concat([Buffer.from('première\nzweite\n'), Buffer.from([255, 10]), Buffer.from('x')]),
    );
  });

  it('takes a stream', async () => {
    expect(await output(engine, 'cat', Readable.from(['a\n', Buffer.from('b\n')]))).toBe('a\nb');
  });

  it('takes nothing at all', async () => {
    expect(await output(engine, 'wc --bytes', chunks())).toBe('0');
  });

  it('copies what it takes: the caller may use its buffer again', async () => {
    async function* reused() {
      const buffer = Buffer.alloc(1000);
      for (const byte of 'abc') {
        buffer.fill(byte);
        yield buffer;
      }
    }
    expect(await output(engine, 'tr -s abc', reused())).toBe('abc');
  });

  it('fails as the iterable does, and kills the program', async () => {
    const one = await ownEngine(ONE_SANDBOX);
    const { containerId } = await one.execute({ runtime: 'bash', code: ':' });
    const cause = new Error('disk on fire');
    async function* burning() {
      yield 'some of it';
      throw cause;
    }
    await expect(output(one, 'cat; sleep 98765', burning())).rejects.toMatchObject({
      code: 'STDIN_FAILED',
      message: 'could not read standard input: disk on fire',
      cause,
    });
    await until('the program to be killed', 1000, async () => (await processesIn(containerId)).length === 1);
    expect(await one.execute({ runtime: 'bash', code: 'echo fine' })).toMatchObject({ stdout: 'fine', containerId });
  });

  it('fails when there is not even an iterator', async () => {
    const stdin = {
      [Symbol.asyncIterator]() {
        throw new Error('no way');
      },
    };
    await expect(output(engine, 'cat', stdin)).rejects.toMatchObject({
      code: 'STDIN_FAILED',
      message: 'could not read standard input: no way',
    });
  });

  it.each([
    [42, 'number'],
    [null, 'null'],
    [undefined, 'undefined'],
    [{}, 'object'],
    [['a'], 'object'],
    [true, 'boolean'],
    [new ArrayBuffer(1), 'object'],
  ])('fails for chunks like %o', async (chunk, type) => {
    await expect(output(engine, 'cat', chunks('a', chunk))).rejects.toMatchObject({
      code: 'STDIN_FAILED',
      message: `could not read standard input: a chunk has to be a string or a Uint8Array, not ${type}`,
      cause: expect.any(TypeError),
    });
  });

  it('tells the iterable when nobody reads on, and does not wait for it', async () => {
    let returned = 0;
    const stuck = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: () => {
          returned += 1;
          return new Promise<never>(() => {});
        },
      }),
    };
    expect(await within('the run', 5000, output(engine, 'echo done', stuck))).toBe('done');
    expect(returned).toBe(1);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no way');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no way'))],
    ['answers at once', () => ({ done: true })],
  ])('does not mind an iterable that %s when it is told', async (_, end) => {
    const next = () => new Promise<never>(() => {});
    const stdin = { [Symbol.asyncIterator]: () => ({ next, return: end as () => Promise<never> }) };
    expect(await output(engine, 'echo done', stdin)).toBe('done');
  });

  it('tells the iterable of a request that is refused', async () => {
    let isOver = false;
    async function* endless() {
      try {
        for (;;) {
          yield 'x';
          await pause(1);
        }
      } finally {
        isOver = true;
      }
    }
    await expect(output(engine, '', endless())).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await until('the iterable to be told', 1000, () => isOver);
  });
});

it('can answer what the program says', async () => {
  const said: string[] = [];
  const answer = new TransformStream<string, string>();
  const answers = answer.writable.getWriter();
  const code = 'read -p "" name; echo "hello $name"; read age; echo "$((age + 1)) next year"; cat; echo end';
  const stream = engine.executeStream({ runtime: 'bash', code: `echo ready; ${code}`, stdin: answer.readable });
  for await (const { type, data } of stream) {
    said.push(data);
    if (data === 'ready\n') await answers.write('Ada\n');
    if (data === 'hello Ada\n') await answers.write('41\n');
    if (data === '42 next year\n') await answers.close();
    if (type === 'exit') break;
  }
  expect(said).toEqual(['ready\n', 'hello Ada\n', '42 next year\n', 'end\n', '0']);
});

// W25: output was looked for every 10 ms.
it('goes to and fro without delay', async () => {
  const TIMES = 100;
  const answer = new TransformStream<string, string>();
  const answers = answer.writable.getWriter();
  const heard: number[] = [];
  void answers.write('x');
  for await (const { type } of engine.executeStream({ runtime: 'bash', cmd: 'cat', stdin: answer.readable })) {
    if (type === 'exit') break;
    heard.push(performance.now());
    await (heard.length < TIMES ? answers.write('x') : answers.close());
  }
  expect(heard).toHaveLength(TIMES);
  // Most of them: a busy machine may keep some waiting.
  const gaps = heard.slice(1).map((at, n) => at - (heard[n] ?? 0));
  expect(gaps.sort((a, b) => a - b)[TIMES / 2]).toBeLessThan(5);
});

it('comes only after setup scripts', async () => {
  const { stdout } = await engine.execute({
    runtime: 'bash',
    setupScript: 'wc --bytes > length',
    cmd: 'cat length -',
    stdin: chunks('for ', 'the program'),
  });
  expect(stdout).toBe('0\nfor the program');
});

it('is fetched no faster than the program reads', async () => {
  let fetched = 0;
  let isOver = false;
  async function* large() {
    try {
      for (; fetched < 200; fetched++) yield Buffer.alloc(MIB);
    } finally {
      isOver = true;
    }
  }
  const cmd = 'head --bytes 1048576 > /dev/null; echo read; sleep 60';
  for await (const { data } of engine.executeStream({ runtime: 'bash', cmd, stdin: large() })) {
    expect(data).toBe('read\n');
    // Meanwhile all of it could have been fetched.
    await engine.execute({ runtime: 'bash', code: 'sleep 0.5' });
    break;
  }
  expect(fetched).toBeGreaterThan(0);
  expect(fetched).toBeLessThan(20);
  await until('the iterable to be told', 1000, () => isOver);
});

it('tells the iterable once, however often the events are asked for', async () => {
  let returned = 0;
  const next = () => new Promise<never>(() => {});
  const end = async () => {
    returned += 1;
    return { done: true, value: undefined } as const;
  };
  const stdin = { [Symbol.asyncIterator]: () => ({ next, return: end }) };
  const stream = engine.executeStream({ runtime: 'bash', cmd: 'echo done', stdin });
  await collect(stream);
  expect(await stream.next()).toMatchObject({ done: true });
  expect(await stream.return?.()).toMatchObject({ done: true });
  expect(returned).toBe(1);
});

it('and a signal go together', async () => {
  const controller = new AbortController();
  async function* endless() {
    for (;;) {
      yield 'x\n';
      await pause(10);
    }
  }
  const stream = engine.executeStream({ runtime: 'bash', cmd: 'cat', stdin: endless() }, { signal: controller.signal });
  expect((await stream.next()).value).toMatchObject({ type: 'stdout' });
  controller.abort();
  await expect(collect(stream)).rejects.toMatchObject({ code: 'ABORT_ERR' });
});
