/**
 * All tests in TypeScript: the suites against real containers in `__test__`, and the CLI's unit tests beside its code.
 *
 * Suites of the library run twice, but for those that `LOCAL` names: with engines in the process of the test, and with
 * engines at a server (`__test__/support/any-engine.ts`).
 */
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { ALONE, LOCAL } from './__test__/support/suites.mjs';

const common = {
  // Engines mark their containers with their process, so each file needs a process of its own.
  pool: 'forks',
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // `import 'isol8'` finds this checkout through a link. Node has to load it as it loads any package.
  server: { deps: { external: [/\/dist\/index\.js$/] } },
} satisfies TestProjectInlineConfiguration['test'];

/** Tests measure times. More than two at once would measure each other. */
const WORKERS = 2;

const files = (suites: string[]) => suites.map((suite) => `__test__/${suite}.test.ts`);
const local = Object.keys(LOCAL).map((suite) => `library/${suite}`);

/** A project of these files. Vitest runs files of a project with one worker after the others, by themselves. */
function project(engines: 'local' | 'remote', isAlone: boolean, include: string[], exclude: string[]) {
  const name = isAlone ? `${engines}, alone` : engines;
  return { test: { ...common, name, include, exclude, maxWorkers: isAlone ? 1 : WORKERS, provide: { engines } } };
}

export default defineConfig({
  test: {
    globalSetup: ['__test__/support/global-setup.ts'],
    projects: [
      project('local', false, ['__test__/**/*.test.ts', 'cli/src/**/*.test.ts'], files(ALONE)),
      project('remote', false, ['__test__/library/**/*.test.ts'], files([...local, ...ALONE])),
      project('local', true, files(ALONE), []),
      project('remote', true, files(ALONE), files(local)),
    ],
  },
});
