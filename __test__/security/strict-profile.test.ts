/**
 * The strict seccomp profile, call by call. A sandbox must see each forbidden call refused. So that a refusal is the
 * filter's and not for want of a capability, the same calls are made by root with capabilities, with and without it.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sharedEngine } from '../support/engine.js';
import { ROOT } from '../support/paths.js';
import { Process } from '../support/process.js';

interface Probe {
  label: string;
  expect: string[];
}

const directory = join(ROOT, '__test__/security/strict-profile');
const probe = await readFile(join(directory, 'probe.py'), 'utf8');
const refusedText = await readFile(join(directory, 'refused.json'), 'utf8');
const permittedText = await readFile(join(directory, 'permitted.json'), 'utf8');
const refused: Probe[] = JSON.parse(refusedText).probes;
const permitted: Probe[] = JSON.parse(permittedText).probes;

/** One word for each answer: an error's or a signal's name, `ok`, or `absent`. */
function words(stdout: string): Record<string, string> {
  const answers: Record<string, Record<string, unknown>> = JSON.parse(stdout);
  return Object.fromEntries(
    Object.entries(answers).map(([label, answer]) => {
      const [[kind, value] = []] = Object.entries(answer);
      return [label, kind === 'errno' || kind === 'signal' ? String(value) : String(kind)];
    }),
  );
}

/** Those probes whose answer is, or is not, what counts as refused. */
function answered(stdout: string, probes: Probe[], fits: (word: string, probe: Probe) => boolean): string[] {
  const said = words(stdout);
  expect(Object.keys(said)).toHaveLength(probes.length);
  return probes.filter((one) => !fits(said[one.label] ?? '', one)).map(({ label }) => `${label}: ${said[label]}`);
}

const asExpected = (word: string, one: Probe) => one.expect.includes(word);

// W50: the profile allowed what it did not name.
describe('in a sandbox', () => {
  const engine = sharedEngine();

  it('every forbidden call is refused', async () => {
    const { stdout } = await engine.execute({ runtime: 'python', code: probe, stdin: refusedText });
    expect(answered(stdout, refused, (word, one) => word === 'absent' || asExpected(word, one))).toEqual([]);
  });

  it('every permitted call gets through', async () => {
    const { stdout } = await engine.execute({ runtime: 'python', code: probe, stdin: permittedText });
    expect(answered(stdout, permitted, (word, one) => word === 'absent' || asExpected(word, one))).toEqual([]);
  });
});

describe('for root with capabilities', () => {
  const CAPABILITIES =
    'SYS_ADMIN SYS_PTRACE SYS_MODULE SYS_TIME SYS_BOOT SYS_RAWIO SYS_NICE SYS_PACCT SYS_CHROOT DAC_READ_SEARCH SYS_TTY_CONFIG SYSLOG NET_ADMIN NET_RAW'.split(
      ' ',
    );

  async function asRoot(seccomp: string, list: string): Promise<string> {
    const { code, stdout, stderr } = await new Process(
      'docker',
      [
        ...['run', '--rm', '--interactive', '--network', 'none', '--log-driver', 'none', '--user', '0:0'],
        ...CAPABILITIES.flatMap((capability) => ['--cap-add', capability]),
        // AppArmor, where there is one, would refuse some of it as well.
        ...['--security-opt', 'apparmor=unconfined', '--security-opt', `seccomp=${seccomp}`],
        ...['--entrypoint', 'python3', 'isol8:python', '-c', probe],
      ],
      { stdin: list },
    ).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  it('every forbidden call is refused, all the same', async () => {
    const stdout = await asRoot(join(ROOT, 'seccomp/strict.json'), refusedText);
    expect(answered(stdout, refused, (word, one) => word === 'absent' || asExpected(word, one))).toEqual([]);
  });

  it('no forbidden call is refused without the profile', async () => {
    const stdout = await asRoot('unconfined', refusedText);
    // Kernels may be built without these two gates.
    const optional = ['x32 getpid', 'int80 getpid'];
    expect(
      answered(
        stdout,
        refused,
        (word, one) => word === 'absent' || optional.includes(one.label) || !asExpected(word, one),
      ),
    ).toEqual([]);
  });
});
