// A gigabyte of output to JavaScript: our executeStream() against a pipe that `docker run` writes to and
// a JavaScript process reads. Timed from the first byte to the last, so that starting costs neither.

import { alternate } from '../lib/alternate.mjs';
import { removeOurs } from '../lib/docker.mjs';
import { dockerRun, run } from '../lib/docker-run.mjs';
import { atLeast } from '../lib/goals.mjs';
import { inspect, succeed, warmEngine } from '../lib/sandbox.mjs';
import { round, summarize } from '../lib/statistics.mjs';

const BYTES = 2 ** 30;
const SHARE = 0.5;
const LINE = `head -c ${BYTES} /dev/zero`;
/** One gigabyte is many measurements already. */
const RUNS_PER_STREAM = 20;
const TIMEOUT_MS = 300_000;

export async function stream({ name, options, progress, cleanup }) {
  const runs = Math.ceil(options.runs / RUNS_PER_STREAM);
  progress.at(name, 'starting');
  const { engine, stop } = await warmEngine('bash', cleanup, { maxOutputSize: 2 * BYTES, timeoutMs: TIMEOUT_MS });
  const ours = await inspect((await succeed(engine, { runtime: 'bash', cmd: 'true' })).containerId);
  cleanup.add(removeOurs);

  const sides = {
    async executeStream() {
      const meter = new Meter();
      for await (const { type, data } of engine.executeStream({ runtime: 'bash', cmd: LINE })) {
        // The text is ASCII: as long in bytes as in characters.
        if (type === 'stdout') meter.count(data.length);
        else if (type !== 'exit' || data !== '0') throw new Error(`unexpected ${type}: ${data}`);
      }
      return meter.rate();
    },
    async dockerRun() {
      const meter = new Meter();
      const args = dockerRun(ours, ['bash', '-c', LINE], ['--interactive']);
      await run('docker', args, { cleanup, onData: (chunk) => meter.count(chunk.length) });
      return meter.rate();
    },
  };
  const onRound = (done) => progress.at(name, `${Math.max(done, 0)} of ${runs}`);
  const { executeStream, dockerRun: theirs } = await alternate(sides, { runs, onRound });
  await stop();

  const series = { 'executeStream()': summarize(executeStream), 'docker run to a pipe': summarize(theirs) };
  const ratio = round(series['executeStream()'].median / series['docker run to a pipe'].median);
  return {
    unit: 'MB/s',
    series,
    ratios: { 'executeStream() / docker run to a pipe': ratio },
    goals: [atLeast('executeStream(), of the raw pipe', ratio, SHARE, '×')],
  };
}

/** Counts bytes and the time between the first and the last of them. */
class Meter {
  #bytes = 0;
  #first;
  #last;

  count(bytes) {
    this.#last = performance.now();
    this.#first ??= this.#last;
    this.#bytes += bytes;
  }

  /** Megabytes per second. */
  rate() {
    if (this.#bytes !== BYTES) throw new Error(`received ${this.#bytes} of ${BYTES} bytes`);
    return this.#bytes / 1000 / (this.#last - this.#first);
  }
}
