/** `isol8 build`, `isol8 list-custom` and what `isol8 setup` builds besides the images of the runtimes. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, inject, it, onTestFinished } from 'vitest';
import { docker, inspect } from '../support/docker.js';
import { cli } from '../support/process.js';
import { Scope } from '../support/scope.js';

const env = inject('buildEnv');
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

async function directoryWith(files: Record<string, string>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'isol8-build-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
  return directory;
}

it('builds an image with packages and a setup script, which list-custom shows', { timeout: 60_000 }, async () => {
  const tag = tagOf('bun');
  const cwd = await directoryWith({ 'setup.sh': 'echo 1 > one\necho 2 > two\n' });
  const flags = ['--install', ' is-odd, zod', '--install=zod', '--setup', 'setup.sh', 'semver'];
  const args = ['build', '--base', 'bun', '--tag', tag, ...flags];
  const first = await cli(args, { env, cwd }).ended;
  expect(first).toEqual({
    code: 0,
    stdout: `
[DONE] Custom image build complete!
  Runtime:  bun
  Packages: is-odd, semver, zod
  Setup:    echo 1 > one ...
  Image:    ${tag}
`,
    stderr: `[OK] Docker is running\n[OK] Base image ready: bun\n[OK] Built image: ${tag}\n`,
  });
  const { Id } = await inspect(tag);
  expect(await cli(args, { env, cwd }).ended).toEqual(first);
  expect((await inspect(tag)).Id).toBe(Id);

  const listed = await cli(['list-custom']).ended;
  expect(listed).toMatchObject({ code: 0, stderr: '[OK] Docker is running\n' });
  expect(listed.stdout.startsWith('── Available Custom Images ──\n\n')).toBe(true);
  expect(`${listed.stdout}\n`).toContain(
    `\n\n${tag}\n  Runtime:      bun\n  Dependencies: is-odd, semver, zod\n  Setup:        echo 1 > one ...\n`,
  );
});

// W91, C18.
it('lists images whatever they are called, and says if there are none', async () => {
  const scope = await Scope.open();
  expect(await cli(['list-custom'], { env: scope.env }).ended).toEqual({
    code: 0,
    stdout: '',
    stderr: '[OK] Docker is running\nNo custom isol8 images found.\n',
  });
  const tag = `mine-${scope.id}:1`;
  await scope.image(tag, ['org.isol8.runtime=python', 'org.isol8.setup="\\u001b[2Jid"']);
  const { stdout } = await cli(['list-custom'], { env: scope.env }).ended;
  expect(stdout).toContain(`── Available Custom Images ──\n\n${tag}\n  Runtime:      python\n  Dependencies: (none)\n`);
  expect(stdout).not.toContain('\x1b');
});

it.each([
  [
    ['--base', 'ruby', '--tag', 'x', '--install', 'rake'],
    'Invalid runtime: ruby. Expected one of: python, node, bun, deno, bash, agent',
  ],
  [
    ['--base', 'python', '--tag', 'x'],
    'No packages or setup script specified. Use --install <package> or --setup <command>.',
  ],
  [
    ['--base', 'python', '--tag', 'x', '--install', ' , ', '--setup', ''],
    'No packages or setup script specified. Use --install <package> or --setup <command>.',
  ],
])('refuses to build %j', async (flags, message) => {
  expect(await cli(['build', ...flags]).ended).toEqual({ code: 1, stdout: '', stderr: `[ERR] ${message}\n` });
});

// W76, C10, C31.
it('builds in setup what the configuration and flags ask for, and nothing twice', { timeout: 60_000 }, async () => {
  const tag = tagOf('prebuilt');
  const config = (setupScript: string) =>
    JSON.stringify({
      prebuiltImages: [{ tag, runtime: 'bash', installPackages: [], setupScript }],
      dependencies: { bun: ['zod'] },
    });
  const cwd = await directoryWith({ 'isol8.config.json': config('echo 1') });
  const setup = () => cli(['setup', '--only', 'bun,bash', '--bun', ` is-odd,${RUN_PACKAGE}`], { env, cwd }).ended;
  const { code, stdout, stderr } = await setup();
  const baked = /isol8:bun-custom-[0-9a-f]{12}/.exec(stderr)?.[0] ?? '';
  onTestFinished(async () => {
    await docker(['rmi', '--force', baked]);
  });
  const base = '[OK] Docker is running\n[OK] bun: Up to date\n[OK] bash: Up to date\n';
  expect({ code, stdout }).toEqual({ code: 0, stdout: '\n[DONE] Setup complete!\n' });
  expect(stderr).toBe(`${base}[OK] ${baked} (bun: ${RUN_PACKAGE}, is-odd)\n[OK] ${tag} (bash: setup script only)\n`);
  const { Labels } = (await inspect(baked)).Config;
  expect(Labels['org.isol8.deps.hash'].slice(0, 12)).toBe(baked.slice(-12));

  expect((await setup()).stderr).toBe(`${base}[OK] ${baked} (already exists)\n[OK] ${tag} (already exists)\n`);
  await writeFile(join(cwd, 'isol8.config.json'), config('echo 2'));
  expect((await setup()).stderr).toBe(`${base}[OK] ${baked} (already exists)\n[OK] ${tag} (bash: setup script only)\n`);
  expect((await inspect(tag)).Config.Labels['org.isol8.setup']).toBe('echo 2');
});

/** Not in any image that a user of this machine may have asked for. */
const RUN_PACKAGE = 'is-even';

it('fails in setup with what an image failed with', async () => {
  const prebuiltImages = [{ tag: tagOf('bad'), runtime: 'bash', installPackages: ['a b'] }];
  const cwd = await directoryWith({ 'isol8.config.json': JSON.stringify({ prebuiltImages }) });
  const { code, stderr } = await cli(['setup', '--only', 'bash'], { env, cwd }).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/\[ERR\] Invalid package name: "a b"\..*\n$/);
});
