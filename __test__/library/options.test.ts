/** Options of an engine: what makes no sense is refused when the engine is made, and named. */
import { DockerIsol8, type DockerIsol8Options } from 'isol8';
import { describe, expect, it } from 'vitest';
import { construct, here } from '../support/any-engine.js';

const BAD: [option: string, values: unknown[]][] = [
  ['mode', ['lasting', '', 1]],
  ['network', ['bridge', '', 'NONE', 3, {}]],
  ['cpuLimit', [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1', 1e9]],
  ['pidsLimit', [0, -5, 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '64']],
  ['readonlyRootFs', ['yes', 1]],
  ['maxOutputSize', [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1024']],
  // W15: limits that make no sense were taken.
  ['timeoutMs', [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '1000']],
  ['memoryLimit', [1024, '1m']],
  ['sandboxSize', [1024]],
  ['tmpSize', [1024]],
  ['image', ['', ' ', 'a b', 7]],
  ['poolStrategy', ['slow', '', 1]],
  ['poolSize', [-1, 0.5, Number.NaN, '1', { clean: -1 }, { dirty: 1e9 }]],
  ['persist', ['yes', 1]],
  ['debug', ['yes']],
  ['docker', ['unix:///var/run/docker.sock', { socketPath: 1 }, { port: 'x' }]],
];

describe.each(BAD)('%s', (option, values) => {
  it.each(values)('cannot be %o', (value) => {
    let thrown: unknown;
    try {
      construct({ [option]: value } as DockerIsol8Options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Error);
    expect(thrown).toMatchObject({ code: 'INVALID_OPTIONS', message: expect.stringContaining(option) });
  });
});

// W47: sizes of the mounts were not looked at.
it.each(['memoryLimit', 'sandboxSize', 'tmpSize'])('%s is a size', (option) => {
  for (const value of ['', 'lots', '-1m', '512x', '1e3', '1..5g', '0']) {
    expect(() => construct({ [option]: value })).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTIONS',
        message: `Invalid memory limit format: "${value}". Use e.g. "512m", "1g".`,
      }),
    );
  }
  for (const value of ['67108864', '65536k', '512m', '1g', '512MB', '0.5G', '0.001t']) {
    expect(construct({ [option]: value })).toBeDefined();
  }
});

here(() => {
  it.each([0, -1, Number.NaN, 0.5])('maxConcurrent cannot be %o', (max) => {
    expect(() => new DockerIsol8({}, max)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', message: 'Semaphore max must be >= 1' }),
    );
  });
});

it.each([null, 'options', 7, true, [], () => {}])('are an object, not %o', (options) => {
  // Nothing at all is fine, and so is an object without any option, as an array is.
  const make = () => construct(options as never);
  if (options === null || Array.isArray(options)) expect(make()).toBeDefined();
  else expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
});

it('may all be absent', () => {
  expect(construct()).toBeDefined();
  expect(construct(undefined)).toBeDefined();
  expect(construct({ timeoutMs: undefined, image: undefined, poolSize: undefined })).toBeDefined();
});

it('may be unknown to us', () => {
  expect(construct({ colour: 'red' } as never)).toBeDefined();
});

it('that throw when they are read are an error, not a crash', () => {
  const options = {
    get timeoutMs(): number {
      throw new Error('trap');
    },
  };
  expect(() => construct(options)).toThrow();
});
