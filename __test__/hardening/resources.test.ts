/** Programs that take all they can get. They get what their limits say, whatever it is called, and nobody else notices. */
import { describe, expect, it } from 'vitest';
import { docker } from '../support/docker.js';
import { attack, CONTROL, engineFor, FULL, fresh, type Ground, open, sandboxOf } from './support/ground.js';
import { vigil } from './support/vigil.js';

const MEMORY_MIB = 128;
/** What is tried for: far more than a sandbox has, and far less than this machine. */
const TARGET_MIB = 300;
const PROCESSES = 64;
const TARGET = 200;
/** A program with everything that it has started has to be gone this long after its limit. */
const GRACE_MS = 3000;

const engine = engineFor({ memoryLimit: `${MEMORY_MIB}m`, pidsLimit: PROCESSES });
vigil(engine);
const sandbox = sandboxOf(engine);
const unbounded = fresh();
const ground = CONTROL ? unbounded : sandbox;
/** Where more than one program is run, or PID 1 is more than what ends the program. */
const plain = open();
const lasting = CONTROL ? plain : sandbox;

/** The last number that a program printed, whatever became of it. */
async function reached(where: Ground, program: string, timeoutMs = 25_000): Promise<number> {
  const { stdout } = await where.run(program, timeoutMs);
  return Number(stdout.match(/^\d+$/gm)?.at(-1) ?? 0);
}

describe('memory', () => {
  const QUICK: [disguise: string, kind: string][] = [
    ['of its own', 'anonymous'],
    ['of many processes', 'several'],
    ['in files of /sandbox', 'sandbox'],
    ['in /dev/shm', 'shm'],
    ['in files without a name', 'memfd'],
    ['in segments of System V', 'system_v'],
    ['in pipes', 'pipes'],
    ['in Unix sockets', 'unix_sockets'],
    ['in page tables', 'page_tables'],
  ];
  const SLOW: typeof QUICK = [
    ['that is shared', 'shared'],
    ['in files of /tmp', 'tmp'],
    ['in message queues', 'message_queues'],
    ['in stacks of threads', 'stacks'],
    ['in descriptors', 'descriptors'],
    ['in empty files', 'inodes'],
  ];
  const disguises = FULL ? [...QUICK, ...SLOW] : QUICK;
  const shown = FULL ? disguises : disguises.slice(0, 3);
  const program = (kind: string) => attack('memory', { KIND: kind, TARGET: TARGET_MIB });

  it.each(disguises)('%s is bounded by the limit of the sandbox', { timeout: 40_000 }, async (_, kind) => {
    const got = await reached(ground, program(kind));
    expect(got).toBeGreaterThan(10);
    expect(got).toBeLessThanOrEqual(MEMORY_MIB);
  });

  it.each(shown)('%s can be had in the open', { timeout: 40_000 }, async (_, kind) => {
    expect(await reached(unbounded, program(kind))).toBeGreaterThanOrEqual(TARGET_MIB);
  });

  // SECURITY.md lists this among the known gaps: control groups of version 1 count what TCP holds apart, without a limit.
  it('in buffers of TCP is bounded by control groups of version 2, and not by those of version 1 (a known gap)', {
    timeout: 40_000,
  }, async () => {
    const version = await docker(['info', '--format', '{{.CgroupVersion}}']);
    const got = await reached(sandbox, program('tcp'));
    if (version === '2') expect(got).toBeLessThanOrEqual(MEMORY_MIB);
    else expect(got).toBeGreaterThanOrEqual(TARGET_MIB);
  });
});

describe('numbers', () => {
  const KINDS: [what: string, kind: string, most: number][] = [
    ['processes', 'processes', PROCESSES],
    ['threads', 'threads', PROCESSES],
    ['processes that have ended, and that nobody asks after', 'zombies', PROCESSES],
    ['orphans that have ended', 'orphans', 5],
  ];
  const program = (kind: string) => attack('counts', { KIND: kind, TARGET });

  it.each(KINDS)('of %s are bounded', async (_, kind, most) => {
    expect(await reached(ground, program(kind))).toBeLessThanOrEqual(most);
  });

  it.each(KINDS)('of %s can be had in the open', async (_, kind) => {
    expect(await reached(unbounded, program(kind))).toBeGreaterThanOrEqual(TARGET);
  });
});

describe('processor time', () => {
  const spin = async (where: Ground) => {
    const began = performance.now();
    const { timedOut, stdout } = await where.run(attack('spinners'), 2000);
    expect({ timedOut, stdout }).toEqual({ timedOut: true, stdout: 'spinning' });
    return { tookMs: performance.now() - began };
  };
  const left = async (where: Ground) => Number((await where.run(attack('leftovers'))).stdout);

  it('ends for all that a program has started, at its limit', async () => {
    const { tookMs } = await spin(lasting);
    expect(tookMs).toBeLessThan(2000 + GRACE_MS);
    expect(await left(lasting)).toBe(0);
  });

  it('goes on in the open, where only the first is killed', async () => {
    await spin(plain);
    expect(await left(plain)).toBeGreaterThan(0);
  });
});

describe('the host’s disk', () => {
  const written = async (where: Ground) => JSON.parse((await where.run(attack('disk'), 20_000)).stdout);

  it('is never written to', async () => {
    const answers = await written(ground);
    expect(Object.keys(answers).filter((answer) => !/^(refused|absent)/.test(answer))).toEqual([]);
    expect(answers['refused EROFS']).toBeGreaterThan(100);
  });

  it('is written to in the open', async () => {
    expect((await written(unbounded)).done).toBeGreaterThan(100);
  });
});

describe('signals', () => {
  const answers = async (where: Ground): Promise<[string, string][]> =>
    Object.entries(JSON.parse((await where.run(attack('signals'))).stdout));

  it('do not reach PID 1', async () => {
    const refused = await answers(lasting);
    expect(refused).toHaveLength(3);
    for (const answer of refused) expect(answer).toEqual([answer[0], 'refused EPERM']);
  });

  it('can be sent to it in the open', async () => {
    for (const answer of await answers(plain)) expect(answer).toEqual([answer[0], 'done']);
  });
});
