/** Publishing a release, with an npm that notes what it is asked for instead of doing it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../support/paths.js';
import { type Ended, Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';

const PACKAGES = ['isol8', '@isol8/cli', '@isol8/addon-linux-x64-gnu', '@isol8/addon-darwin-arm64'];

/** A directory with the tarballs of a release: nothing but manifests. */
function release(version: string): string {
  const directory = scratch();
  for (const name of PACKAGES) {
    const stage = join(scratch(), 'package');
    mkdirSync(stage);
    writeFileSync(join(stage, 'package.json'), JSON.stringify({ name, version }));
    const file = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
    execFileSync('tar', ['-czf', join(directory, file), '-C', join(stage, '..'), 'package']);
  }
  return directory;
}

/** Publishes with an npm that finds `published` in the registry, or that fails to look with `failure`. */
async function publish(
  directory: string,
  { published = [], failure = 'E404', token }: { published?: string[]; failure?: string; token?: string } = {},
): Promise<{ ended: Ended; calls: string[]; config: string }> {
  const bin = scratch();
  const npm = `#!/usr/bin/env node
    const { appendFileSync, copyFileSync } = require('node:fs');
    const [command, ...args] = process.argv.slice(2);
    if (command === 'config') console.log('https://registry.example/npm/');
    if (command === 'view') {
      if (${JSON.stringify(published)}.includes(args[0])) return console.log(args[0].split('@').at(-1));
      console.error(${JSON.stringify(`npm error code ${failure}`)});
      process.exit(1);
    }
    if (command === 'publish') {
      appendFileSync('${bin}/calls', args.map((arg) => arg.split('/').at(-1)).join(' ') + '\\n');
      if (process.env.npm_config_userconfig) copyFileSync(process.env.npm_config_userconfig, '${bin}/config');
      if (process.env.NPM_TOKEN) throw new Error('the token is for the configuration only');
    }`;
  writeFileSync(join(bin, 'npm'), npm);
  chmodSync(join(bin, 'npm'), 0o755);
  const env = { PATH: `${bin}:${process.env.PATH}`, NPM_TOKEN: token, npm_config_userconfig: undefined };
  const args = [join(ROOT, 'scripts/release/publish.mjs'), directory];
  const ended = await new Process(process.execPath, args, { env }).ended;
  const read = (name: string) => (existsSync(join(bin, name)) ? readFileSync(join(bin, name), 'utf8') : '');
  return { ended, calls: read('calls').split('\n').slice(0, -1), config: read('config') };
}

it('platforms come first, then the library, then what depends on it', async () => {
  const { ended, calls, config } = await publish(release('1.2.3'));
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(calls).toEqual([
    'isol8-addon-darwin-arm64-1.2.3.tgz --provenance --access public --tag latest',
    'isol8-addon-linux-x64-gnu-1.2.3.tgz --provenance --access public --tag latest',
    'isol8-1.2.3.tgz --provenance --access public --tag latest',
    'isol8-cli-1.2.3.tgz --provenance --access public --tag latest',
  ]);
  expect(config).toBe('');
});

it('a pre-release does not become the latest', async () => {
  const { calls } = await publish(release('1.2.3-rc.1'));
  expect(calls).toHaveLength(4);
  for (const call of calls) expect(call).toMatch(/ --tag next$/);
});

it('what is published already is left alone', async () => {
  const published = ['@isol8/addon-darwin-arm64@1.2.3', 'isol8@1.2.3'];
  const { ended, calls } = await publish(release('1.2.3'), { published });
  expect(ended.stdout).toContain('isol8@1.2.3 is published already\n');
  expect(calls.map((call) => call.split(' ')[0])).toEqual([
    'isol8-addon-linux-x64-gnu-1.2.3.tgz',
    'isol8-cli-1.2.3.tgz',
  ]);
});

it('a registry that does not answer ends it', async () => {
  const { ended, calls } = await publish(release('1.2.3'), { failure: 'ETIMEDOUT' });
  expect(ended).toMatchObject({ code: 1, stdout: '', stderr: 'error: npm error code ETIMEDOUT\n\n' });
  expect(calls).toEqual([]);
});

it('a token is for the registry that npm is set to, and nobody else gets it', async () => {
  const { ended, config } = await publish(release('1.2.3'), { token: 'npm_example' });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(config).toBe('//registry.example/npm/:_authToken=npm_example\n');
  expect(ended.stdout).not.toContain('npm_example');
});

it('nothing to publish is a failure', async () => {
  const { ended } = await publish(scratch());
  expect(ended).toMatchObject({ code: 1, stdout: '' });
  expect(ended.stderr).toContain('there is nothing to publish');
});

it('a tag that is not the version stops a release before it begins', async () => {
  const args = [join(ROOT, 'scripts/release/notes.mjs'), 'v97.0.1'];
  const { code, stdout, stderr } = await new Process(process.execPath, args).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toBe('error: the tag is v97.0.1, but another version stands in package.json\n');
});
