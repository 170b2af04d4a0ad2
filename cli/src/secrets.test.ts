import { expect, it } from 'vitest';
import { parseSecrets } from './secrets.js';

it('splits at the first equals sign', () => {
  expect(parseSecrets(['A=1', 'B=x=y=', 'EMPTY='])).toEqual({ A: '1', B: 'x=y=', EMPTY: '' });
});

it.each(['hunter2', '=hunter2', ''])('refuses what has no name, without repeating it (%j)', (flag) => {
  const attempt = () => parseSecrets(['A=1', flag]);
  expect(attempt).toThrow('Invalid value for --secret (number 2): expected KEY=VALUE');
  expect(attempt).not.toThrow('hunter2');
});
