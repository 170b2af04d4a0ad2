/* eslint-disable */

/** A language that isol8 can run, or the coding agent, whose programs are prompts. */
export type Runtime = 'python' | 'node' | 'bun' | 'bash' | 'deno' | 'agent'

/** What programs can reach on the network. */
export type NetworkMode = 'none' | 'host' | 'filtered'

/** Where executions get their sandbox from, and what becomes of it. */
export type Isol8Mode = 'ephemeral' | 'persistent'


/** What a configuration says, with defaults for all that its file leaves open. */
export interface Isol8Config {
  /** Whether the command line and the server say what they are doing. Default false. */
  debug: boolean
  /** Most executions at a time. Default 10. */
  maxConcurrent: number
  /** Limits of an execution for which nothing else is said. */
  defaults: Isol8Defaults
  /** Which hosts can be reached in the network mode `filtered`. */
  network: WithDefaults<NetworkFilterConfig, 'ports' | 'allowPrivate'>
  /** What becomes of sessions of a server that nobody uses. */
  cleanup: Isol8Cleanup
  /** How a server uses warm sandboxes. Default `fast`. */
  poolStrategy: 'fast' | 'secure'
  /** How many sandboxes a server keeps warm when idle, per image; a number stands for both. Default 1. */
  poolSize: number | Required<PoolSize>
  /** What holds user code. */
  security: WithDefaults<SecurityConfig, 'seccomp'>
  /** Whether and from where source text may be fetched. */
  remoteCode: RemoteCodePolicy
  /** What is recorded of every execution. */
  audit: WithDefaults<AuditConfig, Exclude<keyof AuditConfig, 'logDir' | 'postLogScript'>>
  /** Keys of a server that are kept in a database. */
  auth: AuthConfig
  /** What the requests of others may ask of a server. */
  server: ServerConfig
  /** Images that `isol8 setup` and the start of a server build if they are missing or have changed. */
  prebuiltImages: PrebuiltImageConfig[]
  /** Packages per runtime that `isol8 setup` puts into an image. */
  dependencies: Partial<Record<Runtime, string[]>>
}

/** Limits of an execution for which nothing else is said. */
export interface Isol8Defaults {
  /** Time limit in milliseconds. Default 30000. */
  timeoutMs: number
  /** Memory of the whole sandbox. Default `"512m"`. */
  memoryLimit: string
  /** Cores; fractions allowed. Default 1. */
  cpuLimit: number
  /** What programs can reach on the network. Of a server only: `isol8 run` has `--net`. Default `none`. */
  network: NetworkMode
  /** Size of `/sandbox`. Default `"512m"`. */
  sandboxSize: string
  /** Size of `/tmp`. Default `"256m"`. */
  tmpSize: string
  /** Whether everything outside `/sandbox` and `/tmp` is read-only. Default true. */
  readonlyRootFs: boolean
}

/** What becomes of sessions of a server that nobody uses. */
export interface Isol8Cleanup {
  /** Whether idle sessions are removed. Default true. */
  autoPrune: boolean
  /** Milliseconds without use after which a session is idle. Default 3600000. */
  maxContainerAgeMs: number
}

/** Patterns on host names: unanchored regular expressions, whatever the case. */
export interface NetworkFilterConfig {
  /** If there are any, only hosts that match one can be reached. */
  whitelist: string[]
  /** Hosts that match one cannot be reached, whatever the whitelist says. */
  blacklist: string[]
  /** Ports that can be reached. Default `[80, 443]`. */
  ports?: number[]
  /** Networks, such as `"10.0.0.0/8"`, that can be reached although they are not public. Default none. */
  allowPrivate?: string[]
}

/** Whether and from where source text may be fetched. */
export interface RemoteCodePolicy {
  /** Whether code may be fetched at all. Default false. */
  enabled: boolean
  /** URL schemes that are allowed. Default `["https"]`. */
  allowedSchemes: string[]
  /**
   * Patterns on host names. If there are any, only hosts that match one are allowed. One for a single address, such as
   * `^10\\.0\\.0\\.5$`, lets that be asked although it is not public, if `blockedHosts` does not name it; nothing else does.
   */
  allowedHosts: string[]
  /** Patterns on host names that are refused, whatever `allowedHosts` says. Default: this machine and its network. */
  blockedHosts: string[]
  /** Most bytes of code, once it is decompressed. Default 10485760. */
  maxCodeSize: number
  /** Time limit of a whole fetch in milliseconds. Default 30000. */
  fetchTimeoutMs: number
  /** Whether requests have to bring the hash of the code. Default false. */
  requireHash: boolean
  /**
   * Whether fetched code is remembered, in `isol8/code` in the user's folder for caches (`$XDG_CACHE_HOME`, else `~/.cache`
   * or `~/Library/Caches`), at most 256 files and 64 MiB. Policy and hash are checked all the same. Default true.
   */
  enableCache: boolean
  /** Seconds for which fetched code is remembered. Default 3600. */
  cacheTtl: number
}

/** Keys of a server that are kept in a database. */
export interface AuthConfig {
  /** Whether a server keeps keys in a database even if no flag says so. Default false. */
  enabled: boolean
  /** Path or URL of the database. Default `~/.isol8/auth.db`. May contain a password. */
  connectionString?: string
  /** Milliseconds for which a new key is valid. Default 86400000. */
  defaultTtlMs: number
  /** Milliseconds between two removals of expired keys. Default 3600000. */
  cleanupIntervalMs: number
}

/** Settings of a server. */
export interface ServerConfig {
  /** What requests may ask for, and how many there may be. No request can widen it. */
  limits: ServerLimits
  /** Most connections at a time. When there are more, idle ones are closed, oldest first. Default 20000. */
  maxConnections: number
  /** Milliseconds that executions have to end when the server is asked to. Default 10000. */
  shutdownTimeoutMs: number
}

/** What requests may ask for, and how many there may be. */
export interface ServerLimits {
  /** The longest time limit of an execution, in milliseconds. Default 3600000. */
  timeoutMs: number
  /** The most memory of a sandbox. Default `"4g"`. */
  memoryLimit: string
  /** The most cores of a sandbox. Default 4. */
  cpuLimit: number
  /** The most processes and threads of a sandbox. Default 4096. */
  pidsLimit: number
  /** The largest `/sandbox`. Default `"4g"`. */
  sandboxSize: string
  /** The largest `/tmp`. Default `"4g"`. */
  tmpSize: string
  /** The most bytes that are kept of standard output, and of standard error. Default 67108864. */
  maxOutputSize: number
  /** The network modes that keys other than the master key may ask for. Default `["none", "filtered"]`. */
  network: NetworkMode[]
  /** The images that keys other than the master key may name; `*` is any text. Default `["isol8:*"]`. */
  images: string[]
  /** Whether keys other than the master key may have a root file system that is not read-only. Default false. */
  writableRoot: boolean
  /** Whether keys other than the master key may leave containers running. Default false. */
  persist: boolean
  /** The longest body of a request. Default `"64m"`. */
  bodySize: string
  /** How much one key may do. The master key is not bound by it. */
  perKey: Quota
  /** How much all keys of a tenant may do together. */
  perTenant: Quota
  /** The most executions of one tenant that wait for their turn. Default 4096. */
  queue: number
  /** The most sessions of one tenant. Default 32. */
  sessions: number
}

/** How much somebody may do. What is absent is not limited. */
export interface Quota {
  /** Executions at a time. Further ones wait. */
  concurrent?: number
  /** Requests in a minute. Further ones are refused. */
  perMinute?: number
}

/** An image that is to be there before it is needed. */
export interface PrebuiltImageConfig {
  /** Tag of the image. */
  tag: string
  /** The runtime whose image it extends. */
  runtime: Runtime
  /** Packages to install, for the package manager of the runtime. */
  installPackages: string[]
  /** Shell script that is run before every execution in the image. */
  setupScript?: string
}

/** What a configuration file may hold: any part of a configuration. Lists, maps and scalars replace the defaults. */
export type Isol8UserConfig = { $schema?: string } & {
  [Key in keyof Isol8Config]?: Key extends 'server'
    ? Partial<Omit<ServerConfig, 'limits'>> & { limits?: Partial<ServerLimits> }
    : Key extends 'poolSize' | 'prebuiltImages'
      ? Isol8Config[Key]
      : Partial<Isol8Config[Key]>
}

/** `Config` in which the named members, which have defaults, are always there. */
export type WithDefaults<Config, Name extends keyof Config> = Config & Required<Pick<Config, Name>>
