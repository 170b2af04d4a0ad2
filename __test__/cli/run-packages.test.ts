/** `isol8 run --install` and the images of `isol8 build` that make it unnecessary. */
import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { docker } from '../support/docker.js';
import { cli } from '../support/process.js';

const env = inject('buildEnv');
const RUN = randomUUID().slice(0, 8);
const tags: string[] = [];

afterAll(async () => {
  if (tags.length > 0) await docker(['rmi', '--force', ...tags]);
});

const build = (tag: string, args: string[]) => {
  tags.push(tag);
  return cli(['build', ...args], { env }).ended;
};

/** Runs without a network, so that nothing can be installed. */
const run = (...args: string[]) => cli(['run', '--net', 'none', ...args]).ended;

describe.each<[string, string[], [packages: string[], code: string, output: string][]]>([
  [
    'python',
    ['numpy', 'six'],
    [
      [['numpy'], 'import numpy; print(int(numpy.arange(7).sum()))', '21'],
      [['six', 'numpy'], 'import numpy, six; print(six.PY3)', 'True'],
    ],
  ],
  [
    'node',
    ['lodash'],
    [
      [['lodash'], 'console.log(require("lodash").chunk([1, 2, 3], 2).length)', '2'],
      [['lodash'], 'import lodash from "lodash"; console.log(lodash.chunk([1, 2, 3], 2).length)', '2'],
    ],
  ],
  ['bun', ['zod'], [[['zod'], 'import { z } from "zod"; console.log(z.string().parse("x"))', 'x']]],
  [
    'deno',
    ['npm:is-odd@^3.0.1'],
    [[['npm:is-odd@^3.0.1'], 'import odd from "npm:is-odd@^3.0.1"; console.log(odd(3))', 'true']],
  ],
  ['bash', ['jq'], [[['jq'], 'jq -n 6*7', '42']]],
])('an image for %s with %j', (runtime, packages, uses) => {
  const flags = (names: string[]) => names.flatMap((name) => ['--install', name]);

  it('is used without installing anything', { timeout: 120_000 }, async () => {
    const tag = `isol8-test-${RUN}:${runtime}`;
    const built = await build(tag, ['--base', runtime, ...flags(packages), '--tag', tag]);
    expect(built).toMatchObject({ code: 0 });
    for (const [names, code, output] of uses) {
      for (const face of [[], ['--no-stream']]) {
        const ran = await run('--runtime', runtime, ...face, ...flags(names), '--eval', code);
        expect(ran).toEqual({ code: 0, stdout: `${output}\n`, stderr: '' });
      }
    }
    // What it lacks would have to be installed.
    const lacking = await run('--runtime', runtime, ...flags([...packages, 'isol8-has-no-such-package']), '--cmd', ':');
    expect(lacking).toMatchObject({ code: 1, stderr: expect.stringContaining('[ERR] Package install failed') });
  });
});

it('says after a slow install what to type, and that helps', { timeout: 180_000 }, async () => {
  // As slow as an install is on a machine that has much else to do. Nobody else makes images with this package.
  const slow = [
    'run',
    '--cpu',
    '0.05',
    '--timeout',
    '120000',
    '--install',
    'toolz',
    '--cmd',
    'echo ran',
    '-r',
    'python',
  ];
  const { code, stdout, stderr } = await cli(slow).ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'ran\n' });
  expect(stderr).toMatch(
    /^\[INFO\] Installing packages took \d+\.\d s\. Runs that need them skip that once there is an image:\n {2}isol8 build --base python --install toolz --tag my-python-toolz\n$/,
  );
  // An image that was named is used as it is, so there is nothing that would help.
  const named = await cli([...slow, '--image', 'isol8:python']).ended;
  expect(named).toEqual({ code: 0, stdout: 'ran\n', stderr: '' });

  const typed = 'build --base python --install toolz --tag my-python-toolz'.split(' ').slice(1);
  expect(await build('my-python-toolz', typed)).toMatchObject({ code: 0 });
  const helped = await run('--install', 'toolz', '-e', 'import toolz; print(toolz.__name__)');
  expect(helped).toEqual({ code: 0, stdout: 'toolz\n', stderr: '' });
});
