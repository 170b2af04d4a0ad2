/** What clients and servers of isol8 say to each other, and how they are set up. */

import type { ExecutionRequest, Isol8UserConfig, NetworkLogEntry, ServerCleanup, StreamEvent } from '../../index.js';
import type { Isol8Options } from './engine.js';

/** How a server is set up. */
export interface ServerOptions {
  /** The TCP port that it listens on; 0 for any that is free. */
  port: number;
  /** The master key, which clients show. */
  apiKey: string;
  /** The address or host name that it listens on. Default: all addresses of this machine. */
  host?: string;
  /** Whether there is a page for browsers, the console, at its root. Default true. */
  console?: boolean;
  /** Log what it does. Default: what the configuration says. */
  debug?: boolean;
  /** Log every request as a line of JSON on standard error. Default false. */
  logRequests?: boolean;
  /** Where further keys are kept: a file, or the URL of a database. Default: what the configuration says. */
  authDbPath?: string;
  /** The directory whose configuration file counts, if there is one. Default: the working directory. */
  cwd?: string;
  /** The configuration, instead of what a file says. */
  config?: Isol8UserConfig;
}

/** A server that accepts requests. The process does not end by itself before it is shut down. */
export interface Isol8Server {
  /** The port that it listens on. */
  readonly port: number;
  /** The address that it listens on. */
  readonly address: string;
  /** The database of its keys, if there is one, as it can be shown: without a password. */
  readonly authDatabase: string | undefined;
  /** Resolves with where it listens, which it does from the start. */
  listen(): Promise<{ port: number; address: string }>;
  /** Ends all sessions and executions and removes their containers, and isol8's images unless told otherwise. */
  cleanup(includeImages?: boolean): Promise<ServerCleanup>;
  /**
   * Takes no more requests, lets executions end until a deadline and ends the rest, answers all, and removes every
   * container of this server; with `includeImages`, isol8's images as well.
   */
  shutdown(includeImages?: boolean): Promise<void>;
  /** The same as `shutdown()`. */
  close(): Promise<void>;
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
  /** Whose it is; only told to holders of the master key. */
  tenantId?: string;
}

/** Which key a server is to make. */
export interface LoginOptions {
  /** What the server calls it. */
  name?: string;
  /** Milliseconds for which it is valid; the server says when absent. */
  ttlMs?: number;
}

/** A key that a server has made. */
export interface Login {
  /** The key. */
  token: string;
  /** When it stops being valid, ISO 8601. */
  expiresAt: string;
  /** By which the server's operator knows it. */
  keyId: string;
}

/** What a client sends over a WebSocket. */
export type WsClientMessage =
  | {
      /** Run this; the first message, once. */
      type: 'execute';
      request: ExecutionRequest;
      options?: Isol8Options;
      sessionId?: string;
      /**
       * Whether `stdin` messages follow, which the program reads until one says that it is the last. Without it standard
       * input is what the request says, and such messages are ignored.
       */
      liveStdin?: boolean;
    }
  | {
      /** Standard input of the program: what it reads next, and whether that was all. */
      type: 'stdin';
      data?: string | { base64: string };
      end?: boolean;
    }
  | {
      /** Send this signal to the program. */
      type: 'signal';
      signal: 'SIGINT' | 'SIGTERM';
    };

/**
 * What a server sends over a WebSocket. One of the type `error` without a phase says that the execution failed; nothing
 * follows it.
 */
export interface WsServerMessage extends StreamEvent {
  /** What kind of failure, where the execution failed. */
  code?: string;
  /** When another try may be worth it, in milliseconds, where the execution failed for want of room or of a turn. */
  retryAfterMs?: number;
  /** With the last `exit`: what the program asked of the network, where the options ask for it. */
  networkLogs?: NetworkLogEntry[];
  /** With the last `exit`: how long installing packages took, in milliseconds, if any were asked for. */
  installMs?: number;
}
