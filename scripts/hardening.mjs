// `npm run test:hardening`: every attack in full length, and the suites of `__test__/security` beside them.
//
// With `--control` the attacks are tried where nothing holds them, in plain containers instead of sandboxes. Whatever
// says that something is refused has to fail there; what it is that passes all the same cannot detect a hole, and is
// listed. More arguments go to vitest. The exit status is 0 if everything is as it should be.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extraCa } from './lib/base-image.mjs';
import { root } from './lib/project.mjs';

const SUITES = '__test__/hardening';
const BESIDE = '__test__/security';

/** Tests that say what succeeds where nothing holds it, what is known to be missing, and what is of no use. They always pass. */
const ALWAYS_PASS = /in the open|a known gap|harms nobody/;

const isControl = process.argv.includes('--control');
const more = process.argv.slice(2).filter((argument) => argument !== '--control');
const environment = { ...process.env, ...extraCa({ note() {} }) };

process.exitCode = await (isControl ? control() : everything());

function everything() {
  return vitest([SUITES, BESIDE, ...more], { ISOL8_HARDENING: 'full' });
}

async function control() {
  const directory = await mkdtemp(join(tmpdir(), 'isol8-hardening-'));
  try {
    const file = join(directory, 'report.json');
    const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${file}`];
    await vitest([SUITES, ...reporters, ...more], { ISOL8_HARDENING_CONTROL: '1' });
    return judge(JSON.parse(await readFile(file, 'utf8')));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Says which tests did not end as they must without protection, and resolves with the exit status. */
function judge({ testResults }) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const isAttack = ({ fullName }) => !ALWAYS_PASS.test(fullName);
  const attacks = tests.filter(isAttack);
  const blind = attacks.filter(({ status }) => status !== 'failed');
  const broken = tests.filter((test) => !isAttack(test) && test.status !== 'passed');
  for (const { fullName } of blind) process.stdout.write(`saw no hole: ${fullName}\n`);
  for (const { fullName } of broken) process.stdout.write(`does not work in the open: ${fullName}\n`);
  process.stdout.write(`control: ${attacks.length - blind.length} of ${attacks.length} tests saw the hole\n`);
  return attacks.length > 0 && blind.length === 0 && broken.length === 0 ? 0 : 1;
}

async function vitest(args, env) {
  const program = join(root, 'node_modules/.bin/vitest');
  const options = { cwd: root, stdio: 'inherit', env: { ...environment, ...env } };
  const [code] = await once(spawn(program, ['run', ...args], options), 'exit');
  return code ?? 1;
}
