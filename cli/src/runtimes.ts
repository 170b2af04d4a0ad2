/** The runtimes that are there from the start, for what is said of them before the addon is loaded. */

export const RUNTIMES = ['python', 'node', 'bun', 'deno', 'bash', 'agent'] as const;
