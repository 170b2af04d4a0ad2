/** `logger`, as the console sees it. */
import { logger } from 'isol8';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

beforeEach(() => {
  for (const method of ['log', 'warn', 'error'] as const) vi.spyOn(console, method).mockImplementation(() => {});
});

afterEach(() => {
  logger.setDebug(false);
  vi.restoreAllMocks();
});

it('prints information as it is', () => {
  logger.info('a', 1, { b: 2 });
  expect(vi.mocked(console.log).mock.calls).toEqual([['a', 1, { b: 2 }]]);
});

it('marks warnings and errors, and prints them where such things go', () => {
  const failure = new Error('no');
  logger.warn('careful', 1);
  logger.error('failed:', failure);
  expect(vi.mocked(console.warn).mock.calls).toEqual([['[WARN]', 'careful', 1]]);
  expect(vi.mocked(console.error).mock.calls).toEqual([['[ERROR]', 'failed:', failure]]);
  expect(console.log).not.toHaveBeenCalled();
});

it('prints debug messages only while asked to', () => {
  logger.debug('before');
  logger.setDebug(true);
  logger.debug('during', 1);
  logger.setDebug(false);
  logger.debug('after');
  expect(vi.mocked(console.log).mock.calls).toEqual([['[DEBUG]', 'during', 1]]);
});

it('works when its methods are passed on', () => {
  const { setDebug, debug } = logger;
  setDebug(true);
  debug('x');
  expect(vi.mocked(console.log).mock.calls).toEqual([['[DEBUG]', 'x']]);
});
