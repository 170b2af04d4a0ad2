/**
 * Programs that lay traps for whoever reads and writes their files from outside: putFile(), getFile() and outputPaths.
 * In the open, where `docker exec` does the same as root, they work.
 */
import { describe, expect, it } from 'vitest';
import { PERSISTENT } from '../support/engine.js';
import { within } from '../support/until.js';
import { attack, CONTROL, engineFor, FULL, type Ground, open, sandboxOf } from './support/ground.js';
import { vigil } from './support/vigil.js';

const engine = engineFor({ ...PERSISTENT, memoryLimit: '256m' });
vigil(engine);
const plain = open();
const ground = CONTROL ? plain : sandboxOf(engine);

/** Nothing here may take longer: whoever waits on a pipe waits for ever. */
const PROMPT_MS = 2000;
const RACES = FULL ? 2000 : 200;

const plant = async (where: Ground) => expect((await where.run(attack('plant'))).stdout).toBe('planted');

/** How it ended, as one word or two: the code of an error, or the text that came. */
function fate(what: string, act: Promise<unknown>): Promise<string> {
  const ended = act.then(
    (content) => `got ${String(content ?? '').slice(0, 100)}`,
    (error) => String(error.code ?? error.message),
  );
  return within(what, PROMPT_MS, ended).catch((error) => String(error.message));
}

const READ: string[] = [
  'secret',
  'environment',
  'memory',
  'own-environment',
  'own-map',
  'own-descriptor',
  'thread',
  'cell',
  'zeroes',
  'chance',
  'terminal',
  'root',
  'loop',
  'chain-0',
  'fifo',
  'socket',
  'directory',
  'hole',
];
/** With names as they can only be given from outside; the first is refused before it is asked for. */
const NAMES = [
  `directory/${'d/'.repeat(2500)}end`,
  'n'.repeat(256),
  `${'../'.repeat(200)}etc/shadow`,
  '/proc/1/environ',
];

describe('reading', () => {
  it('gives nothing that is not a file of the program’s own, and does not wait for it', async () => {
    await plant(ground);
    for (const name of READ) {
      expect([name, await fate(name, ground.getFile(`/sandbox/bait/${name}`))]).toEqual([name, 'READ_FILE_FAILED']);
    }
    for (const name of NAMES) {
      const path = name.startsWith('/') ? name : `/sandbox/bait/${name}`;
      expect(await fate(name, ground.getFile(path))).toMatch(/^(READ_FILE_FAILED|INVALID_REQUEST)$/);
    }
    // And what is its own, it gives.
    expect(await fate('a link', ground.getFile('/sandbox/bait/good-link'))).toBe('got mine');
  });

  it('gives all of it, or waits, in the open', async () => {
    await plant(plain);
    expect(await fate('a secret', plain.getFile('/sandbox/bait/secret'))).toMatch(/^got root:/);
    expect(await fate('an environment', plain.getFile('/sandbox/bait/own-environment'))).toMatch(/^got PATH=/);
    expect(await fate('a pipe', plain.getFile('/sandbox/bait/fifo'))).toMatch(/hung|not done/);
    expect(await fate('zeroes', plain.getFile('/sandbox/bait/zeroes'))).not.toBe('READ_FILE_FAILED');
  }, 30_000);
});

describe('writing', () => {
  const TRAPS = [
    'over-secret',
    'guest',
    'passwd',
    'memory',
    'order-of-killing',
    'elsewhere',
    'elsewhere/isol8-raced',
    'fifo',
    'socket',
    'directory',
    'loop',
    'cell',
    'terminal',
  ];

  it('changes nothing that the program could not change, and does not wait for it', async () => {
    await plant(ground);
    for (const name of TRAPS) {
      const wrote = await fate(name, ground.putFile(`/sandbox/bait/${name}`, 'overwritten'));
      expect([name, wrote]).toEqual([name, 'WRITE_FILE_FAILED']);
    }
    expect(await fate('a file', ground.putFile('/sandbox/bait/mine', 'new'))).toBe('got ');
    expect(await fate('a file', ground.getFile('/sandbox/bait/mine'))).toBe('got new');
  });

  it('changes what it is pointed at in the open', async () => {
    await plant(plain);
    expect(await fate('a link', plain.putFile('/sandbox/bait/elsewhere/isol8-raced-open', 'x'))).toBe('got ');
    expect((await plain.run(attack('outside'))).stdout).toContain('/etc/isol8-raced-open');
    expect(await fate('a pipe', plain.putFile('/sandbox/bait/fifo', 'x'))).toMatch(/hung|not done/);
  });
});

describe('a race', () => {
  /** Reads and writes what changes all the while, for so many rounds or until what came of it is enough. */
  async function run(where: Ground, seconds: number, rounds: number, isEnough = async (_: string[]) => false) {
    const racing = where.run(attack('race', { SECONDS: seconds }), (seconds + 20) * 1000);
    const fates = new Set<string>();
    const end = performance.now() + (seconds - 1) * 1000;
    for (let n = 0; n < rounds && performance.now() < end && !(await isEnough([...fates])); n++) {
      fates.add(await fate('a file', where.getFile('/sandbox/race/file')));
      fates.add(await fate('a file', where.putFile('/sandbox/race/directory/isol8-raced', 'x')));
      fates.add((await fate('a growing file', where.getFile('/sandbox/race/growing'))).replace(/\0+/, ''));
      await fate('a file', where.putFile('/sandbox/race/file', 'mine'));
    }
    await where.putFile('/sandbox/race/stop', '');
    await racing;
    return [...fates];
  }
  const outside = async (where: Ground) => JSON.parse((await where.run(attack('outside'))).stdout);

  it('is not won', { timeout: 60_000 }, async () => {
    const fates = await run(ground, FULL ? 30 : 4, RACES);
    // Zeroes: what was there when it was opened, and is gone.
    const allowed = /^(got (mine|\0+)?$|READ_FILE_FAILED|WRITE_FILE_FAILED)/;
    expect(fates.filter((fate) => !allowed.test(fate))).toEqual([]);
    expect(fates).toContain('got mine');
    expect(await outside(ground)).toEqual([]);
  });

  it('is won in the open', { timeout: 60_000 }, async () => {
    // Passwords, until they are written over, and the environment of the first process; or whoever reads is held up.
    const isWon = (fate: string) => /^got (root:|PATH=)|hung|not done/.test(fate);
    const hasWritten = async () => (await outside(plain)).length > 0;
    const fates = await run(plain, 25, 200, async (fates) => fates.some(isWon) && hasWritten());
    expect(fates.some(isWon), String(fates)).toBe(true);
    expect(await hasWritten()).toBe(true);
  });
});
