// `npm run soak -- --minutes N [--seed S]`: a mixed load, while everything around it breaks.
//
// The load (soak/load.mjs) runs in a process of its own against a Docker engine of its own (soak/daemon.mjs), which this
// process kills, restarts, fills and robs of its images and containers (soak/chaos.mjs). At the end every request has to
// be accounted for, nothing may be left, and memory has to be flat. Progress goes to stderr and a table to stdout; the
// exit status is 0 only if all is well. Needs root, dockerd, and a build (`npm run build`).

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Chaos } from './soak/chaos.mjs';
import { Daemon } from './soak/daemon.mjs';
import { settings } from './soak/settings.mjs';
import { table, verdict } from './soak/verdict.mjs';

const { minutes, seed = randomInt(2 ** 32) } = settings(process.argv.slice(2));
const began = performance.now();
const say = (text) => process.stderr.write(`${((performance.now() - began) / 60_000).toFixed(2)} min: ${text}\n`);

/** How long the load may take to come to its end, when it has been told to. */
const FAREWELL_MS = 180_000;

say(`seed ${seed}, ${minutes} minutes`);
const starting = Daemon.start(say);
// However this process ends, its daemon and all that runs in it go with it.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => starting.then((daemon) => daemon.discard()).finally(() => process.exit(130)));
const daemon = await starting;
process.exitCode = await soak().finally(() => daemon.discard());

async function soak() {
  const load = spawn(process.execPath, ['--expose-gc', path('load.mjs'), daemon.socket, String(seed)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const reports = [];
  load.on('message', (message) => {
    if (message.progress) say(message.progress);
    else reports.push(message);
  });
  const ended = once(load, 'exit');
  await first(reports, 'ready');
  const chaos = new Chaos({ seed, daemon, load, say });
  await chaos.run(began + minutes * 60_000);
  if (load.connected) load.send({ stop: true });
  const late = setTimeout(() => load.kill('SIGKILL'), FAREWELL_MS);
  await ended;
  clearTimeout(late);
  const final = reports.find(({ kind }) => kind === 'final');
  const left = (await daemon.docker('ps', '--all', '--format', '{{.ID}} {{.Image}} {{.Status}}')).split('\n');
  const found = verdict({ final, left: left.filter(Boolean), chaos: chaos.counts });
  process.stdout.write(table({ seed, minutes, final, chaos: chaos.counts, found }));
  return found.length === 0 ? 0 : 1;
}

/** Resolves when the load has sent a report of this kind. */
async function first(reports, kind) {
  while (!reports.some((report) => report.kind === kind)) await new Promise((resolve) => setTimeout(resolve, 50));
}

function path(name) {
  return fileURLToPath(new URL(`./soak/${name}`, import.meta.url));
}
