// All cases, by the names that --only and the JSON use. Each is a function of { name, options, progress,
// cleanup } that resolves with { unit, series, ratios, goals, notes? }.

import { bookkeeping } from './bookkeeping.mjs';
import { cold } from './cold.mjs';
import { memory } from './memory.mjs';
import { network } from './network.mjs';
import { stream } from './stream.mjs';
import { PROGRAMS, warm } from './warm.mjs';

export const CASES = {
  ...Object.fromEntries(Object.keys(PROGRAMS).map((runtime) => [runtime, warm])),
  bookkeeping,
  cold,
  stream,
  memory,
  network,
};
