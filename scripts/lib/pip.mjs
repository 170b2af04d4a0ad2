// Python programs for checks and tests: what a list says, each file by its digest, in a directory of its own that npm
// removes with `node_modules`. Nothing of the system's Python changes.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { root } from './project.mjs';

/** Where the packages of `list` are once they are installed: another list has another directory. */
export function pipDirectory(name, list) {
  const digest = createHash('sha256').update(readFileSync(list)).digest('hex').slice(0, 16);
  return `${root}node_modules/.cache/isol8-${name}-${digest}`;
}

/** Resolves with that directory, or with undefined if pip cannot install what the list says. */
export async function pipInstall(task, name, list) {
  const directory = pipDirectory(name, list);
  if (existsSync(directory)) return directory;
  const making = `${directory}.${process.pid}`;
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action', 'ignore'];
  const locked = ['--require-hashes', '--no-deps', '--only-binary', ':all:', '--target', making, '--requirement', list];
  if ((await task.ask('python3', [...pip, ...locked])) === undefined) {
    await rm(making, { recursive: true, force: true });
    return undefined;
  }
  await rm(directory, { recursive: true, force: true });
  await rename(making, directory);
  return directory;
}
