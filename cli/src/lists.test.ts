import { expect, it } from 'vitest';
import { members } from './lists.js';

it('takes lists apart, and brings what is in them into one form', () => {
  expect(members(' numpy ,pandas', 'numpy,,scipy', '')).toEqual(['numpy', 'pandas', 'scipy']);
  expect(members()).toEqual([]);
  expect(members(',', ' ')).toEqual([]);
});
