// One program from nothing: `isol8 run` against `docker run --rm` with the same image and limits, once with the network
// that Docker gives unless told otherwise, and once with none, as a sandbox has.

import { fileURLToPath } from 'node:url';
import { alternate, timed } from '../lib/alternate.mjs';
import { removeOurs } from '../lib/docker.mjs';
import { dockerRun, run } from '../lib/docker-run.mjs';
import { atMost } from '../lib/goals.mjs';
import { inspect, succeed, warmEngine } from '../lib/sandbox.mjs';
import { round, summarize } from '../lib/statistics.mjs';

const CLI = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url));
const SHARE = 0.75;
/** The daemon goes on removing a container after the command has ended. */
const PAUSE_MS = 300;

const PRINT = ['python3', '-c', 'print(1)'];
const RUN = [CLI, 'run', '-e', 'print(1)'];
/** Node.js reads the certificates that this names before it runs anything, which is no part of us. */
const { NODE_EXTRA_CA_CERTS: certificates, ...withoutCertificates } = process.env;

export async function cold({ name, options: { runs }, progress, cleanup }) {
  progress.at(name, 'starting');
  // Only to learn what a container of ours looks like.
  const { engine, stop } = await warmEngine('python', cleanup);
  const ours = await inspect((await succeed(engine, { runtime: 'python', code: 'pass' })).containerId);
  await stop();
  cleanup.add(removeOurs);

  const sides = {
    isol8Run: () => measure(process.execPath, RUN, { cleanup }),
    dockerRun: () => measure('docker', dockerRun(ours, PRINT, [], { NetworkMode: 'default' }), { cleanup }),
    withoutNetwork: () => measure('docker', dockerRun(ours, PRINT), { cleanup }),
    ...(certificates && { lean: () => measure(process.execPath, RUN, { cleanup, env: withoutCertificates }) }),
  };
  const onRound = (done) => progress.at(name, `${Math.max(done, 0)} of ${runs}`);
  const seen = await alternate(sides, { runs, warmup: 1, pause: PAUSE_MS, onRound });

  const series = {
    'isol8 run': summarize(seen.isol8Run),
    'docker run --rm': summarize(seen.dockerRun),
    'docker run --rm --network none': summarize(seen.withoutNetwork),
  };
  if (seen.lean) series['isol8 run without NODE_EXTRA_CA_CERTS'] = summarize(seen.lean);
  const names = Object.keys(series);
  const ratios = {};
  for (const ours of names.filter((what) => what.startsWith('isol8'))) {
    for (const docker of names.filter((what) => what.startsWith('docker'))) {
      ratios[`${ours} / ${docker}`] = round(series[ours].median / series[docker].median);
    }
  }
  const goal = 'isol8 run / docker run --rm';
  return { unit: 'ms', series, ratios, goals: [atMost(goal, ratios[goal], SHARE, '×')] };
}

async function measure(command, args, options) {
  const { ms, value } = await timed(() => run(command, args, options));
  if (value.trim() !== '1') throw new Error(`expected 1, got ${JSON.stringify(value)}`);
  return ms;
}
