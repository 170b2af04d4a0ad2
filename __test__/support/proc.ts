/** What the kernel tells of a process. */
import { readFileSync } from 'node:fs';

/** The fields of `/proc/<pid>/stat` after the name, which may have anything in it: the state is the first. */
export function statOf(pid: number | string | undefined): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
