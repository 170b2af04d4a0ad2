// One program from nothing: `isol8 run` against `docker run --rm` with the same image and limits.

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

export async function cold({ name, options: { runs }, progress, cleanup }) {
  progress.at(name, 'starting');
  // Only to learn what a container of ours looks like.
  const { engine, stop } = await warmEngine('python', cleanup);
  const ours = await inspect((await succeed(engine, { runtime: 'python', code: 'pass' })).containerId);
  await stop();
  cleanup.add(removeOurs);

  const sides = {
    isol8Run: () => measure(process.execPath, [CLI, 'run', '-e', 'print(1)'], cleanup),
    dockerRun: () => measure('docker', dockerRun(ours, ['python3', '-c', 'print(1)']), cleanup),
  };
  const onRound = (done) => progress.at(name, `${Math.max(done, 0)} of ${runs}`);
  const { isol8Run, dockerRun: theirs } = await alternate(sides, { runs, warmup: 1, pause: PAUSE_MS, onRound });

  const series = { 'isol8 run': summarize(isol8Run), 'docker run --rm': summarize(theirs) };
  const ratio = round(series['isol8 run'].median / series['docker run --rm'].median);
  return {
    unit: 'ms',
    series,
    ratios: { 'isol8 run / docker run --rm': ratio },
    goals: [atMost('isol8 run, of docker run --rm', ratio, SHARE, '×')],
  };
}

async function measure(command, args, cleanup) {
  const { ms, value } = await timed(() => run(command, args, { cleanup }));
  if (value.trim() !== '1') throw new Error(`expected 1, got ${JSON.stringify(value)}`);
  return ms;
}
