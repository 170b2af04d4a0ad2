// Makes sure that the shells are there that tests of the command line's completions need.

import { canInstall, install } from './debian.mjs';
import { Failure } from './steps.mjs';

const SHELLS = ['zsh', 'fish'];

/** Step function. */
export async function ensureShells(task) {
  const missing = [];
  for (const shell of SHELLS) if (!(await task.ask(shell, ['--version']))) missing.push(shell);
  if (!missing.length) return;
  if (!canInstall()) throw new Failure(`${missing.join(' and ')} not found`, { next: 'install what is missing' });
  await install(task, ...missing);
}
