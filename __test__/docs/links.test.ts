/** Whoever follows a link in the documents arrives. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { anchor } from '../../scripts/docs/markdown.mjs';
import { ROOT } from '../support/paths.js';
import { PAGES, read } from './support/pages.js';

const DOCUMENTS = [...new Set([...PAGES, ...readdirSync(ROOT).filter((name) => name.endsWith('.md'))])];

/** The text of a page without its examples. */
const prose = (page: string) => read(page).replace(/^(```+).*\n[\s\S]*?^\1$/gm, '');

const anchorsIn = (page: string) => [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading));

it.each(DOCUMENTS)('the links of %s lead somewhere', (page) => {
  const broken: string[] = [];
  for (const [, target = ''] of prose(page).matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)) {
    if (target === '' || /^[a-z]+:/.test(target)) continue;
    const [path = '', fragment] = target.split('#');
    const file = path === '' ? page : normalize(join(dirname(page), path));
    const there = existsSync(join(ROOT, file));
    if (!there || (fragment && !statSync(join(ROOT, file)).isDirectory() && !anchorsIn(file).includes(fragment)))
      broken.push(target);
  }
  expect(broken).toEqual([]);
});

it('every page of the documentation is linked from its index', () => {
  const index = read('docs/README.md');
  const pages = PAGES.filter((page) => /^docs\/[^/]+\.md$/.test(page) && page !== 'docs/README.md');
  expect(pages.filter((page) => !index.includes(`](${page.slice('docs/'.length)})`))).toEqual([]);
});
