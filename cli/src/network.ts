/** The network of a run: which mode, which filter, and what is said of it afterwards. */
import type { Isol8Config, NetworkLogEntry, NetworkMode } from 'isol8';
import { say } from './messages.js';
import type { Output } from './output.js';
import { plain } from './status.js';

export const NETWORK_MODES = ['none', 'host', 'filtered'] as const satisfies NetworkMode[];

export interface NetworkFlags {
  net?: NetworkMode;
  allow?: string[];
  deny?: string[];
  install?: string[];
}

/** Hosts that are named after a run; more would hide what the program printed. */
const MAX_NAMED = 5;

/**
 * What was asked for; else what it takes to install packages, or nothing at all. The mode in the configuration is for
 * servers. The package registries are let through by the engine, which knows from the image which they are.
 */
export function networkMode({ net, install }: NetworkFlags): NetworkMode {
  return net ?? (install ? 'filtered' : 'none');
}

/** The filter: the patterns that were given, or else those of the configuration. */
export function networkFilter({ allow, deny }: NetworkFlags, { network }: Isol8Config) {
  return { ...network, whitelist: allow ?? network.whitelist, blacklist: deny ?? network.blacklist };
}

/** Says which hosts a program was kept from, and for each why, and how it would be let through. */
export function summarizeBlocks(logs: NetworkLogEntry[], stderr: Output): void {
  const blocked = [...new Set(logs.filter(({ action }) => action === 'BLOCK').map(described))];
  if (blocked.length === 0) return;
  say('WARN', 'The network filter blocked requests to:', stderr);
  for (const what of blocked.slice(0, MAX_NAMED)) stderr.line(`  ${what}`);
  if (blocked.length > MAX_NAMED) stderr.line(`  and ${blocked.length - MAX_NAMED} more`);
}

/** A host, and what the program was told of it: `example.com (not-whitelisted; to allow it: ...)`. */
function described({ host, block }: NetworkLogEntry): string {
  return plain(block ? `${host} (${block})` : host);
}

/** All that a program asked of the network, one JSON object per line. */
export function printLogs(logs: NetworkLogEntry[], stderr: Output): void {
  if (logs.length === 0) return;
  stderr.line('');
  stderr.line('--- Network Logs ---');
  for (const entry of logs) stderr.line(JSON.stringify(entry));
}
