// Makes sure that the image which all of ours are built on exists, and finds the certificate
// authority that the machine needs to reach package registries.
//
// An image that is there is left alone. Otherwise it is pulled; where no image registry can be
// reached, the same system is put together from the distribution's own packages and imported.
// Nothing but the image is left behind, on failure neither.

import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { canInstall, install } from './debian.mjs';
import { Failure } from './steps.mjs';

const PULL_MS = 600_000;

/** What a container never reads. The first group stays away from packages installed later, too. */
const UNREAD = ['usr/share/doc', 'usr/share/man', 'usr/share/info', 'usr/share/locale', 'usr/share/lintian'];
const LEFTOVERS = ['var/lib/apt/lists', 'var/cache/apt', 'var/cache/debconf', 'var/log', 'tmp'];

/** Step function: resolves when the base image exists. */
export async function ensureBaseImage(task, { image = 'debian:trixie-slim', suite = 'trixie' } = {}) {
  if (await task.ask('docker', ['image', 'inspect', image])) return;

  let why;
  try {
    await task.run('docker', ['pull', image], { timeout: PULL_MS });
    return;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    why = error.log?.split('\n').at(-1) || error.why;
  }

  if (!canInstall()) {
    throw new Failure(`the base image ${image} is missing and cannot be pulled`, {
      why,
      next: `bring it here with \`docker pull ${image}\` or \`docker load\`; as root on Debian or Ubuntu this script can also build it`,
    });
  }
  task.note(`${image} cannot be pulled (${why}), building it with debootstrap`);
  await bootstrap(task, image, suite);
}

async function bootstrap(task, image, suite) {
  // Without the keyring debootstrap would go on with unverified packages.
  const wanted = [
    ['/usr/sbin/debootstrap', 'debootstrap'],
    ['/usr/share/keyrings/debian-archive-keyring.gpg', 'debian-archive-keyring'],
  ];
  const missing = wanted.filter(([file]) => !existsSync(file)).map(([, name]) => name);
  if (missing.length) await install(task, ...missing);

  // Not the system's temporary directory: it is often mounted without device files or programs.
  const work = await mkdtemp('/var/tmp/isol8-base-');
  const root = join(work, 'root');
  try {
    await task.run(
      '/usr/sbin/debootstrap',
      ['--force-check-gpg', '--variant=minbase', '--include=ca-certificates', suite, root],
      {
        what: `could not build ${image} with debootstrap`,
        next: 'check that this machine reaches its Debian mirror, then run this again',
      },
    );
    for (const directory of [...UNREAD, ...LEFTOVERS]) await empty(join(root, directory));
    await writeFile(
      join(root, 'etc/dpkg/dpkg.cfg.d/isol8-slim'),
      UNREAD.map((directory) => `path-exclude /${directory}/*\n`).join(''),
    );

    // Through a file, not a pipe, so that a half-written archive cannot become an image.
    const archive = join(work, 'root.tar');
    await task.run(
      'tar',
      ['--create', '--file', archive, '--directory', root, '--numeric-owner', '--one-file-system', '.'],
      {
        what: `could not pack ${image}`,
      },
    );
    await task.run('docker', ['import', '--change', 'CMD ["bash"]', archive, image], {
      what: `could not import ${image}`,
    });
  } finally {
    await discard(task, work);
  }
}

async function empty(directory) {
  for (const name of await readdir(directory).catch(() => []))
    await rm(join(directory, name), { recursive: true, force: true });
}

/** An interrupted debootstrap leaves /proc and /sys mounted, and those must not be deleted into. */
async function discard(task, work) {
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${work}/`)).reverse())
    await task.ask('umount', [mount], { always: true });
  await rm(work, { recursive: true, force: true });
}

/**
 * The environment that image builds need on a machine where TLS is re-signed on the way: empty, or
 * ISOL8_EXTRA_CA_FILE. Programs on such a machine have been told about the authority already.
 */
export function extraCa(task, env = process.env) {
  if (env.ISOL8_EXTRA_CA_FILE) return {};
  const name = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].find((name) => env[name] && existsSync(env[name]));
  if (!name) return {};
  task.note(`images will trust the certificates of ${name} (ISOL8_EXTRA_CA_FILE=${env[name]})`);
  return { ISOL8_EXTRA_CA_FILE: resolve(env[name]) };
}
