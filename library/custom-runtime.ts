/** What the native engine has to be told of runtimes that callers registered. */

import type {
  Adapter,
  CustomRuntime,
  ExecutionRequest,
  DockerIsol8 as NativeEngine,
  Runtime,
  StartOptions,
} from '../index.js';
import { RuntimeRegistry, registeredByCaller } from './registry.js';

/** What the adapter says about `request`, if that names a runtime that a caller registered. */
export function adapterFor(native: NativeEngine, request: ExecutionRequest): Adapter | undefined {
  const adapter = registeredByCaller(request?.runtime);
  if (!adapter) return undefined;
  const { image } = adapter;
  const { code, fileExtension, agentFlags } = request;
  // Whether there is something to run, and only one thing, is for the engine to say.
  if (typeof code !== 'string' || code === '') return { image };
  const path = native.scriptPath(fileExtension ?? adapter.getFileExtension());
  const command =
    adapter.getCommandWithOptions?.(code, { filePath: path, agentFlags }) ?? adapter.getCommand(code, path);
  return { image, script: { path, command } };
}

/** `options` without the runtimes that callers registered, and those. */
export function prewarming(options?: StartOptions | null): [StartOptions | null | undefined, CustomRuntime[]] {
  const { prewarm } = options ?? {};
  if (!prewarm) return [options, []];
  const listed = prewarm === true ? [] : (prewarm.runtimes ?? []);
  const names: string[] = listed.length > 0 ? listed : RuntimeRegistry.list().map(({ name }) => name);
  const custom = names.flatMap((name) => registeredByCaller(name) ?? []);
  if (custom.length === 0) return [options, []];
  const others = names.filter((name) => !registeredByCaller(name)) as Runtime[];
  // No names would mean all.
  return [{ prewarm: others.length > 0 ? { runtimes: others } : false }, custom];
}
