/** `Semaphore`. */
import { Semaphore } from 'isol8';
import { describe, expect, it } from 'vitest';

/** Lets everything run that can. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

it.each([0, -1, 0.5, Number.NaN, Infinity, -Infinity, undefined, 'x'])('refuses a maximum of %s', (max) => {
  expect(() => new Semaphore(max as number)).toThrow('Semaphore max must be >= 1');
});

it('does not count a fraction of a permit', async () => {
  const semaphore = new Semaphore(1.9);
  expect(semaphore.available).toBe(1);
  await semaphore.acquire();
  expect(semaphore.available).toBe(0);
});

it('gives out what it has at once', async () => {
  const semaphore = new Semaphore(2);
  await semaphore.acquire();
  await semaphore.acquire();
  expect(semaphore).toMatchObject({ available: 0, pending: 0 });
  semaphore.release();
  expect(semaphore.available).toBe(1);
});

it('serves in the order of asking', async () => {
  const semaphore = new Semaphore(1);
  const served: number[] = [];
  await semaphore.acquire();
  for (const i of [0, 1, 2]) void semaphore.acquire().then(() => served.push(i));
  expect(semaphore.pending).toBe(3);
  for (const expected of [[0], [0, 1], [0, 1, 2]]) {
    semaphore.release();
    await settled();
    expect(served).toEqual(expected);
  }
  expect(semaphore).toMatchObject({ available: 0, pending: 0 });
});

it('passes a permit on without letting a newcomer in between', async () => {
  const semaphore = new Semaphore(1);
  const served: string[] = [];
  await semaphore.acquire();
  void semaphore.acquire().then(() => served.push('waiter'));
  semaphore.release();
  void semaphore.acquire().then(() => served.push('newcomer'));
  await settled();
  expect(served).toEqual(['waiter']);
  expect(semaphore).toMatchObject({ available: 0, pending: 1 });
});

describe('a release too many', () => {
  it('throws and creates no permit', () => {
    const semaphore = new Semaphore(1);
    expect(() => semaphore.release()).toThrow('Semaphore released more often than it was acquired');
    expect(semaphore.available).toBe(1);
  });
});
