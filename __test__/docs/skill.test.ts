/** What an AI agent is told about isol8 can be loaded by those who load such files, and is true. */
import { expect, it } from 'vitest';
import { examplesIn, read } from './support/pages.js';

const PAGE = 'skill/isol8/SKILL.md';

it('has a name and a description, as loaders of skills want them', () => {
  const [, matter = ''] = /^---\n([\s\S]*?)\n---\n/.exec(read(PAGE)) ?? [];
  const fields = Object.fromEntries(matter.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
  expect(Object.keys(fields)).toEqual(['name', 'description']);
  // The name is that of its folder, in lower case; the description is all that is read before it is chosen.
  expect(fields.name).toBe('isol8');
  expect(fields.description?.length).toBeLessThanOrEqual(1024);
  expect(fields.description).toMatch(/Use it (before|when)/);
});

it('is short enough to be read whole', () => {
  expect(read(PAGE).split('\n').length).toBeLessThan(200);
  expect(examplesIn(PAGE).filter(({ language, noRun }) => language === 'console' && !noRun)).not.toHaveLength(0);
});
