/** The built-in runtimes as objects: which command runs what. */

import { agentCommand, agentRuntime, builtInRuntimes, type RuntimeInfo } from '../index.js';
import type { RuntimeAdapter } from './types/adapter.js';

/** The adapter of a runtime that runs files and, most of them, source text. */
function adapter({ name, image, fileExtension, fileCommand, inlineCommand }: RuntimeInfo): RuntimeAdapter {
  return Object.freeze({
    name,
    image,
    getCommand(code: string, filePath?: string): string[] {
      if (filePath) return [...fileCommand, filePath];
      if (inlineCommand) return [...inlineCommand, code];
      const title = name[0]?.toUpperCase() + name.slice(1);
      throw new Error(`${title} adapter requires a file path — inline code is not supported.`);
    },
    getFileExtension: () => fileExtension,
  });
}

const adapters = new Map<string, RuntimeAdapter>(builtInRuntimes().map((info) => [info.name, adapter(info)]));

function builtIn(name: string): RuntimeAdapter {
  const found = adapters.get(name);
  if (!found) throw new Error(`the addon has no runtime called ${name}`);
  return found;
}

/** CPython 3. */
export const PythonAdapter = builtIn('python');

/** Node.js. */
export const NodeAdapter = builtIn('node');

/** Bun, which runs TypeScript as it is. */
export const BunAdapter = builtIn('bun');

/** Deno, which runs files only. */
export const DenoAdapter = builtIn('deno');

/** Bash. */
export const bashAdapter = builtIn('bash');

const agent = agentRuntime();

/** The `pi` coding agent. Its code is a prompt, which is always passed as an argument. */
export const AgentAdapter: RuntimeAdapter & Required<Pick<RuntimeAdapter, 'getCommandWithOptions'>> = Object.freeze({
  name: agent.name,
  image: agent.image,
  getCommand: (prompt: string): string[] => agentCommand(prompt),
  getCommandWithOptions: (prompt: string, { agentFlags }: { agentFlags?: string } = {}): string[] =>
    agentCommand(prompt, agentFlags),
  getFileExtension: () => agent.fileExtension,
});

adapters.set(AgentAdapter.name, AgentAdapter);

/** The adapters of all runtimes that are registered from the start, by name. */
export const builtInAdapters: ReadonlyMap<string, RuntimeAdapter> = adapters;
