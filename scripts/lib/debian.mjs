// Installing Debian packages, for the steps that may: as root, on a machine that has apt.

import { existsSync } from 'node:fs';

/** True where `install` can work. Anywhere else the user has to be told what to install. */
export const canInstall = () =>
  process.getuid?.() === 0 && existsSync('/usr/bin/apt-get') && existsSync('/etc/debian_version');

/** Installs packages and nothing that they merely recommend. */
export async function install(task, ...packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const what = `could not install ${packages.join(', ')}`;
  task.note(`installing ${packages.join(', ')} with apt-get`);
  await task.run('apt-get', ['update'], { env, what });
  await task.run('apt-get', ['install', '--yes', '--no-install-recommends', ...packages], { env, what });
}
