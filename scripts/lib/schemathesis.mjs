// Schemathesis, for the test that asks a server all that its OpenAPI document allows, and what it does not.

import { fileURLToPath } from 'node:url';
import { canInstall, install } from './debian.mjs';
import { pipDirectory, pipInstall } from './pip.mjs';
import { Failure } from './steps.mjs';

const LIST = fileURLToPath(new URL('schemathesis.txt', import.meta.url));
const NAME = 'schemathesis';

/** Step function: resolves when it is there. */
export async function ensureSchemathesis(task) {
  if (await pipInstall(task, NAME, LIST)) return;
  if (canInstall() && !(await task.ask('python3', ['-m', 'pip', '--version']))) {
    await install(task, 'python3-pip');
    if (await pipInstall(task, NAME, LIST)) return;
  }
  throw new Failure('pip cannot install what `scripts/lib/schemathesis.txt` lists', {
    next: 'install Python 3.11 or later with pip',
  });
}

/** The command that runs it, and what it needs in its environment. */
export function schemathesis() {
  const directory = pipDirectory(NAME, LIST);
  return { command: 'python3', args: [`${directory}/bin/schemathesis`], env: { PYTHONPATH: directory } };
}
