/** Packages that a request asks for: installed by the sandbox user, over the filter, for this run alone. */
import { describe, expect, it } from 'vitest';
import { here, ownEngine } from '../support/any-engine.js';
import { until } from '../support/until.js';

const FILTERED = { network: 'filtered', timeoutMs: 120_000 } as const;

/** The image of a runtime by its name, so that nothing is there already: no image with packages is chosen instead. */
const bare = (runtime: string) => ({ ...FILTERED, image: `isol8:${runtime}` });

// What a package manager does in a sandbox is the same whoever asks for it, and takes its time.
here(() => {
  describe('installed over the filter, with a whitelist that names no registry,', () => {
    const networkFilter = { whitelist: ['^nowhere\\.invalid$'] };

    it.each([
      // W56: without root, on a read-only root file system.
      ['bash', ['jq'], 'echo \'{"a":42}\' | jq .a', '42'],
      ['python', ['six'], 'import six; print(six.__name__)', 'six'],
      ['python', ['numpy'], 'import numpy; print(numpy.arange(5).sum())', '10'],
      // W9: both kinds of modules.
      ['node', ['lodash'], 'console.log(require("lodash").sum([1, 2]))', '3'],
      ['node', ['lodash'], 'import _ from "lodash"; console.log(_.sum([1, 2]))', '3'],
      // W58.
      ['bun', ['zod'], 'import { z } from "zod"; console.log(z.string().parse("x"))', 'x'],
      // W69.
      ['deno', ['npm:is-odd@3'], 'import odd from "npm:is-odd@3"; console.log(odd(3))', 'true'],
    ] as const)('%s uses %s', { timeout: 120_000 }, async (runtime, packages, code, stdout) => {
      const engine = await ownEngine({ ...bare(runtime), networkFilter });
      const result = await engine.execute({ runtime, code, installPackages: [...packages] });
      expect(result).toMatchObject({ exitCode: 0, stdout, installMs: expect.any(Number) });
    });

    it('registries are let through for that run only', { timeout: 120_000 }, async () => {
      const engine = await ownEngine({ ...bare('python'), networkFilter });
      const code = 'pip download --quiet --no-deps --retries 0 --dest /tmp six && echo came';
      const without = await engine.execute({ runtime: 'python', cmd: code });
      expect(without.stdout).not.toContain('came');
      const withPackage = await engine.execute({ runtime: 'python', cmd: code, installPackages: ['six'] });
      expect(withPackage.stdout).toContain('came');
    });
  });
});

it('what one run has installed, the next one does not find', { timeout: 120_000 }, async () => {
  const engine = await ownEngine({ ...bare('python'), poolSize: { clean: 0, dirty: 1 } });
  const code = 'import six';
  const first = await engine.execute({ runtime: 'python', code, installPackages: ['six'] });
  const second = await engine.execute({ runtime: 'python', code });
  expect([first.exitCode, second.exitCode]).toEqual([0, 1]);
  expect(second.containerId).toBe(first.containerId);
});

it('a session keeps what it has installed, and does not install it again', { timeout: 120_000 }, async () => {
  const engine = await ownEngine({ ...bare('python'), mode: 'persistent' });
  const version = (...installPackages: string[]) =>
    engine.execute({ runtime: 'python', code: 'import toolz; print(toolz.__version__)', installPackages });
  const installed = { exitCode: 0, installMs: expect.any(Number) };
  expect(await version('toolz==1.0.0')).toMatchObject({ ...installed, stdout: '1.0.0' });
  const again = await version('toolz==1.0.0');
  expect(again.stdout).toBe('1.0.0');
  expect(again.installMs).toBeUndefined();
  expect((await version()).stdout).toBe('1.0.0');
  // Another version takes the place of the first, which is no longer there then.
  expect(await version('toolz==0.12.1')).toMatchObject({ ...installed, stdout: '0.12.1' });
  expect(await version('toolz==1.0.0')).toMatchObject({ ...installed, stdout: '1.0.0' });
  // What failed has not been installed.
  const missing = 'no-such-package-of-isol8';
  for (let n = 0; n < 2; n++) await expect(version(missing)).rejects.toMatchObject({ code: 'INSTALL_FAILED' });
});

it('registries are closed again to what a session leaves running', { timeout: 120_000 }, async () => {
  const engine = await ownEngine({
    ...bare('python'),
    mode: 'persistent',
    networkFilter: { whitelist: ['^nowhere\\.invalid$'] },
  });
  const download =
    'pip download --quiet --no-deps --retries 0 --dest /tmp six 2>/dev/null && echo came || echo refused';
  const later = `(until [ -e go ]; do sleep 0.05; done; (${download}) > answer.part; mv answer.part answer) > /dev/null 2>&1 &`;
  await engine.execute({ runtime: 'python', cmd: later, installPackages: ['six'] });
  await engine.putFile('go', '');
  await until('the process that was left running to have asked', 30_000, async () =>
    engine.getFile('answer').then(
      () => true,
      () => false,
    ),
  );
  expect((await engine.getFile('answer')).toString()).toBe('refused\n');
});

// W55: names are neither options nor commands.
it.each(['--index-url=x', 'six; touch /tmp/x', '$(id)', 'a b', 'six>=1', 'a\nb'])('%j is no package', async (name) => {
  const engine = await ownEngine(FILTERED);
  await expect(engine.execute({ runtime: 'python', code: '1', installPackages: [name] })).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    message: expect.stringContaining('Only alphanumeric, -, _, ., /, @, and = are allowed.'),
  });
});

it('a package that does not exist fails the run, in both faces, with what the package manager said', {
  timeout: 120_000,
}, async () => {
  // W20: masked, too.
  const engine = await ownEngine({ ...FILTERED, secrets: { NAME: 'no-such-package-of-isol8' } });
  const request = { runtime: 'python', code: 'print("no")', installPackages: ['no-such-package-of-isol8'] } as const;
  const failure = {
    code: 'INSTALL_FAILED',
    message: expect.stringMatching(/^Package install failed \(exit code 1\): /),
  };
  const error = await engine.execute({ ...request, installPackages: [...request.installPackages] }).catch((e) => e);
  expect(error).toMatchObject(failure);
  expect(error.message).toContain('***');
  expect(error.message).not.toContain('no-such-package-of-isol8');
  const events = engine.executeStream({ ...request, installPackages: [...request.installPackages] });
  await expect(events.next()).rejects.toMatchObject(failure);
});
