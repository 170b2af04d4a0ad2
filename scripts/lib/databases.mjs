// Database servers, for tests that start some of their own: installed, but never started here.

import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { canInstall, install } from './debian.mjs';
import { Failure } from './steps.mjs';

/** The package of MariaDB that is its server and nothing else: no service, no user, no data. */
const MARIADB = 'mariadb-server-core';

/** Says whether Debian's PostgreSQL makes a database of its own when it is installed. */
const CLUSTERS = '/etc/postgresql-common/createcluster.conf';

/** Step function: what the tests start is there. */
export async function ensureDatabases(task) {
  const missing = [...((await hasPostgres()) ? [] : ['postgresql']), ...(onPath('mariadbd') ? [] : [MARIADB])];
  if (missing.length === 0) return;
  if (!canInstall()) {
    throw new Failure('the tests of the server need PostgreSQL and MariaDB', {
      why: 'they are not installed, and only root on Debian or Ubuntu has them installed here',
      next: `install them (on Debian or Ubuntu: apt-get install ${missing.join(' ')}), then run this again`,
    });
  }
  if (missing.includes(MARIADB)) await install(task, MARIADB);
  if (missing.includes('postgresql')) await installPostgres(task);
}

/** Debian keeps every version in a directory of its own. */
async function hasPostgres() {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  return onPath('initdb') || versions.some((version) => existsSync(`/usr/lib/postgresql/${version}/bin/initdb`));
}

function onPath(program) {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin'];
  return directories.some((directory) => directory !== '' && existsSync(`${directory}/${program}`));
}

/** Without a database for the whole machine, and so without a server that runs from now on. */
async function installPostgres(task) {
  await install(task, 'postgresql-common');
  const before = await readFile(CLUSTERS, 'utf8');
  await writeFile(CLUSTERS, `${before}\ncreate_main_cluster = false\n`);
  try {
    await install(task, 'postgresql');
  } finally {
    await writeFile(CLUSTERS, before);
  }
}
