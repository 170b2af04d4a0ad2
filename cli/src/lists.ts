/** Values of flags that are lists: separated by commas, given more than once, or both. */

/** For flags that can be repeated: what was given so far, and one more. */
export const collect = (value: string, values: string[] = []): string[] => [...values, value];

/** The members of the lists, trimmed, sorted and each once. */
export function members(...lists: string[]): string[] {
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ''))].sort();
}
