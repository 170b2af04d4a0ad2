/**
 * The package: the native addon, and in plain JavaScript what has to be JavaScript.
 *
 * Values are listed one by one: Node finds the names that an `import` may use by reading the bundled text, and what
 * the addon exports for this folder only stays inside.
 */

export type * from '../index.js';
export {
  buildBaseImages,
  buildCustomImage,
  imageExists,
  listContainers,
  listCustomImages,
  listImages,
  loadConfig,
  pingDocker,
  readConfig,
  VERSION,
} from '../index.js';
export { AgentAdapter, BunAdapter, bashAdapter, DenoAdapter, NodeAdapter, PythonAdapter } from './adapters.js';
export { DockerIsol8 } from './engine.js';
export { LABELS } from './labels.js';
export type { ExecutionEvents, ExecutionOptions } from './live.js';
export { logger } from './logger.js';
export { RuntimeRegistry } from './registry.js';
export { RemoteIsol8 } from './remote.js';
export { Semaphore } from './semaphore.js';
export { createServer } from './server.js';
export type * from './types/adapter.js';
export type * from './types/audit.js';
export type * from './types/engine.js';
export type { Isol8ErrorCode } from './types/error-code.js';
export type * from './types/server.js';
