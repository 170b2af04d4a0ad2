// A tenant with two thousand requests waiting, and another that asks for one at a time: what the other notices.
//
// The server runs as many programs at a time as there are cores, since more would only share them out.

import { cpus } from 'node:os';
import { atMost } from '../lib/goals.mjs';
import { round, summarize } from '../lib/statistics.mjs';
import { load } from './load.mjs';
import { startServer, tenantKey } from './process.mjs';

const BACKLOG = 2000;
const SLOWER = 3;
const BODY = { request: { runtime: 'python', code: 'print(1)' } };

export async function fairness({ name, options: { runs }, progress, cleanup }) {
  progress.at(name, 'starting');
  const server = await startServer(cleanup, { maxConcurrent: cpus().length });
  const [greedy, modest] = [await tenantKey(server, 'greedy'), await tenantKey(server, 'modest')];
  const one = { ...server, key: modest, body: BODY, count: runs };
  await load({ ...one, count: 10 }, cleanup).done;

  progress.at(name, 'alone');
  const alone = await load(one, cleanup).done;
  progress.at(name, `beside ${BACKLOG} requests`);
  const crowd = load({ ...server, key: greedy, body: BODY, clients: BACKLOG }, cleanup);
  await queued(server, BACKLOG / 2);
  const beside = await load(one, cleanup).done;
  await crowd.kill();
  await server.stop();
  for (const { errors } of [alone, beside]) {
    if (errors.length) throw new Error(`${errors.length} requests failed: ${errors[0]}`);
  }

  const series = {
    alone: summarize(alone.answers.map(([ms]) => ms)),
    'beside a tenant with 2000 requests': summarize(beside.answers.map(([ms]) => ms)),
  };
  const ratio = round(series['beside a tenant with 2000 requests'].p95 / series.alone.p95);
  return { unit: 'ms', series, ratios: { p95: ratio }, goals: [atMost('p95, beside / alone', ratio, SLOWER, '')] };
}

/** Resolves when at least `count` requests wait. */
async function queued({ url }, count) {
  for (;;) {
    const health = await (await fetch(`${url}/health`)).json();
    if (health.load.waiting >= count) return;
  }
}
