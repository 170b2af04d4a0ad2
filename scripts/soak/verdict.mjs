// What the figures of a soak mean.

/** Memory may grow this much from the second quarter of the time to the last. */
const GROWTH_MIB = 24;
/** Fewer samples than this say nothing about memory. */
const LEAST_SAMPLES = 8;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Growth in MiB between two quarters of the samples, or undefined if there are too few. */
export function growth(memory) {
  if (memory.length < LEAST_SAMPLES) return undefined;
  const quarter = Math.floor(memory.length / 4);
  return median(memory.slice(-quarter)) - median(memory.slice(quarter, 2 * quarter));
}

/** Everything that is wrong, in words. */
export function verdict({ final, left }) {
  if (!final) return ['the load did not come to its end'];
  const { tally, problems, before, after, memory } = final;
  const grown = growth(memory);
  return [
    ...problems.map((problem) => `a request: ${problem}`),
    ...(tally.begun === tally.settled ? [] : [`${tally.begun - tally.settled} requests are unaccounted for`]),
    ...(tally.asPlanned > 0 ? [] : ['nothing ever went well']),
    ...left.map((container) => `a container is left: ${container}`),
    ...(after.open <= before.open ? [] : [`descriptors: ${before.open} before, ${JSON.stringify(after.kinds)} after`]),
    ...(grown === undefined || grown <= GROWTH_MIB ? [] : [`memory has grown by ${grown.toFixed(1)} MiB`]),
  ];
}

/** All figures, for people. */
export function table({ seed, minutes, final, chaos, found }) {
  const rows = [
    ['seed', seed],
    ['minutes', minutes],
  ];
  if (final) {
    const { tally, before, after, memory } = final;
    const grown = growth(memory);
    rows.push(['requests begun', tally.begun], ['settled', tally.settled], ['as planned', tally.asPlanned]);
    rows.push(['excused by chaos', tally.excused], ['unaccounted for', tally.begun - tally.settled]);
    for (const [outcome, count] of sorted(tally.outcomes)) rows.push([`  ended as ${outcome}`, count]);
    rows.push(['descriptors before, after', `${before.open}, ${after.open}`]);
    rows.push(['memory, least and most', `${range(memory)} MiB`]);
    rows.push(['memory, growth', grown === undefined ? 'too short a time to tell' : `${grown.toFixed(1)} MiB`]);
  }
  for (const [what, count] of sorted(chaos)) rows.push([`  chaos: ${what}`, count]);
  rows.push(['problems', found.length]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  return `${[...lines, ...found.map((problem) => `PROBLEM: ${problem}`)].join('\n')}\n`;
}

const sorted = (counts) => Object.entries(counts).sort(([, a], [, b]) => b - a);

const range = (memory) =>
  memory.length ? `${Math.min(...memory).toFixed(0)}, ${Math.max(...memory).toFixed(0)}` : '-';
