/** Images with packages and setup scripts: built from the real registries, used without a network by the sandbox user. */
import { randomUUID } from 'node:crypto';
import { buildCustomImage, type ExecutionRequest, imageExists, LABELS, listCustomImages, type Runtime } from 'isol8';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build, docker, inspect } from '../support/docker.js';
import { ownEngine } from '../support/engine.js';

const RUN = randomUUID().slice(0, 8);
const tagOf = (name: string) => `isol8-test-${RUN}:${name}`;

afterAll(async () => {
  const tags = await docker([
    'images',
    '--format',
    '{{.Repository}}:{{.Tag}}',
    '--filter',
    `reference=isol8-test-${RUN}`,
  ]);
  if (tags !== '') await docker(['rmi', '--force', ...tags.split('\n')]);
});

type Progress = { status: string; message?: string };

/** Builds, and resolves with all progress. */
async function built(
  runtime: Runtime,
  packages: string[],
  tag: string,
  { force, setup }: { force?: boolean; setup?: string } = {},
): Promise<Progress[]> {
  const progress: Progress[] = [];
  await buildCustomImage(
    null,
    runtime,
    packages,
    tag,
    ({ status, message }) => progress.push({ status, message }),
    force,
    setup,
  );
  // The last call comes in the same turn as the result.
  await new Promise(setImmediate);
  return progress;
}

async function outputIn(image: string, request: ExecutionRequest): Promise<string> {
  const { stdout, stderr, exitCode } = await ownEngine({ image }).execute(request);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return stdout;
}

// W58, W71: with the environment of any execution, by uid 100, without a network.
describe.each<[Runtime, string[], [what: string, request: Omit<ExecutionRequest, 'runtime'>, output: string][]]>([
  [
    'python',
    ['numpy', 'six'],
    [
      ['import', { code: 'import os, six; print(six.PY3, os.getuid())' }, 'True 100'],
      ['import of what has native code', { code: 'import numpy; print(numpy.arange(5).sum())' }, '10'],
    ],
  ],
  [
    'node',
    ['lodash', 'semver'],
    [
      ['require', { code: 'console.log(require("lodash").sum([1, 2]))' }, '3'],
      ['import', { code: 'import _ from "lodash"; console.log(_.sum([1, 2]))' }, '3'],
      [
        'import in a module',
        { code: 'import _ from "lodash"; console.log(_.sum([1, 2]))', fileExtension: '.mjs' },
        '3',
      ],
      ['a program', { cmd: 'semver 1.2.3' }, '1.2.3'],
    ],
  ],
  ['bun', ['zod'], [['import', { code: 'import { z } from "zod"; console.log(z.string().parse("x"))' }, 'x']]],
  [
    'deno',
    // W57.
    ['npm:is-odd@^3.0.1'],
    [
      ['the same specifier', { code: 'import isOdd from "npm:is-odd@^3.0.1"; console.log(isOdd(3))' }, 'true'],
      ['another range', { code: 'import isOdd from "npm:is-odd"; console.log(isOdd(3))' }, 'true'],
    ],
  ],
  ['bash', ['jq'], [['the program', { code: `echo '{"a":[1,2]}' | jq -c '.a'` }, '[1,2]']]],
])('packages for %s', (runtime, packages, uses) => {
  const tag = tagOf(runtime);

  beforeAll(async () => {
    const progress = await built(runtime, packages, tag);
    expect(progress.at(-1)).toEqual({ status: 'done', message: undefined });
  }, 120_000);

  it.each(uses)('can be used: %s', async (_, request, output) => {
    expect(await outputIn(tag, { runtime, ...request })).toBe(output);
  });

  it('are there for a request that needs them, which installs nothing', async () => {
    const engine = ownEngine({ network: 'filtered', networkFilter: { whitelist: ['^nowhere\\.invalid$'] } });
    const [[, request, output]] = uses as [(typeof uses)[number]];
    const result = await engine.execute({ runtime, ...request, installPackages: packages });
    expect(result).toMatchObject({ exitCode: 0, stdout: output });
    expect(result.installMs).toBeUndefined();
    const { Image } = await inspect(result.containerId ?? '');
    expect((await inspect(Image)).Config.Labels[LABELS.dependencies]).toBe(packages.join(','));
  });

  it('are what the labels say', async () => {
    const { Labels } = (await inspect(tag)).Config;
    expect(Labels[LABELS.runtime]).toBe(runtime);
    expect(Labels[LABELS.dependencies]).toBe(packages.join(','));
    expect(Labels[LABELS.depsHash]).toMatch(/^[0-9a-f]{64}$/);
    expect(Labels).not.toHaveProperty(LABELS.setupScript);
    const listed = (await listCustomImages()).find(({ tags }) => tags.includes(tag));
    expect(listed).toMatchObject({ runtime, dependencies: packages });
  });
});

describe('a setup script', () => {
  // Everything that a Dockerfile or a shell could take for something else.
  const script =
    'greeting="it\'s \\"$HOME\\" $(id -u) `id -g`"\n\necho "$greeting \\\\ ${PWD}" > greeting\n# RUN id \\';

  // W70: no package manager is asked for nothing.
  it('is enough for an image, and arrives as it was written', async () => {
    const tag = tagOf('setup');
    await built('python', [], tag, { setup: script });
    const { Labels } = (await inspect(tag)).Config;
    expect(Labels[LABELS.setupScript]).toBe(script);
    expect(Labels[LABELS.dependencies]).toBe('');
    expect(await outputIn(tag, { runtime: 'python', code: 'print(open("greeting").read())' })).toBe(
      'it\'s "/sandbox" 100 101 \\ /sandbox',
    );
  });

  it('that is as long as it may be is kept whole', async () => {
    const tag = tagOf('long-setup');
    const long = `echo whole #${'é"$\\\n#a'.repeat(1_900)}`;
    await built('bash', [], tag, { setup: long });
    expect((await inspect(tag)).Config.Labels[LABELS.setupScript]).toBe(long);
  });
});

describe('an image that is there', () => {
  const tag = tagOf('again');
  const setup = (script: string) => built('bash', [], tag, { setup: script });

  it('is built again when it has changed, and only then', async () => {
    await setup('echo 1');
    const first = (await inspect(tag)).Id;
    expect(await setup('echo 1')).toEqual([{ status: 'done', message: 'Up to date' }]);
    expect((await inspect(tag)).Id).toBe(first);
    // W76.
    expect((await setup('echo 2')).at(-1)).toEqual({ status: 'done', message: undefined });
    expect((await inspect(tag)).Id).not.toBe(first);
    // What it was is gone.
    expect(await imageExists(null, first)).toBe(false);
  });

  it('is built again when forced to', async () => {
    const packages = tagOf('forced');
    await built('bun', ['is-odd'], packages);
    const first = (await inspect(packages)).Id;
    const progress = await built('bun', ['is-odd'], packages, { force: true });
    expect(progress.at(-1)).toEqual({ status: 'done', message: undefined });
    expect(progress.some(({ message }) => message?.includes('installed is-odd'))).toBe(true);
    expect((await inspect(packages)).Id).not.toBe(first);
    expect(await imageExists(null, first)).toBe(false);
  }, 60_000);

  it('is replaced even if it was made by others', async () => {
    const other = tagOf('other');
    await build(other, 'FROM isol8:bash\nENV ISOL8_TEST=1\n');
    expect((await built('bash', [], other, { setup: 'true' })).at(-1)).toEqual({ status: 'done', message: undefined });
  });
});

describe('what cannot be built', () => {
  it.each([
    ['bash', ['jq; touch /tmp/x'], 'Invalid package name: "jq; touch /tmp/x".', 'INVALID_PACKAGE'],
    ['python', ['--index-url=x'], 'Invalid package name: "--index-url=x".', 'INVALID_PACKAGE'],
    ['node', ['a"]\nRUN id'], 'Invalid package name: "a"]\\nRUN id".', 'INVALID_PACKAGE'],
    ['ruby', ['rake'], 'Unknown runtime: ruby', 'UNKNOWN_RUNTIME'],
    ['python', [' '], 'No packages or setup script specified.', 'INVALID_REQUEST'],
  ])('is refused before anything is done: %s %j', async (runtime, packages, message, code) => {
    // Nor is there a Docker engine that could do anything.
    const nowhere = { socketPath: '/nowhere.sock' };
    await expect(buildCustomImage(nowhere, runtime as Runtime, packages, tagOf('refused'))).rejects.toMatchObject({
      message: expect.stringContaining(message),
      code,
    });
  });

  it.each(['isol8:python', 'docker.io/library/isol8:bash', 'Mine', '../containers/json', 'a?b=c', 'a b'])(
    'has a name of its own: not %s',
    async (tag) => {
      await expect(buildCustomImage(null, 'bash', ['jq'], tag)).rejects.toMatchObject({
        message: expect.stringContaining('invalid image tag'),
        code: 'INVALID_REQUEST',
      });
    },
  );

  it('fails with what the package manager said', async () => {
    const missing = `isol8-test-${RUN}-no-such-package`;
    const progress: Progress[] = [];
    const error = await buildCustomImage(null, 'bash', [missing], tagOf('missing'), (p) => progress.push(p)).catch(
      (e) => e,
    );
    expect(error).toMatchObject({
      code: 'IMAGE_BUILD_FAILED',
      message: expect.stringContaining('Unable to locate package'),
    });
    expect(error.message).toContain(`Failed to build image for ${tagOf('missing')}`);
    expect(error.message.length).toBeLessThan(3000);
    expect(await imageExists(null, tagOf('missing'))).toBe(false);
    await expect.poll(() => progress.at(-1)?.status).toBe('error');
  });
});
