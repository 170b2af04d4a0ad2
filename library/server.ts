/** `createServer`: the native server, kept alive for as long as it listens. */

import { type NativeServer, type ServerCleanup, startServer } from '../index.js';
import type { Isol8Server, ServerOptions } from './types/server.js';

/** The longest that a timer can wait. */
const FOR_EVER = 2 ** 31 - 1;

/**
 * Reads the configuration, prepares what it asks for, and resolves when the server accepts requests. Whoever has the
 * `apiKey` can do everything; it is never logged.
 */
export async function createServer(options: ServerOptions): Promise<Isol8Server> {
  return new Listening(await startServer(options));
}

class Listening implements Isol8Server {
  readonly #native: NativeServer;
  /**
   * Node.js ends when nothing is left to do, and knows nothing of what the addon does. It refers to this, so that a server
   * that nobody has kept goes on as well.
   */
  readonly #alive: NodeJS.Timeout;
  #ended: Promise<void> | undefined;

  constructor(native: NativeServer) {
    this.#native = native;
    this.#alive = setInterval(() => this, FOR_EVER);
  }

  get port(): number {
    return this.#native.port;
  }

  get address(): string {
    return this.#native.address;
  }

  get authDatabase(): string | undefined {
    return this.#native.authDatabase ?? undefined;
  }

  async listen(): Promise<{ port: number; address: string }> {
    return { port: this.port, address: this.address };
  }

  cleanup(includeImages = true): Promise<ServerCleanup> {
    return this.#native.cleanup(includeImages);
  }

  shutdown(includeImages = false): Promise<void> {
    this.#ended ??= this.#end(includeImages);
    return this.#ended;
  }

  close(): Promise<void> {
    return this.shutdown();
  }

  async #end(includeImages: boolean): Promise<void> {
    try {
      await this.#native.shutdown();
      if (includeImages) await this.#native.cleanup(true);
    } finally {
      clearInterval(this.#alive);
    }
  }
}
