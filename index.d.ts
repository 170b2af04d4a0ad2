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

/**
 * Which binding artifact the generated loader actually loaded: `'native'` for
 * a native addon, otherwise the `platformArchABI` of the WASI flavor. Every
 * flavor napi-rs can build is listed, because `NAPI_RS_NATIVE_LIBRARY_PATH`
 * can point the loader at a WASI artifact this package does not build itself.
 */
export declare const __napiBindingTarget: 'native' | 'wasm32-wasi' | 'wasm32-wasip1'

/** Runs untrusted code in locked-down containers on a Docker engine. */
export declare class DockerIsol8 {
  /**
   * Checks the options; throws if one makes no sense. Nothing is connected or started yet. At most
   * `maxConcurrent` (default 10) executions run at a time, the others wait their turn.
   */
  constructor(options?: DockerIsol8Options | undefined | null, maxConcurrent?: number | undefined | null)
  /**
   * Connects to Docker and makes sandboxes ready, also for the caller's own runtimes in `custom`. Optional: the
   * first execution does what is missing.
   */
  start(options?: StartOptions | undefined | null, custom?: Array<CustomRuntime> | undefined | null): Promise<void>
  /** Ends every execution that has begun and removes every container of this engine. It can be used again at once. */
  stop(): Promise<void>
  /** Runs a request and resolves when the program has ended, whatever its exit code. */
  execute(request: ExecutionRequest, controls?: RunControls | undefined | null, adapter?: Adapter | undefined | null): Promise<ExecutionResult>
  /** Runs a request and yields its output as it comes. Leaving the loop early kills the program. */
  executeStream(request: ExecutionRequest, controls?: RunControls | undefined | null, adapter?: Adapter | undefined | null): AsyncIterableIterator<StreamEvent> & { readonly networkLogs?: NetworkLogEntry[] | null, readonly installMs?: number | null }
  /** Where the source text of an execution is to be written, for adapters that have to know before. */
  scriptPath(extension: string): string
  /** Id of the container of a persistent engine; `null` for others. */
  get containerId(): string | null
  /** Writes a file in the container of a persistent engine: an absolute path, or one relative to `/sandbox`. */
  putFile(path: string, content: string | Uint8Array): Promise<void>
  /** Reads a file in the container of a persistent engine, at most 256 MiB long. */
  getFile(path: string): Promise<Buffer>
  /**
   * Removes isol8 containers, running or not, except those that another living process owns: all of them, or
   * those with these full ids, as `listContainers` gives them.
   */
  static cleanup(docker?: DockerConnection | undefined | null, ids?: Array<string> | undefined | null): Promise<CleanupResult>
  /**
   * Removes isol8 images: all of them, or those with these full ids, as `listImages` gives them. Those that a
   * container uses stay, and count as failed.
   */
  static cleanupImages(docker?: DockerConnection | undefined | null, ids?: Array<string> | undefined | null): Promise<CleanupResult>
}

/** The events of one execution. Ending the iteration early kills the program, and so does dropping the object. */
export declare class ExecutionStream {
  /** The next event. */
  next(): Promise<IteratorResult>
  /** What the program asked of the network; present with `logNetwork` once it has ended, if it asked anything. */
  get networkLogs(): Array<NetworkLogEntry> | null
  /** How long packages took to be installed, in milliseconds; present once the program has ended, if any had to be. */
  get installMs(): number | null
  /**
   * Kills the program if it still runs. Resolves when its sandbox has been given back; at a server, as soon as that is
   * about to do it.
   */
  return(): Promise<IteratorResult>
}

/** A server that accepts requests. */
export declare class NativeServer {
  /** The port that it listens on. */
  get port(): number
  /** The address that it listens on. */
  get address(): string
  /** The database of its keys, if there is one, as it can be shown: without a password. */
  get authDatabase(): string | null
  /** Ends all sessions and executions and removes their containers; with `images`, isol8's images as well. */
  cleanup(images: boolean): Promise<ServerCleanup>
  /** Takes no more requests, lets what goes on end until a deadline, and resolves when no container is left. */
  shutdown(): Promise<void>
}

/** Runs untrusted code on a server. */
export declare class RemoteIsol8 {
  /** Checks what it is given; throws if it makes no sense. Nobody is connected to yet. */
  constructor(remote: { host: string, apiKey: string, sessionId?: string }, options?: DockerIsol8Options | undefined | null)
  /** Asks the server whether it is well. Optional. */
  start(): Promise<void>
  /** Ends every execution that has begun, and the session with all that is in it. */
  stop(): Promise<void>
  /** Runs a request and resolves when the program has ended, whatever its exit code. */
  execute(request: ExecutionRequest, controls?: RunControls | undefined | null): Promise<ExecutionResult>
  /** Runs a request and yields its output as it comes. Leaving the loop early kills the program. */
  executeStream(request: ExecutionRequest, controls?: RunControls | undefined | null): AsyncIterableIterator<StreamEvent> & { readonly networkLogs?: NetworkLogEntry[] | null }
  /** Writes a file in the session's sandbox: an absolute path, or one relative to `/sandbox`. */
  putFile(path: string, content: string | Uint8Array): Promise<void>
  /** Reads a file in the session's sandbox, at most 256 MiB long. */
  getFile(path: string): Promise<Buffer>
  /** The sessions that the key may see. */
  listSessions(): Promise<unknown[]>
  /** Ends a session with all that is in it. One that does not exist is fine. */
  deleteSession(id: string): Promise<void>
  /** Has the server make a key, which only holders of its master key can. */
  login(name?: string | undefined | null, ttlMs?: number | undefined | null): Promise<unknown>
}

/** Ends an execution, and feeds it. Serves one execution. */
export declare class RunControls {
  /** Controls for one execution. With `liveStdin`, its standard input is what `write` brings until `endStdin`. */
  constructor(liveStdin: boolean)
  /** Ends the execution, which then fails with the code `ABORT_ERR`. */
  abort(): void
  /** Resolves when there is room for more, with whether anybody will read it. */
  write(chunk: string | Uint8Array): Promise<boolean>
  /** Says that there is no more standard input. */
  endStdin(): void
}

/** Which runtime a name or a file means. */
export declare class RuntimeTable {
  /** A table of isol8's own runtimes. */
  constructor()
  /** Adds a runtime, or gives the one of that name further extensions; throws if they make no sense. */
  register(name: string, extensions: Array<string>): void
  /** The name, if there is a runtime of this name; throws otherwise. */
  get(name: string): string
  /** The name of the runtime for a file of this name; throws if there is none. */
  detect(filename: string): string
  /** The names of all runtimes. */
  names(): Array<string>
}

/** What an adapter says about one request. Not part of the request, which may come from someone else. */
export interface Adapter {
  /** The image that the runtime runs in. */
  image: string
  /** How the source text is run; absent where there is none. */
  script?: Script
}

/** The command that has the agent act on a prompt. */
export declare function agentCommand(prompt: string, flags?: string | undefined | null): Array<string>

/** What is fixed about the agent. */
export interface AgentInfo {
  /** Its name in requests and flags. */
  name: string
  /** Tag of its image. */
  image: string
  /** What files of prompts would be called. */
  fileExtension: string
}

/** The agent. */
export declare function agentRuntime(): AgentInfo

/** What is recorded of every execution. */
export interface AuditConfig {
  /** Whether anything is recorded at all. Default false. */
  enabled?: boolean
  /** Where to: `filesystem` (default; `file` is the same), or `stdout`. */
  destination?: string
  /** Directory of the log files. Default: `ISOL8_AUDIT_DIR`, else `.isol8_audit` in the working directory. */
  logDir?: string
  /** Program that is run after each record, with the path of the log file as its argument. */
  postLogScript?: string
  /** Measure what executions use, for the record and for `resourceUsage` of results. Default true. */
  trackResources?: boolean
  /** Days after which log files are deleted; 0 or less keeps them for ever. Default 90. */
  retentionDays?: number
  /** Record the source text. Default false. */
  includeCode?: boolean
  /** Record the (masked) output. Default false. */
  includeOutput?: boolean
}

/** Builds the images of the runtimes, skipping those that are up to date unless `force` is set. */
export declare function buildBaseImages(docker?: DockerConnection | undefined | null, onProgress?: ((progress: BuildProgress) => void) | undefined | null, force?: boolean | undefined | null, onlyRuntimes?: Array<string> | undefined | null): Promise<void>

/**
 * Builds an image that extends the one of a runtime: with packages, with a shell script that is run before every
 * execution in it, or with both. Nothing is done if it is up to date, unless `force` is set. Resolves with its tag;
 * without one it gets `isol8:<runtime>-custom-<hash>`.
 */
export declare function buildCustomImage(docker: DockerConnection | undefined | null, runtime: Runtime, packages: Array<string>, tag?: string | undefined | null, onProgress?: ((progress: BuildProgress) => void) | undefined | null, force?: boolean | undefined | null, setupScript?: string | undefined | null): Promise<string>

/** How far the build of an image is. */
export interface BuildProgress {
  /** The runtime whose image it is. */
  runtime: string
  /** Where it stands. */
  status: 'building' | 'done' | 'error'
  /** The current step, or `Up to date`, or what failed. */
  message?: string
}

/** isol8's own runtimes that run files. */
export declare function builtInRuntimes(): Array<RuntimeInfo>

/** How much of something was removed. */
export interface CleanedCount {
  /** How many are gone. */
  removed: number
  /** How many are not. */
  failed: number
  /** Why, one line for each failure. */
  errors: Array<string>
}

/** What a clean-up removed. */
export interface CleanupResult {
  /** How many are gone. */
  removed: number
  /** How many are not. */
  failed: number
  /** Why, one line for each failure. */
  errors: Array<string>
}

/** An isol8 container. */
export interface ContainerInfo {
  /** Its full id. */
  id: string
  /** The reference or the id of the image that it was started from. */
  image: string
  /** Whether it has been started and has not ended. */
  running: boolean
  /** When it was created, as ISO 8601. */
  createdAt: string
  /** Whether another living process owns it. `DockerIsol8.cleanup` leaves it alone then. */
  inUse: boolean
}

/** A custom image on the Docker engine. */
export interface CustomImageInfo {
  /** Its id, `sha256:` included. */
  id: string
  /** Its tags, sorted; at least one. */
  tags: Array<string>
  /** The runtime. */
  runtime: string
  /** The packages in it, sorted. */
  dependencies: Array<string>
  /** The script that is run before every execution in it, if it has one. */
  setupScript?: string
}

/** A runtime of the caller's. */
export interface CustomRuntime {
  /** Its name. */
  name: string
  /** The image that it runs in. */
  image: string
}

/** A Docker endpoint: a Unix socket, or a host with a port and, for TLS, a directory of certificates. */
export interface DockerConnection {
  /** Path of a Unix socket. */
  socketPath?: string
  /** Host name of a TCP endpoint. */
  host?: string
  /** Its port. Default 2375. */
  port?: number
  /** Directory with `ca.pem`, `cert.pem` and `key.pem`. */
  certPath?: string
}

/** Options of an engine. Everything is optional. */
export interface DockerIsol8Options {
  /**
   * `ephemeral` (default) gives every execution a sandbox as new; in `persistent` mode all executions share one,
   * one after the other, with its files and background processes.
   */
  mode?: Isol8Mode
  /**
   * What programs can reach on the network: `none` (default), `filtered` for what `networkFilter` allows, over HTTP
   * and HTTPS, or `host` for all that the host reaches, its own loopback services included.
   */
  network?: NetworkMode
  /** Which hosts programs can reach with the network mode `filtered`. Default: all public ones. */
  networkFilter?: Partial<NetworkFilterConfig>
  /** Tell in `networkLogs` of results what programs asked of the network. Default false. */
  logNetwork?: boolean
  /** Cores; fractions allowed. Default 1. */
  cpuLimit?: number
  /** Memory of the whole sandbox, files in `/sandbox` and `/tmp` included, such as `"512m"` (default) or `"1g"`. */
  memoryLimit?: string
  /** Most processes and threads. Default 64. */
  pidsLimit?: number
  /** Whether everything outside `/sandbox` and `/tmp` is read-only. Default true. */
  readonlyRootFs?: boolean
  /** Bytes of standard output, and of standard error, that are kept. Default 1048576. */
  maxOutputSize?: number
  /** Time limit of one execution in milliseconds. Default 30000. */
  timeoutMs?: number
  /** Image to use instead of the runtime's own. It must be on the Docker engine already. */
  image?: string
  /** Size of `/sandbox`. Default `"512m"`. */
  sandboxSize?: string
  /** Size of `/tmp`. Default `"256m"`. */
  tmpSize?: string
  /** `fast` (default) resets and reuses sandboxes, `secure` uses each for one execution only. */
  poolStrategy?: 'fast' | 'secure'
  /**
   * Sandboxes that are kept warm when idle: `clean` ahead of demand, `dirty` more once they have been used. A
   * number stands for both. Default 1.
   */
  poolSize?: number | PoolSize
  /**
   * Environment variables of every execution whose values, also in base64, URL-encoded, JSON-escaped and
   * hexadecimal form, are replaced by `***` in its output.
   */
  secrets?: Record<string, string>
  /** What holds user code. */
  security?: SecurityConfig
  /** What is recorded of every execution. Default: nothing. */
  audit?: AuditConfig
  /** Whether and from where the `codeUrl` of a request may be fetched. Default: from nowhere. */
  remoteCode?: Partial<RemoteCodePolicy>
  /** Leave containers running after use, to be looked into; `cleanup()` removes them. Default false. */
  persist?: boolean
  /** Log what the engine does. Default false. */
  debug?: boolean
  /** Which Docker engine to use. Default: what `DOCKER_HOST` and its companions say, else the usual socket. */
  docker?: DockerConnection
}

/** Every code that an error of the addon can have. */
export declare function errorCodes(): string[]

/** One execution: exactly one of `code`, `codeUrl` and `cmd`, and what it needs. */
export interface ExecutionRequest {
  /** Which runtime runs it: one of isol8's, or one that was registered. */
  runtime: Runtime | (string & {})
  /** Source text; for `agent`, the prompt. */
  code?: string
  /** URL of the source text, which is fetched before anything is started, if `remoteCode` of the engine allows it. */
  codeUrl?: string
  /** SHA-256, in hexadecimal, that the file at `codeUrl` has to have. */
  codeHash?: string
  /** Let `codeUrl` be one of `http`; `remoteCode.allowedSchemes` has to list that, too. Default false. */
  allowInsecureCodeUrl?: boolean
  /** Shell command line, run by bash whatever the runtime. */
  cmd?: string
  /** Time limit in milliseconds. Default: the engine's. */
  timeoutMs?: number
  /** Extra environment. */
  env?: Record<string, string>
  /** What the program reads on standard input. What an iterable yields is sent as it comes. */
  stdin?: string | Uint8Array | AsyncIterable<string | Uint8Array>
  /** Files to write before the program starts: absolute paths, or relative to `/sandbox`. */
  files?: Record<string, string | Uint8Array | InputFile>
  /** Absolute paths of files to read back afterwards: 64 MiB of them at the most, and 20 000 files. */
  outputPaths?: Array<string>
  /** Extension of the script file, such as `.cjs`. Default: the runtime's. */
  fileExtension?: string
  /** Working directory, inside `/sandbox`. Created if missing. */
  workdir?: string
  /**
   * Packages to install first, with the runtime's own package manager. Needs a network: with `filtered`, the
   * package registries that the image is configured for are let through.
   */
  installPackages?: Array<string>
  /** Bash script to run first, as the same user, in `/sandbox`. If it fails, so does the execution. */
  setupScript?: string
  /** With the runtime `agent`: more flags for `pi`, as on a command line. */
  agentFlags?: string
  /** Passed on to the audit record; the key `userId` names the user there. */
  metadata?: Record<string, string>
}

/** How an execution ended, whatever the program's exit code. */
export interface ExecutionResult {
  /** Standard output: at most `maxOutputSize` bytes and a marker, trailing white space removed. */
  stdout: string
  /** Standard error, likewise. */
  stderr: string
  /** Exit code of the program; 137 when it was killed at the time limit or for memory. */
  exitCode: number
  /** Wall time of the program itself in whole milliseconds, rounded up. */
  durationMs: number
  /** The same in milliseconds with three decimals, as measured inside the sandbox. */
  programMs: number
  /** How long packages took to be installed before, in milliseconds; present if any had to be. */
  installMs?: number
  /** Standard output or error was longer than `maxOutputSize`. */
  truncated: boolean
  /** The program was killed at its time limit. */
  timedOut: boolean
  /** The program failed, and the kernel had killed something in the sandbox because it ran out of memory. */
  outOfMemory: boolean
  /** UUID v4 of this execution. */
  executionId: string
  /** The runtime. */
  runtime: Runtime
  /** Start of the execution, ISO 8601. */
  timestamp: string
  /** Id of the container that it ran in. */
  containerId: string
  /** Base64 contents of those `outputPaths` that could be read; present when any were asked for. */
  files?: Record<string, string>
  /** What it used; present when `audit` is enabled with `trackResources`. */
  resourceUsage?: ResourceUsage
  /** What it asked of the network; present with `logNetwork` and the network mode `filtered`, if it asked anything. */
  networkLogs?: Array<NetworkLogEntry>
}

/** Whether an image is on the Docker engine. */
export declare function imageExists(docker: DockerConnection | undefined | null, name: string): Promise<boolean>

/** An isol8 image. */
export interface ImageInfo {
  /** Its full id. */
  id: string
  /** Its tags as far as they are ours; none if it has no name. */
  tags: Array<string>
  /** Bytes, with what it shares with others. */
  size: number
  /** When it was built, as ISO 8601. */
  createdAt: string
}

/** A file to write before the program starts. */
export interface InputFile {
  /** What is in it. */
  content: string | Uint8Array
  /** Whether it may be run. Default false. */
  executable?: boolean
}

/** What an iterator yields: JavaScript's protocol. */
export interface IteratorResult {
  /** The event, while there is one. */
  value?: StreamEvent
  /** Whether there are no more. */
  done: boolean
}

/** The label keys. */
export declare function labels(): Labels

/** The keys of the labels that isol8's images carry. */
export interface Labels {
  /** On base images: hash of what they were built from. */
  dockerHash: string
  /** On custom images: hash of what they were built from. */
  depsHash: string
  /** On custom images: the runtime. */
  runtime: string
  /** On custom images: the packages, sorted and separated by commas. */
  dependencies: string
  /** On custom images with a setup script: the script. */
  setupScript: string
}

/** All isol8 containers, running or not. What is not in use is what `DockerIsol8.cleanup` removes. */
export declare function listContainers(docker?: DockerConnection | undefined | null): Promise<Array<ContainerInfo>>

/** The custom images on the Docker engine, by tag: all that carry the label of a runtime, whatever they are called. */
export declare function listCustomImages(docker?: DockerConnection | undefined | null): Promise<Array<CustomImageInfo>>

/** All isol8 images, which is what `DockerIsol8.cleanupImages` removes. */
export declare function listImages(docker?: DockerConnection | undefined | null): Promise<Array<ImageInfo>>

/**
 * The settings of `isol8.config.json` in `cwd` (default: the working directory), else of `~/.isol8/config.json`, over
 * the defaults. Every call returns an object of its own. Throws with code `INVALID_CONFIG` if the file makes no sense;
 * unknown keys are passed over with a warning of the process (`process.emitWarning`).
 */
export declare function loadConfig(cwd?: string | undefined | null): Isol8Config

/** Where a server listens, who may use it, and how it is set up. */
export interface NativeServerOptions {
  /** The TCP port; 0 for any that is free. */
  port: number
  /** The address or host name to listen on. */
  host?: string
  /** The master key. */
  apiKey: string
  /** Where further keys are kept. */
  authDbPath?: string
  /** Whether there is a page for browsers at its root. Default true. */
  console?: boolean
  /** Log what it does. */
  debug?: boolean
  /** Log every request as a line of JSON on standard error. */
  logRequests?: boolean
  /** Where its configuration is looked for. */
  cwd?: string
  /** The configuration, instead of what a file says. */
  config?: Isol8UserConfig
}

/** One request that a program made through the filter. */
export interface NetworkLogEntry {
  /** When it was made, ISO 8601. */
  timestamp: string
  /** HTTP method; `CONNECT` for a tunnel. */
  method: string
  /** The host that it was for. */
  host: string
  /** Path of the request; `null` for a tunnel. */
  path: string | null
  /** What became of it. */
  action: 'ALLOW' | 'BLOCK'
  /** How long it took; 0 if it was blocked. */
  durationMs: number
  /** Why it was blocked, and what would allow it. */
  block?: string
}

/** Resolves if a Docker engine answers. */
export declare function pingDocker(docker?: DockerConnection | undefined | null): Promise<void>

/** How many sandboxes are kept warm when idle, per image. */
export interface PoolSize {
  /** Ready ahead of demand. Default 1. */
  clean?: number
  /** Kept in addition once they have been used and reset. Default 1. */
  dirty?: number
}

/** Runtimes that get sandboxes that stand ready. */
export interface Prewarm {
  /** Their names; all of them when absent or empty. */
  runtimes?: Array<string>
}

/**
 * The same with the path of the file (`null`: there is none), with the names of the settings that it has itself, such
 * as `defaults.timeoutMs`, with the database of a server's keys as it can be shown (without a password), and with the
 * warnings instead of giving them.
 */
export declare function readConfig(cwd?: string | undefined | null): { config: Isol8Config, source: string | null, given: Array<string>, authDatabase: string, warnings: Array<string> }

/** What an execution used, as its guest measured it. */
export interface ResourceUsage {
  /** Processor time of all its processes in relation to its wall time, 100 for a full core. */
  cpuPercent: number
  /** Memory of the whole sandbox at the end, files included, in MiB. */
  memoryMB: number
  /** Most memory of any one of its processes, in MiB. */
  peakMemoryMB?: number
  /** Bytes received through the filter. */
  networkBytesIn: number
  /** Bytes sent through the filter. */
  networkBytesOut: number
}

/** One of isol8's own runtimes. */
export interface RuntimeInfo {
  /** Its name in requests and flags. */
  name: Runtime
  /** Tag of its image. */
  image: string
  /** The usual extension of its files. */
  fileExtension: string
  /** What runs a file; the path follows. */
  fileCommand: Array<string>
  /** What runs source text without a file, where that is possible; the text follows. */
  inlineCommand?: Array<string>
}

/** How source text is run. */
export interface Script {
  /** Path of the file that it is written to: what `scriptPath` said. */
  path: string
  /** Program and arguments. */
  command: Array<string>
}

/** What holds user code. */
export interface SecurityConfig {
  /**
   * Which system calls user code may make: those of isol8's own profile (`strict`, default), those of a profile of
   * yours (`custom`), or all that an ordinary user may (`unconfined`).
   */
  seccomp?: 'strict' | 'unconfined' | 'custom'
  /** The profile of `custom`: a file on this host, in Docker's JSON format. */
  customProfilePath?: string
  /** An OCI runtime that the Docker engine knows, such as `runsc` (gVisor). Default: the engine's own default. */
  runtime?: string
}

/** What a clean-up of a server removed. */
export interface ServerCleanup {
  /** Sessions that were ended. */
  sessions: CleanedCount
  /** Containers. */
  containers: CleanedCount
  /** Images, where they were to go. */
  images?: CleanedCount
}

/** How an engine is started. */
export interface StartOptions {
  /** Which runtimes get sandboxes that stand ready: all of them, none (default), or these. */
  prewarm?: boolean | { runtimes?: Runtime[] }
}

/** Starts a server, and resolves when it accepts requests. */
export declare function startServer(options: NativeServerOptions): Promise<NativeServer>

/** One event of a streaming execution. */
export interface StreamEvent {
  /** What happened. */
  type: 'stdout' | 'stderr' | 'exit' | 'error'
  /** Output text, the exit code in decimal, or an error message. */
  data: string
  /** Which part of the execution it belongs to. */
  phase?: 'setup' | 'code'
}

/** Version of this package. */
export declare const VERSION: string
