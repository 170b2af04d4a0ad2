/** Configuration files, as programs read them. */
import { isAbsolute } from 'node:path';
import { loadConfig, readConfig } from 'isol8';
import { describe, expect, it } from 'vitest';
import { type Machine, machine } from '../support/config.js';
import { Process } from '../support/process.js';

/** What an expression about `isol8` gives in a process of that machine, which works in its project directory. */
async function evaluate({ project, home }: Machine, expression: string): Promise<any> {
  const code = `
    import * as isol8 from 'isol8';
    process.chdir(${JSON.stringify(project)});
    console.log(JSON.stringify(${expression}));
  `;
  const { stdout, stderr } = await new Process('node', ['--input-type=module', '--eval', code], { env: { HOME: home } })
    .ended;
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe('loadConfig', () => {
  it('returns the defaults when there is no file', async () => {
    expect(await evaluate(machine(), 'isol8.readConfig()')).toMatchInlineSnapshot(`
      {
        "authDatabase": "~/.isol8/auth.db",
        "config": {
          "audit": {
            "destination": "filesystem",
            "enabled": false,
            "includeCode": false,
            "includeOutput": false,
            "retentionDays": 90,
            "trackResources": true,
          },
          "auth": {
            "cleanupIntervalMs": 3600000,
            "defaultTtlMs": 86400000,
            "enabled": false,
          },
          "cleanup": {
            "autoPrune": true,
            "maxContainerAgeMs": 3600000,
          },
          "debug": false,
          "defaults": {
            "cpuLimit": 1,
            "memoryLimit": "512m",
            "network": "none",
            "readonlyRootFs": true,
            "sandboxSize": "512m",
            "timeoutMs": 30000,
            "tmpSize": "256m",
          },
          "dependencies": {},
          "maxConcurrent": 10,
          "network": {
            "allowPrivate": [],
            "blacklist": [],
            "ports": [
              80,
              443,
            ],
            "whitelist": [],
          },
          "poolSize": {
            "clean": 1,
            "dirty": 1,
          },
          "poolStrategy": "fast",
          "prebuiltImages": [],
          "remoteCode": {
            "allowedHosts": [],
            "allowedSchemes": [
              "https",
            ],
            "blockedHosts": [
              "^localhost$",
              "^127(\\.[0-9]{1,3}){3}$",
              "^10(\\.[0-9]{1,3}){3}$",
              "^172\\.(1[6-9]|2[0-9]|3[01])(\\.[0-9]{1,3}){2}$",
              "^192\\.168(\\.[0-9]{1,3}){2}$",
              "^169\\.254(\\.[0-9]{1,3}){2}$",
              "^(::1|\\[::1\\])$",
              "^metadata\\.google\\.internal$",
            ],
            "cacheTtl": 3600,
            "enableCache": true,
            "enabled": false,
            "fetchTimeoutMs": 30000,
            "maxCodeSize": 10485760,
            "requireHash": false,
          },
          "security": {
            "seccomp": "strict",
          },
          "server": {
            "limits": {
              "bodySize": "64m",
              "cpuLimit": 4,
              "heldSize": "512m",
              "images": [
                "isol8:*",
              ],
              "maxOutputSize": 67108864,
              "memoryLimit": "4g",
              "network": [
                "none",
                "filtered",
              ],
              "perKey": {},
              "perTenant": {},
              "persist": false,
              "pidsLimit": 4096,
              "queue": 4096,
              "sandboxSize": "4g",
              "sessions": 32,
              "timeoutMs": 3600000,
              "tmpSize": "4g",
              "writableRoot": false,
            },
            "maxConnections": 20000,
            "shutdownTimeoutMs": 10000,
          },
        },
        "given": [],
        "source": null,
        "warnings": [],
      }
    `);
  });

  it('reads the project, else the home directory, and never both', async () => {
    const here = machine();
    const userFile = here.inHome({ maxConcurrent: 3, debug: true });
    expect(await evaluate(here, 'isol8.readConfig()')).toMatchObject({
      source: userFile,
      config: { maxConcurrent: 3, debug: true },
    });
    const projectFile = here.inProject({ maxConcurrent: 4 });
    expect(await evaluate(here, 'isol8.readConfig()')).toMatchObject({
      source: projectFile,
      config: { maxConcurrent: 4, debug: false },
    });
  });

  it('reads the directory that it is given, in place of the working directory', async () => {
    const [here, there] = [machine(), machine()];
    here.inProject({ maxConcurrent: 3 });
    const file = there.inProject({ maxConcurrent: 4 });
    expect(await evaluate(here, `isol8.readConfig(${JSON.stringify(there.project)}).source`)).toBe(file);
    expect(await evaluate(here, 'isol8.loadConfig("../project").maxConcurrent')).toBe(3);
  });

  it('merges section by section', () => {
    const { project, inProject } = machine();
    inProject({ defaults: { memoryLimit: '1g' }, network: { whitelist: ['^example\\.com$'] }, poolSize: 0 });
    const { defaults, network, poolSize } = loadConfig(project);
    expect(defaults).toMatchObject({ memoryLimit: '1g', timeoutMs: 30000 });
    expect(network).toMatchObject({ whitelist: ['^example\\.com$'], blacklist: [], ports: [80, 443] });
    expect(poolSize).toBe(0);
  });

  it('returns numbers, however large', () => {
    const { project, inProject } = machine();
    inProject({ auth: { defaultTtlMs: 31_536_000_000 }, remoteCode: { maxCodeSize: 4_294_967_295 } });
    const { auth, remoteCode } = loadConfig(project);
    expect(auth.defaultTtlMs).toBe(31_536_000_000);
    expect(remoteCode.maxCodeSize).toBe(4_294_967_295);
  });

  // W97: without a file, callers shared one object.
  it('returns a fresh object every time (W97)', async () => {
    const mutation = `(() => {
      const first = isol8.loadConfig();
      first.defaults.timeoutMs = 1;
      first.remoteCode.blockedHosts.length = 0;
      return isol8.loadConfig();
    })()`;
    const config = await evaluate(machine(), mutation);
    expect(config.defaults.timeoutMs).toBe(30000);
    expect(config.remoteCode.blockedHosts).toContain('^localhost$');
  });

  // W97: nothing was validated, and what the parser said reached the user as it was.
  it.each([
    ['{ "debug": true', 'EOF while parsing an object at line 1 column 15'],
    ['{ "debug": 1 }', 'debug: expected true or false, found 1'],
    [
      '{ "defaults": { "timeoutMs": "30s" } }',
      'defaults.timeoutMs: expected a whole number from 1 to 2147483647, found a string',
    ],
    ['{ "network": { "blacklist": ["("] } }', 'network.blacklist[0]: not a valid regular expression: unclosed group'],
    ['{ "auth": "postgres://isol8:hunter2@db" }', 'auth: expected an object, found a string'],
  ])('refuses %s by file and key (W97)', (content, reason) => {
    const { project, inProject } = machine();
    const file = inProject(content);
    for (const read of [loadConfig, readConfig]) {
      expect(() => read(project)).toThrow(
        expect.objectContaining({ code: 'INVALID_CONFIG', message: `Invalid config ${file}: ${reason}` }),
      );
    }
  });

  it('tells what the file itself says', () => {
    const { project, inProject } = machine();
    inProject({ defaults: { memoryLimit: '512m' }, maxConcurrent: 10, network: { ports: [80], whitelist: [] } });
    const given = ['defaults.memoryLimit', 'maxConcurrent', 'network.ports', 'network.whitelist'];
    expect(readConfig(project).given.sort()).toEqual(given);
  });

  it('shows the database of keys without its password (W94)', () => {
    const { project, inProject } = machine();
    inProject({ auth: { connectionString: 'postgres://isol8:hunter2@db/keys' } });
    expect(readConfig(project).authDatabase).toBe('postgres://isol8:***@db/keys');
  });

  it('names unknown keys and goes on', () => {
    const { project, inProject } = machine();
    const source = inProject({ $schema: './schema.json', defaults: { timeoutMS: 1 }, maxConcurrent: 2 });
    const { config, ...rest } = readConfig(project);
    expect(rest).toEqual({
      source,
      given: ['maxConcurrent'],
      authDatabase: '~/.isol8/auth.db',
      warnings: ['unknown key "defaults.timeoutMS" (did you mean "timeoutMs"?)'],
    });
    expect(config).toMatchObject({ maxConcurrent: 2, defaults: { timeoutMs: 30000 } });
    expect(config).not.toHaveProperty('$schema');
  });

  it('has the process warn of unknown keys', async () => {
    const { project, inProject } = machine();
    const file = inProject({ defaults: { timeoutMS: 1 }, maxConcurrent: 2 });
    const code = `console.log(require('isol8').loadConfig(${JSON.stringify(project)}).maxConcurrent)`;
    const { stdout, stderr } = await new Process('node', ['--eval', code]).ended;
    expect(stdout).toBe('2\n');
    expect(stderr).toContain(
      `Isol8ConfigWarning: ${file}: unknown key "defaults.timeoutMS" (did you mean "timeoutMs"?)\n`,
    );
  });

  // W98: `~` in configured paths was taken literally.
  it('expands a leading ~/ (W98)', async () => {
    const here = machine();
    here.inProject({
      audit: { logDir: '~/logs', postLogScript: '~/bin/ship' },
      auth: { connectionString: '~/keys.db' },
      security: { seccomp: 'custom', customProfilePath: '~/profile.json' },
    });
    expect(await evaluate(here, 'isol8.loadConfig()')).toMatchObject({
      audit: { logDir: `${here.home}/logs`, postLogScript: `${here.home}/bin/ship` },
      auth: { connectionString: `${here.home}/keys.db` },
      security: { customProfilePath: `${here.home}/profile.json` },
    });
  });

  it('finds a relative profile beside the file', () => {
    const { project, inProject } = machine();
    inProject({ security: { seccomp: 'custom', customProfilePath: 'seccomp/profile.json' } });
    const { customProfilePath } = loadConfig(project).security;
    expect(customProfilePath).toBe(`${project}/seccomp/profile.json`);
    expect(isAbsolute(project)).toBe(true);
  });
});
