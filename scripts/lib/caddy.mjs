// Caddy, for the test that has it stand in front of a server. Only its program is taken, out of the distribution's
// package: nothing is installed, and no service is started.

import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canInstall } from './debian.mjs';
import { root } from './project.mjs';
import { Failure } from './steps.mjs';

/** Where the program is once it has been fetched. npm removes it with the directory. */
export const CADDY = join(root, 'node_modules/.cache/isol8-caddy/caddy');

/** Step function: resolves when the program is there. */
export async function ensureCaddy(task) {
  if (
    await access(CADDY).then(
      () => true,
      () => false,
    )
  )
    return;
  if (!canInstall()) {
    throw new Failure('caddy not found', {
      why: 'only root on Debian or Ubuntu gets it here by itself',
      next: `put the program there: ${CADDY}`,
    });
  }
  await mkdir(dirname(CADDY), { recursive: true });
  const work = await mkdtemp(join(dirname(CADDY), 'fetching-'));
  try {
    const what = 'could not fetch the package caddy';
    await task.run('apt-get', ['update'], { what });
    // As the user that apt has for it, it could not write here.
    await task.run('apt-get', ['--option', 'APT::Sandbox::User=root', 'download', 'caddy'], { cwd: work, what });
    const [archive] = await readdir(work);
    await task.run('dpkg-deb', ['--extract', archive, '.'], { cwd: work, what: 'could not unpack the package caddy' });
    await rename(join(work, 'usr/bin/caddy'), CADDY);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
