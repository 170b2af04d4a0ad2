/** All tests in TypeScript: the suites against real containers in `__test__`, and the CLI's unit tests beside its code. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['__test__/**/*.test.ts', 'cli/src/**/*.test.ts'],
    globalSetup: ['__test__/support/global-setup.ts'],
    // Engines mark their containers with their process, so each file needs a process of its own.
    pool: 'forks',
    // Tests measure times. More than two at once would measure each other.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // `import 'isol8'` finds this checkout through a link. Node has to load it as it loads any package.
    server: { deps: { external: [/\/dist\/index\.js$/] } },
  },
});
