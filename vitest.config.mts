/**
 * All tests in TypeScript: the suites against real containers in `__test__`, and the CLI's unit tests beside its code.
 *
 * Suites of the library run twice, but for those that `LOCAL` names: with engines in the process of the test, and with
 * engines at a server (`__test__/support/any-engine.ts`).
 */
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { LOCAL } from './__test__/support/local-suites.mjs';

const common = {
  // Engines mark their containers with their process, so each file needs a process of its own.
  pool: 'forks',
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // `import 'isol8'` finds this checkout through a link. Node has to load it as it loads any package.
  server: { deps: { external: [/\/dist\/index\.js$/] } },
} satisfies TestProjectInlineConfiguration['test'];

export default defineConfig({
  test: {
    globalSetup: ['__test__/support/global-setup.ts'],
    // Tests measure times. More than two at once would measure each other.
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...common,
          name: 'local',
          include: ['__test__/**/*.test.ts', 'cli/src/**/*.test.ts'],
          provide: { engines: 'local' },
        },
      },
      {
        test: {
          ...common,
          name: 'remote',
          include: ['__test__/library/**/*.test.ts'],
          exclude: Object.keys(LOCAL).map((suite) => `__test__/library/${suite}.test.ts`),
          provide: { engines: 'remote' },
        },
      },
    ],
  },
});
