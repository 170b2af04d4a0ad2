/** `RemoteIsol8`: the native client, and what has to be JavaScript. */

/// <reference lib="esnext.disposable" preserve="true" />

import {
  type ExecutionRequest,
  type ExecutionResult,
  RemoteIsol8 as NativeClient,
  type StartOptions,
} from '../index.js';
import { disposable } from './dispose.js';
import { buffered, type ExecutionEvents, type ExecutionOptions, streamed } from './live.js';
import type { Isol8Engine, Isol8Options } from './types/engine.js';
import type { Login, LoginOptions, RemoteIsol8Options, SessionInfo } from './types/server.js';

/** Runs untrusted code on a server of isol8. */
export class RemoteIsol8 implements Isol8Engine {
  readonly #native: NativeClient;

  /** Stops the client at the end of an `await using`. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /**
   * Checks what it is given; throws if it makes no sense. Nobody is connected to yet. What `options` leave open is for
   * the server to say, whose operator also bounds them; runtimes are the server's, too, and not those that this process
   * has registered.
   */
  constructor(remote: RemoteIsol8Options, options?: Isol8Options | null) {
    this.#native = new NativeClient(remote, options);
  }

  /** Asks the server whether it is well. Optional; what else an engine could make ready, the server does by itself. */
  async start(_options?: StartOptions | null): Promise<void> {
    return this.#native.start();
  }

  /**
   * Ends every execution that has begun, and the session, if there is one, with all that is in it. The client can be used
   * again at once. Never fails: a server that cannot be told ends them in its own time.
   */
  stop(): Promise<void> {
    return this.#native.stop();
  }

  /** Runs a request and resolves when the program has ended, whatever its exit code. */
  execute(request: ExecutionRequest, options?: ExecutionOptions): Promise<ExecutionResult> {
    return buffered(request, options, (given, controls) => this.#native.execute(given, controls));
  }

  /** Runs a request and yields its output as it comes. Leaving the loop early kills the program. */
  executeStream(request: ExecutionRequest, options?: ExecutionOptions): ExecutionEvents {
    return streamed(request, options, (given, controls) => this.#native.executeStream(given, controls));
  }

  /** Writes a file in the session's sandbox: an absolute path, or one relative to `/sandbox`. */
  putFile(path: string, content: string | Uint8Array): Promise<void> {
    return this.#native.putFile(path, content);
  }

  /** Reads a file in the session's sandbox, at most 256 MiB long. */
  getFile(path: string): Promise<Buffer> {
    return this.#native.getFile(path);
  }

  /** The sessions of the server that the key may see. */
  async listSessions(): Promise<SessionInfo[]> {
    return (await this.#native.listSessions()) as SessionInfo[];
  }

  /** Ends a session with all that is in it. One that does not exist is fine. */
  deleteSession(id: string): Promise<void> {
    return this.#native.deleteSession(id);
  }

  /** Has the server make a key, which only holders of its master key can. */
  async login({ name, ttlMs }: LoginOptions = {}): Promise<Login> {
    return (await this.#native.login(name, ttlMs)) as Login;
  }
}

disposable(RemoteIsol8);
