/** Runs at a server: as whom, in which session, and what of the settings on this machine is sent there. */
import { randomBytes } from 'node:crypto';
import type { ExecutionRequest, ExecutionResult, RemoteIsol8 } from 'isol8';
import { clientKey, type KeyFlags } from './api-key.js';
import type { Engine, Events } from './execution.js';
import { baseUrl } from './host.js';

/** What the flags of a command say of a server. */
export interface ServerFlags extends KeyFlags {
  host: string;
}

/** A session that outlasts this process, or one that is its own. */
export interface Session {
  id: string;
  isNamed: boolean;
}

/** The session of a run, if it has one. Two that begin in the same millisecond do not share theirs (W87). */
export function chooseSession(flags: { sessionId?: string; persistent?: boolean }): Session | undefined {
  if (flags.sessionId !== undefined) return { id: flags.sessionId, isNamed: true };
  if (!flags.persistent) return undefined;
  return { id: `cli-${Date.now()}-${randomBytes(6).toString('hex')}`, isNamed: false };
}

/** Where the server is, and the key to show to it. */
export async function serverOf(flags: ServerFlags): Promise<{ host: string; apiKey: string }> {
  return { host: baseUrl(flags.host), apiKey: await clientKey(flags, flags.host) };
}

/** An engine that ends its executions when it is stopped, and leaves its session alone: it is somebody's who named it. */
export class LeavingTheSession implements Engine {
  readonly #stopped = new AbortController();

  constructor(private readonly remote: RemoteIsol8) {}

  execute(request: ExecutionRequest): Promise<ExecutionResult> {
    return this.remote.execute(request, { signal: this.#stopped.signal });
  }

  executeStream(request: ExecutionRequest): Events {
    return this.remote.executeStream(request, { signal: this.#stopped.signal });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
  }
}
