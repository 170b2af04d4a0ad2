/** What all engines have in common, wherever they run their containers. */

import type { DockerIsol8Options, ExecutionRequest, ExecutionResult, StartOptions, StreamEvent } from '../../index.js';
import type { ExecutionOptions } from '../live.js';

/** Options of an engine, wherever it runs its containers. */
export type Isol8Options = Omit<DockerIsol8Options, 'docker'>;

/** Runs untrusted code. */
export interface Isol8Engine {
  /** Connects, and makes ready what can be made ready. Optional, and may be called again. */
  start(options?: StartOptions): Promise<void>;
  /** Releases everything. Safe at any time; the engine can be used again afterwards. */
  stop(): Promise<void>;
  /** Runs a request and resolves when the program has ended, whatever its exit code. */
  execute(request: ExecutionRequest, options?: ExecutionOptions): Promise<ExecutionResult>;
  /** Runs a request and yields its output as it comes. Leaving the loop early kills the program. */
  executeStream(request: ExecutionRequest, options?: ExecutionOptions): AsyncIterable<StreamEvent>;
  /** Writes a file in the container of a persistent engine: an absolute path, or one relative to `/sandbox`. */
  putFile(path: string, content: string | Uint8Array): Promise<void>;
  /** Reads a file in the container of a persistent engine. */
  getFile(path: string): Promise<Buffer>;
}
