/** A server of isol8 in this process, on loopback. */
import { createServer, type Isol8UserConfig, RemoteIsol8, type RemoteIsol8Options } from 'isol8';
import { afterAll } from 'vitest';

/** The master key of every server of the tests. */
export const KEY = 'the-master-key-of-the-tests';

export interface LiveServer {
  host: string;
  /** Another client of it, or of one of its sessions. */
  client(more?: Partial<RemoteIsol8Options>): RemoteIsol8;
  /** Ends it before the tests do. */
  shutdown(): Promise<void>;
}

/** Starts one for the tests of this file. */
export async function liveServer(config: Isol8UserConfig = {}): Promise<LiveServer> {
  const server = await createServer({ port: 0, host: '127.0.0.1', apiKey: KEY, config });
  const host = `http://127.0.0.1:${server.port}`;
  afterAll(() => server.shutdown());
  return {
    host,
    client: (more) => new RemoteIsol8({ host, apiKey: KEY, ...more }),
    shutdown: () => server.shutdown(),
  };
}
