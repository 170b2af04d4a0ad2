/** `config` shows the settings that are in force here, and where they come from. */
import type { Command } from 'commander';
import type { Isol8Config, Quota } from 'isol8';
import { type Config, readConfig } from '../config.js';
import { stdout } from '../output.js';
import { plain } from '../status.js';

interface ConfigFlags {
  json?: boolean;
}

export function registerConfig(program: Command): void {
  program
    .command('config')
    .description('Show the configuration and where it comes from')
    .option('--json', 'as JSON, complete (passwords too)')
    .option('--debug', 'say what is being done')
    .action(showConfig);
}

async function showConfig({ json = false }: ConfigFlags): Promise<void> {
  const read = await readConfig();
  stdout.line(json ? JSON.stringify(read.config, null, 2) : describe(read));
}

/** A list is shown with a line for each value: patterns may well contain commas. */
type Row = [label: string, value: string | readonly string[]];

function describe({ config, source, authDatabase }: Config): string {
  const sections = Object.entries(sectionsOf(config, authDatabase)).map(
    ([name, rows]) => `── ${name} ──\n${table(rows)}`,
  );
  const title = `Isol8 Configuration\nSource: ${source ?? 'defaults (no config file found)'}`;
  return [title, ...sections].join('\n\n');
}

function sectionsOf(config: Isol8Config, authDatabase: string): Record<string, Row[]> {
  const { defaults, network, remoteCode, cleanup, security, audit, auth, server } = config;
  return {
    General: [
      ['Max concurrent', String(config.maxConcurrent)],
      ['Debug', yesNo(config.debug)],
    ],
    Defaults: [
      ['Timeout', `${defaults.timeoutMs}ms`],
      ['Memory', defaults.memoryLimit],
      ['CPU', String(defaults.cpuLimit)],
      ['Network', defaults.network],
      ['Sandbox', defaults.sandboxSize],
      ['Tmp', defaults.tmpSize],
      ['Read-only root', yesNo(defaults.readonlyRootFs)],
    ],
    'Network Filter': [
      ['Whitelist', network.whitelist],
      ['Blacklist', network.blacklist],
      ['Ports', network.ports.join(', ')],
      ['Private', network.allowPrivate],
    ],
    'Remote Code': [
      ['Enabled', yesNo(remoteCode.enabled)],
      ['Schemes', remoteCode.allowedSchemes],
      ['Allowed hosts', remoteCode.allowedHosts.length === 0 ? '(all)' : remoteCode.allowedHosts],
      ['Blocked hosts', remoteCode.blockedHosts],
      ['Max size', `${remoteCode.maxCodeSize} bytes`],
      ['Fetch timeout', `${remoteCode.fetchTimeoutMs}ms`],
      ['Require hash', yesNo(remoteCode.requireHash)],
      ['Cache', remoteCode.enableCache ? `${remoteCode.cacheTtl}s` : 'no'],
    ],
    Cleanup: [
      ['Auto-prune', yesNo(cleanup.autoPrune)],
      ['Max idle', withMinutes(cleanup.maxContainerAgeMs)],
    ],
    'Pool Defaults (Serve)': [
      ['Strategy', config.poolStrategy],
      ['Size', poolSize(config.poolSize)],
    ],
    Security: [
      ['Seccomp', security.seccomp],
      ['Custom profile', security.customProfilePath ?? NONE],
      ['OCI runtime', security.runtime ?? "(Docker's default)"],
    ],
    Audit: [
      ['Enabled', yesNo(audit.enabled)],
      ['Destination', audit.destination],
      ['Directory', audit.logDir ?? '(ISOL8_AUDIT_DIR, else ./.isol8_audit)'],
      ['Post-log script', audit.postLogScript ?? NONE],
      ['Track resources', yesNo(audit.trackResources)],
      ['Retention', audit.retentionDays > 0 ? `${audit.retentionDays} days` : 'for ever'],
      ['Include code', yesNo(audit.includeCode)],
      ['Include output', yesNo(audit.includeOutput)],
    ],
    Auth: [
      ['Enabled', yesNo(auth.enabled)],
      ['Database', authDatabase],
      ['Default key TTL', withMinutes(auth.defaultTtlMs)],
      ['Cleanup interval', withMinutes(auth.cleanupIntervalMs)],
    ],
    'Server Limits': limits(server.limits),
    Server: [
      ['Max connections', String(server.maxConnections)],
      ['Time to shut down', `${server.shutdownTimeoutMs}ms`],
    ],
    'Prebuilt Images': config.prebuiltImages.map(({ tag, runtime, installPackages, setupScript }) => {
      const packages = installPackages.join(', ') || 'no packages';
      return [tag, `${runtime}: ${packages}${setupScript ? ', with a setup script' : ''}`];
    }),
    Dependencies: Object.entries(config.dependencies).map(([runtime, packages]) => [
      runtime,
      packages.join(', ') || NONE,
    ]),
  };
}

const NONE = '(none)';

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');

function poolSize(size: Isol8Config['poolSize']): string {
  return typeof size === 'number' ? String(size) : `${size.clean},${size.dirty}`;
}

function limits(limits: Isol8Config['server']['limits']): Row[] {
  return [
    ['Timeout', `${limits.timeoutMs}ms`],
    ['Memory', limits.memoryLimit],
    ['CPU', String(limits.cpuLimit)],
    ['Processes', String(limits.pidsLimit)],
    ['Sandbox', limits.sandboxSize],
    ['Tmp', limits.tmpSize],
    ['Output', `${limits.maxOutputSize} bytes`],
    ['Network modes', limits.network],
    ['Images', limits.images],
    ['Writable root', yesNo(limits.writableRoot)],
    ['Persist', yesNo(limits.persist)],
    ['Body', limits.bodySize],
    ['Per key', quota(limits.perKey)],
    ['Per tenant', quota(limits.perTenant)],
    ['Queue', String(limits.queue)],
    ['Sessions', String(limits.sessions)],
  ];
}

function quota({ concurrent, perMinute }: Quota): string {
  const parts = [
    ...(concurrent === undefined ? [] : [`${concurrent} at a time`]),
    ...(perMinute === undefined ? [] : [`${perMinute} a minute`]),
  ];
  return parts.join(', ') || '(no limit)';
}

function withMinutes(milliseconds: number): string {
  const minutes = Number((milliseconds / 60_000).toFixed(1));
  return `${milliseconds}ms (${minutes} ${minutes === 1 ? 'minute' : 'minutes'})`;
}

/** Values come from a file that may be someone else's: none may take hold of the terminal. */
function table(rows: Row[]): string {
  if (rows.length === 0) return `  ${NONE}`;
  const width = Math.max(...rows.map(([label]) => label.length)) + 3;
  const lines = rows.flatMap(([label, value]) => {
    const [first = NONE, ...others] = [value].flat().map(plain);
    return [`${plain(label)}:`.padEnd(width) + first, ...others.map((other) => ' '.repeat(width) + other)];
  });
  return lines.map((line) => `  ${line}`).join('\n');
}
