/** How long executions take, from what the server tells monitoring systems. */

const HISTOGRAM = 'isol8_phase_seconds_bucket{';

/** How many executions took at most so many seconds, all told: pairs of both, the shortest time first. */
export function buckets(metrics) {
  const counts = [];
  for (const line of metrics.split('\n')) {
    if (!line.startsWith(HISTOGRAM) || !line.includes('phase="total"')) continue;
    const [, bound] = /le="([^"]+)"/.exec(line) ?? [];
    if (bound)
      counts.push([bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), Number(line.split(' ').at(-1))]);
  }
  return counts.sort(([a], [b]) => a - b);
}

/** How many executions ended between two looks. */
export const ended = (earlier, later) => (later.at(-1)?.[1] ?? 0) - (earlier.at(-1)?.[1] ?? 0);

/** Seconds within which `share` of the executions between two looks took place; `undefined` if there were none. */
export function quantile(earlier, later, share) {
  const before = new Map(earlier);
  const rank = share * ended(earlier, later);
  if (!(rank > 0)) return undefined;
  let [low, below] = [0, 0];
  for (const [bound, count] of later) {
    const within = count - (before.get(bound) ?? 0);
    // Longer than the longest that is told apart.
    if (within >= rank && !Number.isFinite(bound)) return low;
    // Where it is between the two bounds nobody knows; evenly spread is a fair guess.
    if (within >= rank) return low + ((bound - low) * (rank - below)) / (within - below);
    [low, below] = [bound, within];
  }
  return undefined;
}
