/** `DockerIsol8`: the native engine, with what only JavaScript can give it. */

/// <reference lib="esnext.disposable" preserve="true" />

import {
  type CleanupResult,
  type DockerConnection,
  type DockerIsol8Options,
  type ExecutionRequest,
  type ExecutionResult,
  DockerIsol8 as NativeEngine,
  type StartOptions,
} from '../index.js';
import { adapterFor, prewarming } from './custom-runtime.js';
import { disposable } from './dispose.js';
import { buffered, type ExecutionEvents, type ExecutionOptions, streamed } from './live.js';
import type { Isol8Engine } from './types/engine.js';

/** Runs untrusted code in locked-down containers on a Docker engine. */
export class DockerIsol8 implements Isol8Engine {
  readonly #native: NativeEngine;

  /** Stops the engine at the end of an `await using`. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /**
   * Checks the options; throws if one makes no sense. Nothing is connected or started yet. At most
   * `maxConcurrent` (default 10) executions run at a time, the others wait their turn.
   */
  constructor(options?: DockerIsol8Options | null, maxConcurrent?: number | null) {
    this.#native = new NativeEngine(options, maxConcurrent);
  }

  /** Connects to Docker and makes sandboxes ready. Optional: the first execution does what is missing. */
  async start(options?: StartOptions | null): Promise<void> {
    return this.#native.start(...prewarming(options));
  }

  /** Ends every execution that has begun and removes every container of this engine. It can be used again at once. */
  stop(): Promise<void> {
    return this.#native.stop();
  }

  /** Runs a request and resolves when the program has ended, whatever its exit code. */
  execute(request: ExecutionRequest, options?: ExecutionOptions): Promise<ExecutionResult> {
    return buffered(request, options, (given, controls) =>
      this.#native.execute(given, controls, adapterFor(this.#native, request)),
    );
  }

  /** Runs a request and yields its output as it comes. Leaving the loop early kills the program. */
  executeStream(request: ExecutionRequest, options?: ExecutionOptions): ExecutionEvents {
    return streamed(request, options, (given, controls) =>
      this.#native.executeStream(given, controls, adapterFor(this.#native, request)),
    );
  }

  /** Writes a file in the container of a persistent engine: an absolute path, or one relative to `/sandbox`. */
  putFile(path: string, content: string | Uint8Array): Promise<void> {
    return this.#native.putFile(path, content);
  }

  /** Reads a file in the container of a persistent engine, at most 256 MiB long. */
  getFile(path: string): Promise<Buffer> {
    return this.#native.getFile(path);
  }

  /** Id of the container of a persistent engine; `null` for others. */
  get containerId(): string | null {
    return this.#native.containerId;
  }

  /**
   * Removes isol8 containers, running or not, except those that another living process owns: all of them, or those
   * with these full ids, as `listContainers` gives them.
   */
  static cleanup(docker?: DockerConnection | null, ids?: string[] | null): Promise<CleanupResult> {
    return NativeEngine.cleanup(docker, ids);
  }

  /** Removes isol8 images: all of them, or those with these ids, as `listImages` gives them. */
  static cleanupImages(docker?: DockerConnection | null, ids?: string[] | null): Promise<CleanupResult> {
    return NativeEngine.cleanupImages(docker, ids);
  }
}

disposable(DockerIsol8);
