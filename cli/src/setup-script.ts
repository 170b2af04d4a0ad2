/** `--setup`: commands, or files with commands, that are run before the program; several make one script. */
import { readFile, stat } from 'node:fs/promises';

export async function setupScript(values: string[]): Promise<string | undefined> {
  if (values.length === 0) return undefined;
  const parts = await Promise.all(
    values.map(async (value) => ((await isFile(value)) ? readFile(value, 'utf8') : value)),
  );
  return parts.join('\n');
}

/** A command is rarely the name of a file; where it is, the file is meant. */
async function isFile(value: string): Promise<boolean> {
  return stat(value).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** As much of a script as tells which one it is. */
export function firstLine(script: string): string {
  const [first = '', ...others] = script.trim().split('\n');
  return others.length === 0 ? first : `${first} ...`;
}
