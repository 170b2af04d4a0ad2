/** A machine for tests of the configuration: a project and a home directory, empty and away from the real ones. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from './scratch.js';

export interface Machine {
  project: string;
  home: string;
  /** Writes the project's file and returns its path. Text is written as it is. */
  inProject(content: unknown): string;
  /** Writes the user's file and returns its path. */
  inHome(content: unknown): string;
}

export function machine(): Machine {
  const root = scratch();
  const [project, home] = [join(root, 'project'), join(root, 'home')];
  for (const directory of [project, join(home, '.isol8')]) mkdirSync(directory, { recursive: true });
  const write = (path: string, content: unknown): string => {
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  return {
    project,
    home,
    inProject: (content) => write(join(project, 'isol8.config.json'), content),
    inHome: (content) => write(join(home, '.isol8/config.json'), content),
  };
}
