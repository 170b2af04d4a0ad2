/**
 * Guests that lie: PID 1 of a sandbox has been taken over, and says to the engine what it likes. Each lie ends in a
 * result or in an error with a code, in bounded time and memory, and the next execution is as good as any.
 *
 * The liar tells the truth where it is not asked to lie, so that an error is the lie's and not that of a strange guest.
 * `src/sandbox/channel/tests.rs` has the lies that take minutes, with a clock of its own.
 */
import { DockerIsol8, type DockerIsol8Options, type ExecutionResult } from 'isol8';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ONE_SANDBOX } from '../support/engine.js';
import { within } from '../support/until.js';
import { CONTROL, FULL } from './support/ground.js';
import { Impostor } from './support/impostor.js';
import { descriptors, descriptorsAre } from './support/vigil.js';

/** What a lie may cost the process of the engine. */
const MOST_MIB = 96;

/** Beyond its limit, a command is given this much patience: see `GRACE` in `src/engine/run.rs`. */
const GRACE_MS = 30_000;

const LOST = { code: 'SANDBOX_LOST' };
const PROTOCOL = { code: 'SANDBOX_LOST', message: expect.stringContaining('broke the protocol') };
const HONEST = { stdout: 'honest', exitCode: 0 };
const NO_WORD = { stdout: '', exitCode: 0 };

type Ending = Partial<ExecutionResult> | { code: string };

/** A lie told while a program is to be run, and how the execution ends. */
const LIES: [lie: string, ending: Ending][] = [
  ['end', LOST],
  ['reset', LOST],
  ['death', LOST],
  ['tag', PROTOCOL],
  ['long-message', PROTOCOL],
  ['long-data', PROTOCOL],
  ['malformed', PROTOCOL],
  ['empty-message', PROTOCOL],
  ['truncated', LOST],
  ['stdin-back', PROTOCOL],
  ['file-in-output', PROTOCOL],
  ['started-twice', PROTOCOL],
  ['trailing', NO_WORD],
  ['never-started', NO_WORD],
  ['ended-twice', NO_WORD],
  ['empty-output', NO_WORD],
  ['numbers', { exitCode: -2_147_483_648 }],
  ['no-time', NO_WORD],
  ['signal', { exitCode: 2_147_483_647 }],
  ['all-at-once', { exitCode: 137, timedOut: true }],
  ['busy', { code: 'INTERNAL' }],
  ['write-failed', { code: 'WRITE_FILE_FAILED' }],
  ['spawn-failed', { code: 'SPAWN_FAILED' }],
  ['long-subject', { code: 'SPAWN_FAILED' }],
  ['little-frames', NO_WORD],
  ['own-stream', LOST],
  ['same-stream', LOST],
  ['beyond-the-window', LOST],
  ['long-frame', LOST],
  ['credit', LOST],
  ['kind', LOST],
  ['version', LOST],
  ['go-away', LOST],
];

/** What is of no use to anybody, and no reason to give up. The truth is among it: without it the others would show nothing. */
const NOISE: string[] = ['', 'many-streams', 'streams-left-open', 'pings', 'unknown-stream', 'stderr'];

/** Lies that take as long as an engine has patience. */
const LONG_LIES: typeof LIES = [
  ['nothing', LOST],
  ['drip', LOST],
  ['flood', LOST],
  ['deaf', LOST],
];

const engines: DockerIsol8[] = [];

/** An engine whose sandboxes have this guest. */
function engineOf(impostor: Impostor, options: DockerIsol8Options = {}): DockerIsol8 {
  const engine = new DockerIsol8({ ...ONE_SANDBOX, image: impostor.image, timeoutMs: 500, ...options });
  engines.push(engine);
  return engine;
}

/** Runs a program over which the guest tells this lie; the truth, where nobody is to be attacked. */
const told = (engine: DockerIsol8, lie: string, more = {}): Promise<ExecutionResult> =>
  engine.execute({ runtime: 'python', code: `# LIE:${CONTROL ? '' : lie}\n`, ...more });

/** A result, or the error in its place. */
const ended = (execution: Promise<unknown>): Promise<any> => execution.catch((error) => error);

const memory = () => process.memoryUsage().rss / 2 ** 20;

describe('a guest that lies', () => {
  let liar: Impostor;
  let engine: DockerIsol8;
  let before: number;

  beforeAll(async () => {
    liar = await Impostor.make();
    engine = engineOf(liar);
    expect(await told(engine, '')).toMatchObject(HONEST);
    await engine.stop();
    before = descriptors();
  });
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await liar.discard();
    await descriptorsAre(before);
  });

  /** Tells the lie, and then checks that nothing has come of it. */
  async function survives(lie: string, ending: Ending, patienceMs: number): Promise<void> {
    const held = memory();
    const outcome = await within(lie, patienceMs, ended(told(engine, lie)));
    expect(outcome).toMatchObject(ending);
    // Whatever it said, what is passed on is short enough to be read.
    expect(String(outcome.message ?? '').length).toBeLessThan(10_000);
    expect(() => JSON.stringify(outcome)).not.toThrow();
    expect(memory() - held).toBeLessThan(MOST_MIB);
    expect(await within('the next one', 10_000, told(engine, ''))).toMatchObject(HONEST);
  }

  it.each(LIES)('%s', (lie, ending) => survives(lie, ending, 10_000));

  it.each(NOISE)('about nothing that matters harms nobody: "%s"', (lie) => survives(lie, HONEST, 10_000));

  it.each(FULL ? LONG_LIES : [])('%s', { timeout: 90_000 }, (lie, ending) => survives(lie, ending, GRACE_MS + 20_000));

  it('with a way out of its own harms nobody, either', { timeout: 30_000 }, async () => {
    const filtered = engineOf(liar, { network: 'filtered', networkFilter: { whitelist: ['^nowhere\\.test$'] } });
    const held = memory();
    const outcome = await within('many streams', 20_000, ended(told(filtered, 'many-streams', { timeoutMs: 10_000 })));
    // More at a time than there may be ends the connection.
    expect([HONEST.stdout, LOST.code]).toContain(outcome.stdout ?? outcome.code);
    expect(memory() - held).toBeLessThan(MOST_MIB);
    expect(await told(filtered, '')).toMatchObject(HONEST);
  });

  it.each(['file-of-wrong-length', 'file-of-nothing'])('about an output file: %s', async (lie) => {
    const outcome = await within(lie, 10_000, ended(told(engine, lie, { outputPaths: ['/sandbox/x'] })));
    expect(outcome).toMatchObject(PROTOCOL);
    expect(await told(engine, '')).toMatchObject(HONEST);
  });

  it('about the length of an output file harms nobody: it is left out', async () => {
    const outcome = await within('a file', 10_000, told(engine, 'file-too-long', { outputPaths: ['/sandbox/x'] }));
    expect(outcome).toMatchObject({ ...HONEST, files: {} });
    expect(await told(engine, '')).toMatchObject(HONEST);
  });
});

describe('a guest that greets with a lie', () => {
  const QUICK: [greeting: string, message: RegExp][] = [
    ['version', /speaks channel version 9999/],
    ['garbage', /did not come up/],
    ['long', /broke the protocol/],
  ];
  const MORE: typeof QUICK = [
    ['magic', /did not come up/],
    ['gone', /did not come up/],
    ['build', /speaks channel version 9999/],
    ['data', /broke the protocol/],
    ['silent', /sent nothing for 30s/],
  ];

  it.each(FULL ? [...QUICK, ...MORE] : QUICK)('%s', { timeout: 60_000 }, async (greeting, message) => {
    const liar = await Impostor.make(CONTROL ? '' : greeting);
    try {
      const engine = engineOf(liar);
      const outcome = await within(greeting, 45_000, ended(told(engine, '')));
      expect(outcome).toMatchObject({ code: 'SANDBOX_START_FAILED', message: expect.stringMatching(message) });
      expect(outcome.message.length).toBeLessThan(1000);
      await engine.stop();
    } finally {
      await liar.discard();
    }
  });

  it('one that says its reset found much: its sandbox is not used again', async () => {
    const liar = await Impostor.make(CONTROL ? '' : 'reset');
    try {
      const engine = engineOf(liar);
      const first = await told(engine, '');
      const second = await told(engine, '');
      expect(second).toMatchObject(HONEST);
      expect(second.containerId).not.toBe(first.containerId);
      await engine.stop();
    } finally {
      await liar.discard();
    }
  });
});
