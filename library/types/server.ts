/** What clients and servers of isol8 say to each other, and how they are set up. */

import type { ExecutionRequest, StreamEvent } from '../../index.js';
import type { Isol8Options } from './engine.js';

/** How a server is set up. */
export interface ServerOptions {
  /** The TCP port that it listens on. */
  port: number;
  /** The master key, which clients show. */
  apiKey: string;
  /** Log what it does. Default false. */
  debug?: boolean;
  /** Where further keys are kept: a file, or the URL of a database. */
  authDbPath?: string;
}

/** Which server a client talks to. */
export interface RemoteIsol8Options {
  /** Its base URL. */
  host: string;
  /** The key that the client shows. */
  apiKey: string;
  /** The session whose sandbox all executions share; each has one of its own when absent. */
  sessionId?: string;
}

/** A session of a server. */
export interface SessionInfo {
  /** The name that its client gave it. */
  id: string;
  /** Whether something runs in it right now. */
  isActive: boolean;
  /** When it was last used, ISO 8601. */
  lastAccessedAt: string;
}

/** What a client sends over a WebSocket. */
export type WsClientMessage =
  | {
      /** Run this; the first message, once. */
      type: 'execute';
      request: ExecutionRequest;
      options?: Isol8Options;
      sessionId?: string;
    }
  | {
      /** Pass this on to the program's standard input. */
      type: 'stdin';
      data: string;
    }
  | {
      /** Send this signal to the program. */
      type: 'signal';
      signal: 'SIGINT' | 'SIGTERM';
    };

/** What a server sends over a WebSocket. */
export type WsServerMessage = StreamEvent;
