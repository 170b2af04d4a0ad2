/**
 * The configuration, as commands get it: what the user should know is said on stderr, and `debug` is in force. Every
 * command reads it before it does anything, even one that needs nothing of it.
 */
import type { Isol8Config } from 'isol8';
import { debug, say, setDebug } from './messages.js';

export interface Config {
  config: Isol8Config;
  /** The file that it comes from, if there is one. */
  source: string | null;
  /** Which settings that file has itself: `section.member`. */
  given: readonly string[];
  /** The database of a server's keys, as it can be shown. */
  authDatabase: string;
}

export async function readConfig(): Promise<Config> {
  const isol8 = await import('isol8');
  const { config, source, given, authDatabase, warnings } = isol8.readConfig();
  for (const warning of warnings) say('WARN', `${source}: ${warning}`);
  if (config.debug) setDebug(true);
  debug('Config', source ? `read ${source}` : 'no config file found');
  return { config, source, given, authDatabase };
}
