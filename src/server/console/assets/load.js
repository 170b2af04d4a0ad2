/** How busy the server is, and how long executions take: the last few minutes, drawn. */

import { ask, Refused } from './api.js';
import { draw } from './chart.js';
import { byId } from './dom.js';
import { buckets, ended, quantile } from './latency.js';
import { whileShown } from './polling.js';

const EVERY_MS = 2000;
const SPAN_MS = 5 * 60_000;
/** The time of which each point of the latencies tells. */
const WINDOW_MS = 30_000;

let points = [];

export function startLoad() {
  whileShown(byId('load'), EVERY_MS, refresh);
}

async function refresh() {
  const { load } = await ask('health');
  // Only for holders of the master key.
  const metrics = await ask('metrics', { as: 'text' }).catch((error) => {
    if (error instanceof Refused && error.code === 'FORBIDDEN') return undefined;
    throw error;
  });
  const at = performance.now();
  const { running, waiting, capacity } = load;
  const look = metrics === undefined ? undefined : buckets(metrics);
  points = [...points.filter((point) => at - point.at <= SPAN_MS), { at, running, waiting, capacity, look }];

  byId('load-status').textContent = `${running} of ${capacity} running, ${waiting} waiting`;
  draw(byId('saturation-chart'), points, ['running', 'waiting', 'capacity'], { ...FRAME, least: 1, label: String });

  byId('latency-figure').hidden = look === undefined;
  if (look === undefined) return;
  const point = points.at(-1);
  const { look: earlier } = points.find((each) => each.look && at - each.at <= WINDOW_MS) ?? point;
  point.median = quantile(earlier, look, 0.5);
  point.most = quantile(earlier, look, 0.95);
  byId('latency-status').textContent =
    point.median === undefined
      ? 'There were none.'
      : `${ended(earlier, look)} ended: half within about ${time(point.median)}, 95 of 100 within about ${time(point.most)}.`;
  draw(byId('latency-chart'), points, ['median', 'most'], { ...FRAME, least: 0.01, label: time });
}

const FRAME = { spanMs: SPAN_MS, gapMs: 3 * EVERY_MS };

const time = (seconds) => (seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`);
