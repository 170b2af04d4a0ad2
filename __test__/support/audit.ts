/** Audit logs, as whoever reads them later finds them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DockerIsol8Options, ExecutionAudit } from 'isol8';
import { endingEngine } from './any-engine.js';
import { scratch } from './scratch.js';

/** The log file in an audit directory. */
export const logIn = (directory: string): string => join(directory, 'executions.log');

/** The records in the log of a directory, in their order; none if there is no log. */
export function recordsIn(directory: string): ExecutionAudit[] {
  const log = logIn(directory);
  if (!existsSync(log)) return [];
  const text = readFileSync(log, 'utf8');
  if (!text.endsWith('\n')) throw new Error(`the log ends within a record: ${text.slice(-200)}`);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** An engine for the test that is running, whose records go to a directory of its own. */
export async function auditedEngine(audit: DockerIsol8Options['audit'] = {}, options: DockerIsol8Options = {}) {
  const directory = join(scratch(), 'audit');
  const { engine, end } = await endingEngine({ ...options, audit: { enabled: true, logDir: directory, ...audit } });
  /** Its records so far. Ends it: then all of them are written. */
  const records = async () => {
    await end();
    return recordsIn(directory);
  };
  return { engine, directory, records };
}
