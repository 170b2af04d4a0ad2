/** `RuntimeRegistry`: the built-in runtimes and those that callers add. */

import { RuntimeTable } from '../index.js';
import { builtInAdapters } from './adapters.js';
import type { RuntimeAdapter } from './types/adapter.js';

/** Decides what a name or a file stands for. */
const table = new RuntimeTable();

/** An adapter for each name in the table. */
const adapters = new Map(builtInAdapters);

function adapterOf(name: string): RuntimeAdapter {
  const adapter = adapters.get(name);
  if (!adapter) throw new Error(`the runtime ${name} has no adapter`);
  return adapter;
}

/** The runtime of this name, if a caller registered it, be it in the place of a built-in one. */
export function registeredByCaller(name: string): RuntimeAdapter | undefined {
  const adapter = adapters.get(name);
  return adapter === builtInAdapters.get(name) ? undefined : adapter;
}

/** All runtimes of this process. */
export const RuntimeRegistry = {
  /**
   * Adds a runtime. It is chosen for files with its own extension and with those in `aliases`. What had its name or
   * one of the extensions before gives way.
   */
  register(adapter: RuntimeAdapter, aliases: readonly string[] = []): void {
    table.register(adapter.name, [adapter.getFileExtension(), ...aliases]);
    adapters.set(adapter.name, adapter);
  },

  /** The runtime of this name; throws if there is none. */
  get: (name: string): RuntimeAdapter => adapterOf(table.get(name)),

  /** The runtime for a file of this name, by its extension; throws if there is none. */
  detect: (filename: string): RuntimeAdapter => adapterOf(table.detect(filename)),

  /** All runtimes, in the order in which they were registered. */
  list: (): RuntimeAdapter[] => table.names().map(adapterOf),
};
