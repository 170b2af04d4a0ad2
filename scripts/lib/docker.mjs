// Makes sure that a Docker engine answers.
//
// Whatever DOCKER_HOST or the current context points to is used and never replaced. Only where there
// is no engine at all, and only as root on Debian or Ubuntu, one is installed and started; everybody
// else is told what to do. An engine that was started here keeps running afterwards.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { canInstall, install } from './debian.mjs';
import { Failure } from './steps.mjs';

const LOG = '/var/log/dockerd.log';
/** A first start creates the storage and the bridge, which takes several seconds on a slow disk. */
const START_MS = 60_000;

/** Step function: resolves when an engine answers. */
export async function ensureDocker(task) {
  const why = await silence(task);
  if (why === undefined) return;

  if (process.env.DOCKER_HOST) {
    throw new Failure(`no Docker engine answers at ${process.env.DOCKER_HOST}`, {
      why,
      next: 'DOCKER_HOST points there: start that engine, or unset DOCKER_HOST to use the local one',
    });
  }
  if (!canInstall()) throw new Failure('no Docker engine answers', { why, next: advice(why) });

  if (!(await has(task, 'dockerd'))) await install(task, 'docker.io', 'ca-certificates');
  // Newer releases of Debian have the client in a package of its own, which the engine only recommends.
  if (!(await has(task, 'docker'))) await install(task, 'docker-cli');
  if ((await silence(task)) !== undefined) await start(task);
}

/** Undefined if an engine answers, else the reason why not. */
async function silence(task) {
  try {
    await task.run('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 15_000 });
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.log?.split('\n').at(-1) || error.why;
  }
}

const has = async (task, program) => (await task.ask(program, ['--version'])) !== undefined;

function advice(why = '') {
  if (/permission denied/i.test(why)) {
    return 'allow your user to use Docker with `sudo usermod --append --groups docker "$USER"`, log in again, and run this again';
  }
  if (process.platform !== 'linux')
    return 'install and start Docker Desktop or another Docker engine, then run this again';
  return 'start Docker (`sudo systemctl start docker`), or install it first (`sudo apt-get install docker.io` on Debian and Ubuntu), then run this again';
}

/** Starts the engine: as a service where the machine has services, as a process of its own elsewhere. */
async function start(task) {
  let ended;
  if (existsSync('/run/systemd/system')) {
    await task.run('systemctl', ['start', 'docker'], {
      what: 'could not start the Docker service',
      next: 'see `journalctl --unit docker`',
    });
  } else {
    task.note(`starting dockerd, its log is ${LOG}`);
    const log = openSync(LOG, 'a');
    const engine = spawn('dockerd', [], { detached: true, stdio: ['ignore', log, log] });
    engine.on('error', (error) => {
      ended = error.message;
    });
    engine.on('exit', (code) => {
      ended = `dockerd ended with status ${code}`;
    });
    engine.unref();
    closeSync(log);
  }

  let why;
  for (const deadline = Date.now() + START_MS; Date.now() < deadline && ended === undefined; await sleep(250)) {
    why = await silence(task);
    if (why === undefined) return;
  }
  const log = existsSync(LOG) ? readFileSync(LOG, 'utf8').trimEnd().split('\n').slice(-15).join('\n') : '';
  throw new Failure('the Docker engine did not start', {
    why: ended ?? why,
    log,
    next: `the reason is in ${LOG}; dockerd needs a kernel and privileges that allow it to set up cgroups, mounts and a bridge`,
  });
}
