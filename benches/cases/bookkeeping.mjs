// What secrets, the audit log and the measurement of resources cost together: the same program in a warm sandbox of an
// engine that has none of it, and of one that has it all.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alternate, timed } from '../lib/alternate.mjs';
import { atMost } from '../lib/goals.mjs';
import { settle, succeed, warmEngine } from '../lib/sandbox.mjs';
import { round, summarize } from '../lib/statistics.mjs';
import { PROGRAMS } from './warm.mjs';

const ADDED_MS = 0.3;
const WARMUP = 5;
/** The difference of two medians is smaller than either: it takes more rounds to see it. */
const ROUNDS_PER_RUN = 4;
const RUNTIMES = ['bash', 'python'];

/** What people have: keys of services, the address of a database, a token. */
const SECRETS = {
  OPENAI_API_KEY: 'sk-proj-9dKf2LxQ7vTz4WmN8bRc1YhJ5sGp3aUe6oIi0tXn',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY',
  DATABASE_URL: 'postgres://app:s3cr%40t@db.internal:5432/app?sslmode=require',
  GITHUB_TOKEN: 'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  SESSION_KEY: 'correct horse "battery" staple',
};

export async function bookkeeping({ name, options: { runs }, progress, cleanup }) {
  const logDir = await mkdtemp(join(tmpdir(), 'isol8-bench-'));
  const remove = cleanup.add(() => rm(logDir, { recursive: true, force: true }));
  const all = { secrets: SECRETS, audit: { enabled: true, logDir, includeOutput: true, trackResources: true } };
  const [series, goals] = [{}, []];
  for (const runtime of RUNTIMES) {
    const rounds = runs * ROUNDS_PER_RUN;
    const onRound = (done) => progress.at(name, `${runtime}, ${Math.max(done, 0)} of ${rounds}`);
    const seen = await compare(runtime, all, cleanup, { runs: rounds, warmup: WARMUP, onRound });
    const [without, withAll] = [summarize(seen.without), summarize(seen.withAll)];
    Object.assign(series, { [`${runtime} without`]: without, [`${runtime} with all`]: withAll });
    goals.push(atMost(`added to ${runtime}`, round(withAll.median - without.median), ADDED_MS, 'ms'));
  }
  await remove();
  return { unit: 'ms', series, ratios: {}, goals };
}

/** What is over and above the program's own time, which differs more than what is looked for. */
async function compare(runtime, all, cleanup, options) {
  const bare = await warmEngine(runtime, cleanup);
  const full = await warmEngine(runtime, cleanup, all);
  await settle();
  const request = { runtime, code: PROGRAMS[runtime].code };
  const measure = async ({ engine }) => {
    const { ms, value } = await timed(() => succeed(engine, request));
    if ((value.resourceUsage !== undefined) !== (engine === full.engine)) throw new Error('the wrong engine measures');
    return ms - value.programMs;
  };
  const seen = await alternate({ without: () => measure(bare), withAll: () => measure(full) }, options);
  await bare.stop();
  await full.stop();
  return seen;
}
