// Brings this checkout into a state that runs: npm dependencies, then guest, addon, library and CLI.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from './steps.mjs';

/** The root of the checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

const OLDEST_NODE = 20;
/** Says which dependency list node_modules was installed from. npm removes it with the directory. */
const STAMP = join(root, 'node_modules/.isol8-installed');

/** Step function: the toolchains that cannot be brought along. */
export async function checkToolchains(task) {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    throw new Failure(`Node.js ${process.versions.node} is too old`, {
      next: `install Node.js ${OLDEST_NODE} or newer`,
    });
  }
  await task.run('cargo', ['--version'], {
    cwd: root,
    what: 'the Rust toolchain is missing',
    next: 'install Rust with rustup (or your distribution), make sure `cargo --version` works, and run this again',
  });
}

/**
 * Step function: installs what the lock file says, unless node_modules already comes from it. Not `npm ci`, which
 * refuses a lock file that lacks the optional packages of other platforms, as it does where it was made without them.
 */
export async function installDependencies(task) {
  const listed = await readFile(join(root, 'package-lock.json'));
  const wanted = createHash('sha256').update(listed).digest('hex');
  if ((await readFile(STAMP, 'utf8').catch(() => '')) === wanted) return;

  await task.run('npm', ['install', '--no-save', '--no-audit', '--no-fund'], {
    cwd: root,
    what: 'could not install the npm dependencies',
    next: 'check that this machine reaches its npm registry (`npm ping`), then run this again',
  });
  await mkdir(join(root, 'node_modules'), { recursive: true });
  await writeFile(STAMP, wanted);
}

/** Step function: builds everything. The build itself knows what is up to date. */
export async function buildProject(task) {
  await task.run('npm', ['run', 'build'], {
    cwd: root,
    what: 'the build failed',
    next: '`npm run build` shows the whole output',
  });
}
