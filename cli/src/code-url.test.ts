import { expect, it } from 'vitest';
import { codeUrl } from './code-url.js';

it.each([
  [{ url: 'https://example.com/a.py?x' }, 'https://example.com/a.py?x'],
  [{ github: 'a/b/main/p/q.py' }, 'https://raw.githubusercontent.com/a/b/main/p/q.py'],
  [{ github: 'a/b/v1.2/ü #?%.py' }, 'https://raw.githubusercontent.com/a/b/v1.2/%C3%BC%20%23%3F%25.py'],
  [{ gist: '12ab/file.ext' }, 'https://gist.githubusercontent.com/12ab/raw/file.ext'],
  [{ gist: '12ab/a b@c.py' }, 'https://gist.githubusercontent.com/12ab/raw/a%20b%40c.py'],
  [{}, undefined],
])('%o names %s', (flags, url) => {
  expect(codeUrl(flags)).toBe(url);
});

it.each(['', 'a', 'a/b/c', 'a/b/c/', '/a/b/c', 'a//b/c', 'a/b/../../c/d/e', 'a/b/./c'])(
  '%o is no place on GitHub',
  (github) => {
    expect(() => codeUrl({ github })).toThrow('--github format must be owner/repo/ref/path/to/file');
  },
);

it.each(['', 'a', 'a/', '/a', 'a/b/c', '../a', 'a/..'])('%o is no gist', (gist) => {
  expect(() => codeUrl({ gist })).toThrow('--gist format must be gistId/file.ext');
});

it.each(['', 'nonsense', '//example.com/a.py'])('%o is no URL', (url) => {
  expect(() => codeUrl({ url })).toThrow(`Invalid code URL: ${url}`);
});

it('only one place can be named', () => {
  const url = 'https://example.com/';
  for (const flags of [
    { url, github: 'a/b/c/d' },
    { url, gist: 'a/b' },
    { github: 'a/b/c/d', gist: 'a/b' },
  ]) {
    expect(() => codeUrl(flags)).toThrow('--url, --github and --gist cannot be combined.');
  }
});
