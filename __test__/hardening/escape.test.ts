/**
 * Ways out of a container, tried from inside. The calls that the filter refuses are tried one by one in
 * `__test__/security/strict-profile.test.ts`; here is what they would be good for, and what needs no forbidden call.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attack, CONTROL, engineFor, type Ground, open, sandboxOf } from './support/ground.js';
import { vigil } from './support/vigil.js';

const engine = engineFor({});
vigil(engine);
const plain = open();
const ground = CONTROL ? plain : sandboxOf(engine);

/** What is tried: the program in `attacks/`, and how many attempts it makes at the least. */
const ATTACKS: [what: string, program: string, attempts: number][] = [
  ['namespaces of its own', 'namespaces', 19],
  ['mounts', 'mounts', 13],
  ['devices', 'devices', 10],
  ['files of the kernel and control groups', 'kernel_files', 33],
  ['more privileges', 'privileges', 14],
  ['PID 1', 'pid_1', 17],
  ['gates past the filter', 'gates', process.arch === 'x64' ? 6 : 0],
];

async function answersOf(where: Ground, program: string): Promise<[string, string][]> {
  const { stdout, stderr } = await where.run(attack(program), 20_000);
  expect(stderr).toBe('');
  return Object.entries(JSON.parse(stdout));
}

describe('a program gets none of:', () => {
  it.each(ATTACKS)('%s', async (_, program, attempts) => {
    const answers = await answersOf(ground, program);
    expect(answers.length).toBeGreaterThanOrEqual(attempts);
    expect(answers.filter(([, answer]) => !/^(refused|absent)/.test(answer))).toEqual([]);
  });

  it('system calls that are forbidden, each of them', async () => {
    const directory = new URL('../security/strict-profile/', import.meta.url);
    const list = readFileSync(new URL('refused.json', directory), 'utf8');
    const probe = readFileSync(new URL('probe.py', directory), 'utf8').replace(
      'json.load(sys.stdin)',
      `json.loads(${JSON.stringify(list)})`,
    );
    const { stdout } = await ground.run(probe, 20_000);
    const expected = Object.fromEntries(JSON.parse(list).probes.map((one: any) => [one.label, one.expect]));
    const answers: [string, any][] = Object.entries(JSON.parse(stdout));
    expect(answers.length).toBeGreaterThan(150);
    const got = answers.filter(([label, answer]) => {
      return !answer.absent && !expected[label].includes(answer.errno ?? answer.signal);
    });
    expect(got).toEqual([]);
  });
});

// The same attempts, where nothing holds them. What is refused there as well would be no attempt.
describe('in the open there is all of:', () => {
  it.each(ATTACKS)('%s', async (_, program) => {
    const answers = await answersOf(plain, program);
    expect(answers.filter(([, answer]) => !/^(done|absent)/.test(answer))).toEqual([]);
    if (answers.length > 0) expect(answers.some(([, answer]) => answer === 'done')).toBe(true);
  });
});
