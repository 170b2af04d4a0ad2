/**
 * The package: the native addon, and in plain JavaScript what has to be JavaScript.
 *
 * Values are listed one by one: Node finds the names that an `import` may use by reading the compiled text, and what
 * the addon exports for this folder only stays inside.
 */

export type * from '../index.js';
export { buildBaseImages, imageExists, pingDocker, RuntimeRegistry, VERSION } from '../index.js';
export { DockerIsol8 } from './engine.js';
export type { Isol8Engine } from './types/engine.js';
