// Sixteen clients that never pause, against the floor: the same command, sixteen at a time, in one container that is
// already there. Both get the machine in turns, in slices that are long enough for the pool to settle.

import { docker, LABEL } from '../lib/docker.mjs';
import { run } from '../lib/docker-run.mjs';
import { atLeast, atMost } from '../lib/goals.mjs';
import { round, summarize } from '../lib/statistics.mjs';
import { load } from './load.mjs';
import { residentMb, startServer } from './process.mjs';

const CLIENTS = 16;
const SLICE_SECONDS = 15;
const SLICES = 4;
const SHARE_OF_FLOOR = 0.8;
const TAIL = 4;
const GROWTH = 0.1;
const BODY = { request: { runtime: 'python', code: 'print(1)' } };

export async function throughput({ name, options: { runs }, progress, cleanup }) {
  const seconds = runs < 60 ? 4 : SLICE_SECONDS;
  progress.at(name, 'starting');
  const server = await startServer(cleanup);
  const slice = () => load({ ...server, body: BODY, clients: CLIENTS, seconds }, cleanup).done;
  // What a server has after its first load is what it keeps.
  await slice();
  const before = await residentMb(server.pid);
  const latencies = [];
  const [rates, floors] = [[], []];
  const errors = [];
  for (let i = 1; i <= SLICES; i++) {
    progress.at(name, `${i} of ${SLICES}`);
    const served = await slice();
    latencies.push(...served.answers.map(([ms]) => ms));
    errors.push(...served.errors);
    rates.push((served.answers.length / served.elapsedMs) * 1000);
    floors.push(await floor(seconds, cleanup));
  }
  const after = await residentMb(server.pid);
  await server.stop();
  if (errors.length) throw new Error(`${errors.length} requests failed: ${errors[0]}`);

  const sorted = latencies.toSorted((a, b) => a - b);
  const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1];
  const series = {
    'requests per second': summarize(rates),
    'bare commands per second': summarize(floors),
    'milliseconds per request': summarize(latencies),
  };
  const share = round(series['requests per second'].median / series['bare commands per second'].median);
  const tail = round(p99 / series['milliseconds per request'].median);
  return {
    unit: '',
    series,
    ratios: { 'requests / bare commands': share, 'p99 / median': tail, 'memory after / before': round(after / before) },
    goals: [
      atLeast('requests / bare commands', share, SHARE_OF_FLOOR, ''),
      atMost('p99 / median', tail, TAIL, ''),
      atMost('change of resident memory', round(Math.abs(after / before - 1)), GROWTH, ''),
    ],
    notes: [`${name}: the server had ${before.toFixed(1)} MB before the load and ${after.toFixed(1)} MB after it`],
  };
}

/** How many times a second a container gets the same command done, as many at a time. */
async function floor(seconds, cleanup) {
  const { Id: image } = await docker.getImage('isol8:python').inspect();
  const loop = `yes 1 | timeout ${seconds} xargs -P ${CLIENTS} -n 1 python3 -c 'print(1)' | wc -l`;
  const flags = ['run', '--rm', '--label', `${LABEL}=${process.pid}`, '--network', 'none', '--log-driver', 'none'];
  const printed = await run('docker', [...flags, '--entrypoint', 'bash', image, '-c', loop], { cleanup });
  return Number(printed) / seconds;
}
