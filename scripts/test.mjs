// `npm test`: everything, from whatever state this checkout is in.
//
// What is missing is installed, built and started first, as the quickstart does it. The last line on stdout
// is `N passed, N failed`, with `, N skipped` if a check could not be made here; the exit status is 0 only if nothing
// failed. It runs before `npm install`, so it uses nothing but Node.js.

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditChecks } from './audit/checks.mjs';
import { ensureBaseImage, extraCa } from './lib/base-image.mjs';
import { ensureBrowser } from './lib/browser.mjs';
import { ensureCaddy } from './lib/caddy.mjs';
import { runChecks } from './lib/checks.mjs';
import { countRustTests, countVitest } from './lib/counts.mjs';
import { ensureDatabases } from './lib/databases.mjs';
import { ensureDocker } from './lib/docker.mjs';
import { checkToolchains, installDependencies, root } from './lib/project.mjs';
import { ensureSchemathesis } from './lib/schemathesis.mjs';
import { ensureShells } from './lib/shells.mjs';
import { Failure } from './lib/steps.mjs';
import { pass, transcript } from './lib/transcript.mjs';

const GENERATED = ['index.js', 'index.d.ts'];

const TOOLS = 'toolchains';
const DOCKER = 'Docker engine';
const DATABASES = 'PostgreSQL and MariaDB';
const BASE = 'base image';
const PACKAGES = 'npm dependencies';
const BUILD = 'build of guest, addon, library and CLI';
const IMAGES = 'images of all runtimes';
const CADDY = 'Caddy, to stand in front of a server';
const BROWSER = 'browser that the console is tested in';
const SCHEMATHESIS = 'Schemathesis, to ask a server anything';
const SHELLS = 'shells that completions are tested in';

let generatedBefore = [];
let env = {};

const { passed, failed, skipped } = await runChecks([
  { name: TOOLS, run: checkToolchains },
  { name: DOCKER, run: ensureDocker },
  { name: DATABASES, run: ensureDatabases },
  { name: BASE, needs: [DOCKER], run: (task) => ensureBaseImage(task) },
  { name: PACKAGES, needs: [TOOLS], run: installDependencies },
  { name: SHELLS, run: ensureShells },
  { name: BROWSER, run: ensureBrowser },
  { name: CADDY, needs: [PACKAGES], run: ensureCaddy },
  { name: SCHEMATHESIS, needs: [PACKAGES], run: ensureSchemathesis },

  check('formatting of Rust', 'cargo', ['fmt', '--all', '--check'], {
    needs: [TOOLS],
    next: '`cargo fmt` formats everything',
  }),
  check('formatting of the fuzz targets', 'cargo', ['fmt', '--manifest-path', 'fuzz/Cargo.toml', '--check'], {
    needs: [TOOLS],
    next: '`cargo fmt --manifest-path fuzz/Cargo.toml` formats them',
  }),
  check('formatting and lints of JavaScript and TypeScript', 'npm', ['run', '--silent', 'lint', '--', '--colors=off'], {
    needs: [PACKAGES],
    next: '`npm run format` mends most of it',
  }),
  ...auditChecks({ packages: PACKAGES }),
  check('seccomp profile is the derived one', process.execPath, ['seccomp/derive.mjs', '--check'], {}),

  {
    name: BUILD,
    needs: [PACKAGES],
    async run() {
      generatedBefore = await digests();
      await pass('npm', ['run', '--silent', 'build'], { what: 'the build failed' });
    },
  },
  {
    name: 'generated files are up to date',
    needs: [BUILD],
    async run() {
      const after = await digests();
      const changed = GENERATED.filter((_, i) => after[i] !== generatedBefore[i]);
      if (changed.length)
        throw new Failure(`the build changed ${changed.join(' and ')}`, { next: 'commit what it wrote' });
    },
  },
  check('types of the tests', bin('tsc'), ['--noEmit', '--project', '.'], { needs: [BUILD] }),
  {
    name: IMAGES,
    needs: [BASE, BUILD],
    async run(task) {
      env = extraCa(task);
      await pass(process.execPath, ['cli/dist/main.js', 'setup'], { env, what: 'an image could not be built' });
    },
  },

  // Clippy and the tests share the development profile, and so the guest that their build script makes.
  check('lints of Rust', 'cargo', ['clippy', '--workspace', '--all-targets', '--locked', '--', '-D', 'warnings'], {
    needs: [TOOLS],
  }),
  {
    name: 'tests in Rust',
    needs: [TOOLS, DATABASES],
    async run(task) {
      const args = ['test', '--workspace', '--locked', '--no-fail-fast'];
      const onLine = (line) => /^\s+(Running|Doc-tests) |^test result:/.test(line) && task.note(line.trim());
      const { ok, output } = await transcript('cargo', args, { onLine });
      return tell(task, countRustTests(output), ok, output);
    },
  },
  {
    name: 'tests in TypeScript, with real containers',
    needs: [IMAGES, SHELLS, CADDY, BROWSER, SCHEMATHESIS],
    async run(task) {
      const directory = await mkdtemp(join(tmpdir(), 'isol8-test-'));
      try {
        const file = join(directory, 'report.json');
        const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
        const onLine = (line) => /^ [✓✗×❯↓] .*\S+\.test\.ts \(\d+ test/.test(line) && task.note(line.trim());
        const { ok, output } = await transcript(bin('vitest'), args, { env, onLine });
        const report = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
        return tell(task, report && countVitest(report), ok, output);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  },
]);

process.stdout.write(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}\n`);

/** A program that an npm dependency brings. */
function bin(name) {
  return join(root, 'node_modules/.bin', name);
}

/** A check that is one program, which has to succeed. */
function check(name, command, args, { needs, next }) {
  return { name, needs, run: () => pass(command, args, { what: `${name}: failed`, next }).then(() => undefined) };
}

/** The counts of a test run. A runner that fails without a failed test has one: itself. */
function tell(task, counts = { passed: 0, failed: 0, skipped: 0 }, ok, output) {
  const failed = counts.failed || (ok && counts.passed ? 0 : 1);
  task.note(`${counts.passed} passed, ${failed} failed${counts.skipped ? `, ${counts.skipped} skipped` : ''}`);
  return { passed: counts.passed, failed, log: output.trimEnd() };
}

function digests() {
  const digest = async (name) =>
    createHash('sha256')
      .update(await readFile(join(root, name), 'utf8').catch(() => ''))
      .digest('hex');
  return Promise.all(GENERATED.map(digest));
}
