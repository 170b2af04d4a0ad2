/** Progress of image builds: a live line on a terminal, and plain lines elsewhere. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BuildProgress } from 'isol8';
import { debug, say } from './messages.js';
import { stderr } from './output.js';
import { plain, StatusLine } from './status.js';

/** Builds of base images: every runtime gets a line with what came of it. */
export class BaseReport {
  failed = false;
  readonly #status = new StatusLine();
  #step = '';

  take({ runtime, status, message }: BuildProgress): void {
    const text = message ? `${runtime}: ${plain(message)}` : runtime;
    switch (status) {
      case 'building':
        this.#building(message ? text : `${runtime}: building`);
        return;
      case 'done':
        this.end();
        say('OK', text);
        return;
      case 'error':
        this.end();
        this.failed = true;
        say('ERR', text);
        return;
    }
  }

  end(): void {
    this.#status.clear();
  }

  #building(step: string): void {
    if (stderr.isTTY) this.#status.show(step);
    else if (step !== this.#step) say('INFO', step);
    this.#step = step;
  }
}

/** A custom image, once it is there. */
export interface Built {
  tag: string;
  /** Whether it was up to date already. */
  wasThere: boolean;
}

/** What `build` builds, with what it is doing shown on a terminal. */
export async function showingProgress(
  what: string,
  build: (onProgress: (progress: BuildProgress) => void) => Promise<string>,
): Promise<Built> {
  const status = new StatusLine();
  let wasThere = false;
  status.show(`${what}: building`);
  try {
    const tag = await build(({ status: stage, message = '' }) => {
      if (stage === 'done') wasThere = message !== '';
      if (stage !== 'building' || message === '') return;
      status.show(`${what}: ${message}`);
      debug('Build', plain(message));
    });
    await lastProgress();
    return { tag, wasThere };
  } finally {
    status.clear();
  }
}

/** The last progress call and the result reach us independently, though in the same turn of the event loop. */
export const lastProgress = (): Promise<void> => nextTurn();
