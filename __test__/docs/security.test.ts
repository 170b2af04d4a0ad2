/** Every promise in SECURITY.md names a test. That its links lead somewhere is checked with those of all documents. */
import { expect, it } from 'vitest';
import { read } from './support/pages.js';

const section =
  read('SECURITY.md')
    .split(/^## /m)
    .find((text) => text.startsWith('What is promised')) ?? '';

const promises = [...section.matchAll(/^\| (?!promise|-)(.*?) \| (.*) \|$/gm)].map(
  ([, promise = '', tests = '']) => [promise, tests] as const,
);

it('there are promises', () => {
  expect(promises.length).toBeGreaterThan(10);
});

it.each(promises)('%s', (_, tests) => {
  expect(tests).toMatch(/\]\(\S+\.test\.ts\)|\]\(src\/\S+tests\.rs\)/);
});

it('README leads there', () => {
  expect(read('README.md')).toContain('](SECURITY.md)');
});
