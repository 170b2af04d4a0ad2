// The filtered network: a client in a sandbox, through the guest, the channel and the proxy, against the same client in
// a container on the host's network that goes straight to the server. What bulk transfers can reach is what the pipe
// of an attached container carries in that direction, which is measured as `docker run` gives it.

import { readFile } from 'node:fs/promises';
import { alternate } from '../lib/alternate.mjs';
import { removeOurs } from '../lib/docker.mjs';
import { dockerRun, run } from '../lib/docker-run.mjs';
import { atLeast, atMost } from '../lib/goals.mjs';
import { SMALL, startOrigin } from '../lib/origin.mjs';
import { inspect, settle, succeed, warmEngine } from '../lib/sandbox.mjs';
import { round, summarize } from '../lib/statistics.mjs';

const REQUEST_MS = 1.5;
const CONNECT_MS = 5;
const BULK_SHARE = 0.6;
/** The slowest of many transfers at once, of what each would have if all had the same. */
const FAIR_SHARE = 0.5;

const REQUESTS = 300;
const CONNECTS = 50;
const BYTES = 2 ** 28;
const TRANSFERS = 200;
const SECONDS = 2;

/** So many requests are one measurement. */
const RUNS_PER_LATENCY = 6;
/** And so many bytes. */
const RUNS_PER_BULK = 20;
const WARMUP = 1;

const CLIENT = await readFile(new URL('../lib/network-client.py', import.meta.url), 'utf8');

export async function network({ name, options, progress, cleanup }) {
  progress.at(name, 'starting');
  const origin = await startOrigin(cleanup);
  const { port } = origin;
  const filter = { ports: [port], allowPrivate: ['127.0.0.1'] };
  const filtered = await warmEngine('python', cleanup, { network: 'filtered', networkFilter: filter });
  const direct = await warmEngine('python', cleanup, { network: 'host' });
  const ours = await inspect((await succeed(filtered.engine, { runtime: 'python', code: 'pass' })).containerId);
  cleanup.add(removeOurs);
  await settle();

  const ask = async ({ engine }, what, amount) => {
    const task = { what, amount, port, proxied: engine === filtered.engine, small: SMALL, seconds: SECONDS };
    const request = { runtime: 'python', code: CLIENT, env: { BENCH: JSON.stringify(task) }, timeoutMs: 120_000 };
    return JSON.parse((await succeed(engine, request)).stdout);
  };
  const both = (what, amount, digest = (value) => value) => ({
    proxy: async () => digest(await ask(filtered, what, amount)),
    direct: async () => digest(await ask(direct, what, amount)),
  });
  const median = (values) => summarize(values).median;
  const measure = (label, sides, runs) =>
    alternate(sides, {
      runs,
      warmup: WARMUP,
      onRound: (done) => progress.at(name, `${label}, ${Math.max(done, 0)} of ${runs}`),
    });

  const few = Math.ceil(options.runs / RUNS_PER_LATENCY);
  const bulk = Math.ceil(options.runs / RUNS_PER_BULK);
  const small = await measure('small requests', both('small', REQUESTS, median), few);
  const connects = await measure('connections', both('connects', CONNECTS, median), few);
  const pipe = pipes(ours, cleanup);
  const down = await measure('down', { ...both('down', BYTES), pipe: pipe.into }, bulk);
  const up = await measure('up', { ...both('up', BYTES), pipe: pipe.outOf }, bulk);
  const many = await measure('at once', { proxy: () => ask(filtered, 'many', TRANSFERS) }, bulk);
  await Promise.all([filtered.stop(), direct.stop()]);
  origin.stop();

  return report({ small, connects, down, up, shares: many.proxy.map(share), total: many.proxy.map(rate) });
}

/** The pipe of an attached container, by itself: megabytes per second. */
function pipes(ours, cleanup) {
  const size = String(BYTES);
  return {
    async outOf() {
      let [bytes, first, last] = [0];
      const args = dockerRun(ours, ['head', '-c', size, '/dev/zero'], ['--interactive']);
      const onData = (chunk) => {
        last = performance.now();
        first ??= last;
        bytes += chunk.length;
      };
      await run('docker', args, { cleanup, onData });
      if (bytes !== BYTES) throw new Error(`received ${bytes} of ${BYTES} bytes`);
      return BYTES / 1000 / (last - first);
    },
    async into() {
      const reader = `import os, time
left, buffer = ${size} - os.readv(0, [bytearray(1)]), bytearray(1 << 20)
begun = time.perf_counter()
while left: left -= os.readv(0, [buffer]) or exit("too little")
print(${size} / 1e6 / (time.perf_counter() - begun))`;
      const docker = dockerRun(ours, ['python3', '-c', reader], ['--interactive']);
      const args = ['-c', `head -c ${size} /dev/zero | docker "$@"`, 'sh', ...docker];
      return Number(await run('sh', args, { cleanup }));
    },
  };
}

/** The slowest of several transfers, of what each would have if all had the same. */
const share = (bytes) => Math.min(...bytes) / (bytes.reduce((sum, each) => sum + each, 0) / bytes.length);

/** Megabytes per second of all of them together. */
const rate = (bytes) => bytes.reduce((sum, each) => sum + each, 0) / 1e6 / SECONDS;

function report({ small, connects, down, up, shares, total }) {
  const series = {};
  const add = (what, measured) => {
    for (const [side, values] of Object.entries(measured)) series[`${what}, ${side}`] = summarize(values);
  };
  add('ms of a small request', small);
  add('ms of a connection', connects);
  add('MB/s down', down);
  add('MB/s up', up);
  series[`MB/s of ${TRANSFERS} transfers down`] = summarize(total);
  series[`slowest of ${TRANSFERS} transfers, of a fair share`] = summarize(shares);
  const added = (what) => round(series[`${what}, proxy`].median - series[`${what}, direct`].median);
  const ratio = (what) => round(series[`${what}, proxy`].median / series[`${what}, pipe`].median);
  return {
    unit: '',
    series,
    ratios: { 'down, proxy / pipe': ratio('MB/s down'), 'up, proxy / pipe': ratio('MB/s up') },
    goals: [
      atMost('added to a small request', added('ms of a small request'), REQUEST_MS, 'ms'),
      atMost('added to a connection', added('ms of a connection'), CONNECT_MS, 'ms'),
      atLeast('down, of the raw pipe', ratio('MB/s down'), BULK_SHARE, '×'),
      atLeast('up, of the raw pipe', ratio('MB/s up'), BULK_SHARE, '×'),
      atLeast(`slowest of ${TRANSFERS} at once, of a fair share`, round(Math.min(...shares)), FAIR_SHARE, '×'),
    ],
  };
}
