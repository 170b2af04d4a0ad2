import { expect, it } from 'vitest';
import { positiveInteger, positiveNumber } from './numbers.js';

it('reads whole numbers, and fractions where they make sense', () => {
  expect(positiveInteger('--timeout', '500')).toBe(500);
  expect(positiveNumber('--cpu', '2')).toBe(2);
  expect(positiveNumber('--cpu', '0.5')).toBe(0.5);
  expect(positiveNumber('--cpu', '.5')).toBe(0.5);
});

it('leaves a flag that was not given to the engine’s default', () => {
  expect(positiveInteger('--timeout', undefined)).toBeUndefined();
});

// W79: what was no number became a limit that was none.
it.each(['', ' ', '0', '-1', '+1', '1.5', '10s', '1e3', '0x10', 'NaN', 'Infinity', ' 5', '99999999999999999999'])(
  'refuses %j as a whole number',
  (text) => {
    expect(() => positiveInteger('--timeout', text)).toThrow(`Invalid value for --timeout: ${text}`);
  },
);

it.each(['', '0', '0.0', '-0.5', '1.', '1,5', '1.5.1', '1e3', 'NaN', 'two'])('refuses %j as a number', (text) => {
  expect(() => positiveNumber('--cpu', text)).toThrow(`Invalid value for --cpu: ${text}`);
});
