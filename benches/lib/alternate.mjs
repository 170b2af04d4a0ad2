// Measures several things in turns: A, B, A, B.

import { setTimeout as sleep } from 'node:timers/promises';

/** What one measurement leaves to do (a reset, a removal) must not fall into the next one's time. */
const PAUSE_MS = 25;

/**
 * Calls every function of `sides` once per round and resolves with what each returned, by name. The
 * first `warmup` rounds are forgotten.
 */
export async function alternate(sides, { runs, warmup = 0, pause = PAUSE_MS, onRound = () => {} }) {
  const seen = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let round = -warmup; round < runs; round++) {
    for (const [name, measure] of Object.entries(sides)) {
      await sleep(pause);
      const value = await measure();
      if (round >= 0) seen[name].push(value);
    }
    onRound(round + 1);
  }
  return seen;
}

/** Milliseconds that `action` takes, and what it resolves with. */
export async function timed(action) {
  const began = performance.now();
  const value = await action();
  return { ms: performance.now() - began, value };
}
