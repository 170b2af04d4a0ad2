/**
 * Signals that end a run. The first asks: the run is stopped and cleaned up. A second one, or a clean-up that
 * outlasts its limit, ends the process at once; the sandbox then goes by itself, since its guest reads end of file.
 */
import { Exit } from './exit.js';

/** How long cleaning up may take. */
export const STOP_LIMIT_MS = 5000;

/** Resolves with our exit code when the first signal arrives. From this call on, signals no longer kill us. */
export function interruption(): Promise<number> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (code: number) => {
      if (asked) process.exit(code);
      asked = true;
      // Also bounds the last flush, which would wait for ever on a reader that has stopped reading.
      setTimeout(() => process.exit(code), STOP_LIMIT_MS);
      resolve(code);
    };
    process.on('SIGINT', () => ask(Exit.Interrupted));
    process.on('SIGTERM', () => ask(Exit.Terminated));
  });
}
