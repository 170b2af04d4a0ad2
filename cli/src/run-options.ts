/**
 * The options of a run: flags first, then what the configuration says, then what the engine takes for granted.
 *
 * At a server, only what the user said goes along, be it with a flag or in the configuration file: of everything else
 * the server has a configuration of its own, and so it has of what holds programs and of what is recorded.
 */
import type { DockerIsol8Options, Isol8Config, Isol8Options } from 'isol8';
import type { Config } from './config.js';
import { isDebug } from './messages.js';
import { networkFilter, networkMode } from './network.js';
import { positiveInteger, positiveNumber } from './numbers.js';
import type { RunFlags } from './run-flags.js';
import { parseSecrets } from './secrets.js';

/** What the flags say. Throws for what makes no sense. */
export function flaggedOptions(flags: RunFlags) {
  const network = networkMode(flags);
  return {
    timeoutMs: positiveInteger('--timeout', flags.timeout),
    cpuLimit: positiveNumber('--cpu', flags.cpu),
    pidsLimit: positiveInteger('--pids-limit', flags.pidsLimit),
    maxOutputSize: positiveInteger('--max-output', flags.maxOutput),
    memoryLimit: flags.memory,
    sandboxSize: flags.sandboxSize,
    tmpSize: flags.tmpSize,
    readonlyRootFs: flags.writable ? false : undefined,
    image: flags.image,
    secrets: parseSecrets(flags.secret ?? []),
    network,
    // Also without the flag: what was blocked is worth a word.
    logNetwork: network === 'filtered',
    persist: flags.persist,
  } satisfies Isol8Options;
}

type Flagged = ReturnType<typeof flaggedOptions>;

/** Options of an engine on this machine. */
export function localOptions(flags: RunFlags, flagged: Flagged, { config, given: inFile }: Config) {
  // What the configuration says of the network is for servers: a run has none unless it is asked for.
  const { network: _, ...defaults } = config.defaults;
  return {
    ...defaults,
    // Unless a file says otherwise, there is as much room as the engine gives: to the agent, more than to a program.
    ...(!inFile.includes('defaults.sandboxSize') && { sandboxSize: undefined }),
    ...given(flagged),
    security: config.security,
    audit: config.audit,
    remoteCode: config.remoteCode,
    mode: flags.persistent ? 'persistent' : 'ephemeral',
    networkFilter: networkFilter(flags, config),
    debug: isDebug(),
    // There is no second run that a spare sandbox could serve.
    poolSize: { clean: 0, dirty: 0 },
  } satisfies DockerIsol8Options;
}

/** What a server is asked for. */
export function remoteOptions(flags: RunFlags, flagged: Flagged, { config, given: inFile }: Config): Isol8Options {
  const { network: _, ...defaults } = config.defaults;
  const said = Object.entries(defaults).filter(([name]) => inFile.includes(`defaults.${name}`));
  return {
    ...Object.fromEntries(said),
    ...given(flagged),
    networkFilter: saidFilter(flags, config, inFile),
    debug: isDebug(),
  };
}

/** As much of a filter as the user said, if anything. */
function saidFilter(flags: RunFlags, config: Isol8Config, inFile: readonly string[]) {
  const isSaid = (name: string) => inFile.includes(`network.${name}`);
  const { ports, allowPrivate, ...patterns } = networkFilter(flags, config);
  if (!flags.allow && !flags.deny && !Object.keys(config.network).some(isSaid)) return undefined;
  return { ...patterns, ...(isSaid('ports') && { ports }), ...(isSaid('allowPrivate') && { allowPrivate }) };
}

/** The same without what was not given, so that it does not hide what stands elsewhere. */
function given<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
