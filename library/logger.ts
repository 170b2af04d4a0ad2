/** `logger`: what isol8 has to say, on the console of whoever uses it. */

let debugging = false;

/** Prints on the console of the moment, so that a console that was replaced later is used. */
export const logger = {
  /** Whether `debug` prints. It does not at first. */
  setDebug(enabled: boolean): void {
    debugging = enabled;
  },

  /** What only matters when looking for a fault. */
  debug(...details: unknown[]): void {
    if (debugging) console.log('[DEBUG]', ...details);
  },

  /** What users want to know. */
  info(...details: unknown[]): void {
    console.log(...details);
  },

  /** What may be wrong. */
  warn(...details: unknown[]): void {
    console.warn('[WARN]', ...details);
  },

  /** What went wrong. */
  error(...details: unknown[]): void {
    console.error('[ERROR]', ...details);
  },
};
