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

/** Stands for source text that will only be fetched. */
const FETCHED = 'isol8: source text that is still at its URL';

/** What the adapter says about `request`, if that names a runtime that a caller registered. */
export function adapterFor(native: NativeEngine, request: ExecutionRequest): Adapter | undefined {
  const adapter = registeredByCaller(request?.runtime);
  if (!adapter) return undefined;
  const { image } = adapter;
  const { codeUrl, fileExtension, agentFlags } = request;
  const code = request.code || (codeUrl ? FETCHED : undefined);
  // Whether there is something to run, and only one thing, is for the engine to say.
  if (typeof code !== 'string') return { image };
  const path = native.scriptPath(fileExtension ?? adapter.getFileExtension());
  const command =
    adapter.getCommandWithOptions?.(code, { filePath: path, agentFlags }) ?? adapter.getCommand(code, path);
  if (code === FETCHED && command.some((word) => word.includes(FETCHED))) {
    const message = `the runtime ${adapter.name} cannot run a codeUrl: its command contains the source text`;
    throw Object.assign(new Error(message), { code: 'INVALID_REQUEST' });
  }
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
