/** Waiting for something that happens elsewhere: looks again and again, and gives up with a reason. */
import { setTimeout as pause } from 'node:timers/promises';

const INTERVAL_MS = 20;

/**
 * Resolves with what `look` found: anything but `undefined`, `null` or `false`. Fails when it has found nothing
 * after `deadlineMs`, naming `what` it waited for and what it saw last.
 */
export async function until<T>(
  what: string,
  deadlineMs: number,
  look: () => T | Promise<T>,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) {
      return found as Exclude<T, undefined | null | false>;
    }
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await pause(INTERVAL_MS);
  }
}

/** Fails when `promise` has not settled after `deadlineMs`, so that a hang has a name. */
export async function within<T>(what: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
  const late = new AbortController();
  const alarm = pause(deadlineMs, undefined, { signal: late.signal }).then(
    () => Promise.reject(new Error(`not done after ${deadlineMs} ms: ${what}`)),
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([promise, alarm]);
  } finally {
    late.abort();
  }
}
