/** What is recorded of executions. */

import type { NetworkLogEntry, ResourceUsage, Runtime } from '../../index.js';

/** Something that a program tried and was kept from. */
export interface SecurityEvent {
  /** What kind of attempt, such as `network_blocked`. */
  type: string;
  /** The same in words. */
  message: string;
  /** What it was about. */
  details?: Record<string, unknown>;
  /** When, ISO 8601. */
  timestamp: string;
}

/** The record of one execution: a line of the log file. */
export interface ExecutionAudit {
  /** Id of the execution, as in its result. */
  executionId: string;
  /** `metadata.userId` of the request, or nothing. */
  userId: string;
  /** Start of the execution, ISO 8601. */
  timestamp: string;
  /** The runtime. */
  runtime: Runtime;
  /** SHA-256 of the source text or command line, in hexadecimal. */
  codeHash: string;
  /** Id of the container that it ran in, or nothing. */
  containerId: string;
  /** Exit code of the program. */
  exitCode: number;
  /** Wall time of the program. */
  durationMs: number;
  /** What it used, if that is tracked. */
  resourceUsage?: ResourceUsage;
  /** What it was kept from, if anything. */
  securityEvents?: SecurityEvent[];
  /** How many more there were than are listed, if any. */
  droppedSecurityEvents?: number;
  /** Its requests, if they are logged and there were any. */
  networkLogs?: NetworkLogEntry[];
  /** How many more there were than are listed, if any. */
  droppedNetworkLogs?: number;
  /** What the request brought along for the record. */
  metadata?: Record<string, string>;
  /** The source text, if it is recorded. */
  code?: string;
  /** Standard output, masked, if it is recorded. */
  stdout?: string;
  /** Standard error, likewise. */
  stderr?: string;
  /** The server's tenant that it ran for. */
  tenantId?: string;
  /** Why it failed, if it did. */
  error?: string;
}
