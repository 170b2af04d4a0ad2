/**
 * What a failure looks like to the user: one message, then lines of detail. Errors of the engine arrive with a
 * stable `code`, a message that is fit to be shown, and perhaps a `hint`.
 */

/** A failure with advice on what to do next. */
export class Advised extends Error {
  constructor(
    override readonly cause: unknown,
    readonly hints: readonly string[],
  ) {
    super('advice on a failure');
  }
}

export interface Explanation {
  message: string;
  details: string[];
}

/** How what a server says of its own Docker engine begins. */
const AT_SERVER = 'Execution failed: ';

const DOCKER_DOWN = 'Docker is not running or not installed.';

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

export function explain(error: unknown): Explanation {
  if (error instanceof Advised) {
    const { message, details } = explain(error.cause);
    return { message, details: [...details, ...error.hints] };
  }
  if (!(error instanceof Error)) return { message: String(error), details: [] };
  const hint = 'hint' in error && typeof error.hint === 'string' ? [`hint: ${error.hint}`] : [];
  if ('retryAfterMs' in error && typeof error.retryAfterMs === 'number') {
    hint.push(`hint: try again in ${Math.ceil(error.retryAfterMs / 1000)} s`);
  }
  if (hasCode(error, 'DOCKER_UNAVAILABLE') && !error.message.startsWith(AT_SERVER)) {
    // What the engine says after that tells a daemon that is down from a socket that we may not open.
    const cause = error.message.replace(DOCKER_DOWN, '').trim();
    return { message: DOCKER_DOWN, details: [...(cause === '' ? [] : [`  ${cause}`]), ...hint] };
  }
  return { message: error.message, details: hint };
}
