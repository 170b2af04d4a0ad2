/** Pages that are made from something else say what that says now. */
import { expect, it } from 'vitest';
import { outdated } from '../../scripts/docs/generate.mjs';

it('the generated pages are up to date; `npm run docs` writes them', async () => {
  expect(await outdated()).toEqual([]);
});
