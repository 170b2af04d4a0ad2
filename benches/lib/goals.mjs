// What we have set ourselves: the numbers that the bench holds its results against.

/** A goal of at most `bound`, where less is better. */
export const atMost = (what, value, bound, unit) => ({ what, value, bound, unit, sense: '≤', met: value <= bound });

/** A goal of at least `bound`, where more is better. */
export const atLeast = (what, value, bound, unit) => ({ what, value, bound, unit, sense: '≥', met: value >= bound });
