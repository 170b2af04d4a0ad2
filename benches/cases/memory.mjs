// What a sandbox that waits costs: the resident memory of its guest, split into what is its own (anonymous)
// and what it shares with the other guests of the machine (pages of the program file).

import { readFile } from 'node:fs/promises';
import { atMost } from '../lib/goals.mjs';
import { containersOfOurs, inspect, settle, succeed, warmEngine } from '../lib/sandbox.mjs';
import { summarize } from '../lib/statistics.mjs';

const RESIDENT_MB = 4;
const FIELDS = ['VmRSS', 'RssAnon', 'RssFile'];

export async function memory({ name, progress, cleanup }) {
  progress.at(name, 'starting');
  const { engine, stop } = await warmEngine('bash', cleanup, { poolSize: { clean: 2, dirty: 2 } });
  const unused = await residents();
  const { containerId: used } = await succeed(engine, { runtime: 'bash', cmd: 'head -c 10000000 /dev/zero | wc -c' });
  await settle();
  const after = await residents([used]);
  await stop();

  if (!unused.length || !after.length) {
    const notes = ['memory: not measured, the guests are not processes of this machine'];
    return { unit: 'MB', series: {}, ratios: {}, goals: [], notes };
  }
  const series = {};
  for (const [state, all] of Object.entries({ unused, used: after })) {
    for (const field of FIELDS) series[`${state}, ${field}`] = summarize(all.map((resident) => resident[field]));
  }
  return {
    unit: 'MB',
    series,
    ratios: {},
    goals: [
      atMost('idle guest', series['unused, VmRSS'].median, RESIDENT_MB, 'MB'),
      atMost('idle guest after a run', series['used, VmRSS'].median, RESIDENT_MB, 'MB'),
    ],
  };
}

/** The megabytes of each guest. Empty where the containers are not on this machine, or hidden from us. */
async function residents(ids) {
  const all = ids ?? (await containersOfOurs()).map(({ Id }) => Id);
  const found = [];
  for (const id of all) {
    const { Pid } = (await inspect(id)).State;
    const status = await readFile(`/proc/${Pid}/status`, 'utf8').catch(() => '');
    // A process of that number may exist here and be somebody else's.
    if (!status.startsWith('Name:\tisol8-init')) continue;
    const kilobytes = (field) => Number(status.match(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm'))?.[1]);
    found.push(Object.fromEntries(FIELDS.map((field) => [field, (kilobytes(field) * 1024) / 1e6])));
  }
  return found;
}
