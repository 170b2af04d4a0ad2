/* eslint-disable */

/** A language that isol8 can run. */
export type Runtime = 'python' | 'node' | 'bun' | 'bash' | 'deno'

/** What programs can reach on the network. */
export type NetworkMode = 'none' | 'host' | 'filtered'

/** Where executions get their sandbox from, and what becomes of it. */
export type Isol8Mode = 'ephemeral' | 'persistent'

