// One client, one request at a time, in a warm sandbox: what the server adds to the time that the program takes by
// itself, as the guest measures it.

import { atMost } from '../lib/goals.mjs';
import { summarize } from '../lib/statistics.mjs';
import { load } from './load.mjs';
import { startServer } from './process.mjs';

const OVERHEAD_MS = 5;
const WARMUP = 10;
const PROGRAMS = { bash: 'echo 1', python: 'print(1)' };

export async function serial({ name: runtime, options: { runs }, progress, cleanup }) {
  progress.at(runtime, 'starting');
  const server = await startServer(cleanup);
  const body = { request: { runtime, code: PROGRAMS[runtime] } };
  const { answers, errors } = await load({ ...server, body, count: WARMUP + runs }, cleanup).done;
  await server.stop();
  if (errors.length) throw new Error(`${runtime}: ${errors.length} requests failed: ${errors[0]}`);
  const measured = answers.slice(WARMUP);
  const series = {
    'POST /execute': summarize(measured.map(([ms]) => ms)),
    'the program itself': summarize(measured.map(([, program]) => program)),
    overhead: summarize(measured.map(([ms, program]) => ms - program)),
  };
  return {
    unit: 'ms',
    series,
    ratios: {
      'POST /execute / the program itself': series['POST /execute'].median / series['the program itself'].median,
    },
    goals: [atMost('overhead', series.overhead.median, OVERHEAD_MS, 'ms')],
  };
}
