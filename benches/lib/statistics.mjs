// The numbers that a series of measurements is reported by.

/** Value below which the share `p` of the sorted `values` lies (nearest rank). */
const quantile = (values, p) => values[Math.min(values.length, Math.max(1, Math.ceil(p * values.length))) - 1];

export function summarize(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)];
  return { median: round(median), p95: round(quantile(sorted, 0.95)), min: round(sorted[0]), n: sorted.length };
}

/** Three decimals: milliseconds to the microsecond. */
export const round = (value) => Math.round(value * 1000) / 1000;
