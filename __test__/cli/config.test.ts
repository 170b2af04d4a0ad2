/** `isol8 config`: the settings in force, and where they come from; and what every command does about them. */
import { describe, expect, inject, it } from 'vitest';
import { type Machine, machine } from '../support/config.js';
import { cli, type Ended } from '../support/process.js';
import { Scope } from '../support/scope.js';

/** The command in a machine's project. */
function config({ project, home }: Machine, ...flags: string[]): Promise<Ended> {
  return cli(['config', ...flags], { cwd: project, env: { HOME: home } }).ended;
}

const EVERYTHING = {
  $schema: 'https://isol8.invalid/schema.json',
  debug: true,
  maxConcurrent: 4,
  defaults: { timeoutMs: 5000, memoryLimit: '1g', cpuLimit: 0.5, network: 'filtered', readonlyRootFs: false },
  network: {
    whitelist: ['^example\\.com$', '^example\\.org$'],
    blacklist: ['^evil\\.'],
    ports: [443, 8443],
    allowPrivate: ['10.1.0.0/16'],
  },
  cleanup: { autoPrune: false, maxContainerAgeMs: 90_000 },
  poolStrategy: 'secure',
  poolSize: 3,
  security: { seccomp: 'custom', customProfilePath: '/etc/isol8/profile.json', runtime: 'runsc' },
  remoteCode: {
    enabled: true,
    allowedHosts: ['^example\\.com$'],
    blockedHosts: ['^10(\\.[0-9]{1,3}){3}$', '^localhost$'],
    enableCache: false,
  },
  audit: { enabled: true, logDir: '/var/log/isol8', postLogScript: '/usr/bin/ship', retentionDays: 0 },
  auth: { enabled: true, connectionString: 'postgres://isol8:hunter2@db/keys', defaultTtlMs: 60_000 },
  prebuiltImages: [
    { tag: 'science', runtime: 'python', installPackages: ['numpy', 'pandas'], setupScript: 'echo ready' },
    { tag: 'plain', runtime: 'node', installPackages: [] },
  ],
  dependencies: { bun: ['zod'] },
};

it('shows the defaults when there is no file', async () => {
  const { code, stdout, stderr } = await config(machine());
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Isol8 Configuration
    Source: defaults (no config file found)

    ── General ──
      Max concurrent:  10
      Debug:           no

    ── Defaults ──
      Timeout:         30000ms
      Memory:          512m
      CPU:             1
      Network:         none
      Sandbox:         512m
      Tmp:             256m
      Read-only root:  yes

    ── Network Filter ──
      Whitelist:  (none)
      Blacklist:  (none)
      Ports:      80, 443
      Private:    (none)

    ── Remote Code ──
      Enabled:        no
      Schemes:        https
      Allowed hosts:  (all)
      Blocked hosts:  ^localhost$
                      ^127(\\.[0-9]{1,3}){3}$
                      ^10(\\.[0-9]{1,3}){3}$
                      ^172\\.(1[6-9]|2[0-9]|3[01])(\\.[0-9]{1,3}){2}$
                      ^192\\.168(\\.[0-9]{1,3}){2}$
                      ^169\\.254(\\.[0-9]{1,3}){2}$
                      ^(::1|\\[::1\\])$
                      ^metadata\\.google\\.internal$
      Max size:       10485760 bytes
      Fetch timeout:  30000ms
      Require hash:   no
      Cache:          3600s

    ── Cleanup ──
      Auto-prune:  yes
      Max idle:    3600000ms (60 minutes)

    ── Pool Defaults (Serve) ──
      Strategy:  fast
      Size:      1,1

    ── Security ──
      Seccomp:         strict
      Custom profile:  (none)
      OCI runtime:     (Docker's default)

    ── Audit ──
      Enabled:          no
      Destination:      filesystem
      Directory:        (ISOL8_AUDIT_DIR, else ./.isol8_audit)
      Post-log script:  (none)
      Track resources:  yes
      Retention:        90 days
      Include code:     no
      Include output:   no

    ── Auth ──
      Enabled:           no
      Database:          ~/.isol8/auth.db
      Default key TTL:   86400000ms (1440 minutes)
      Cleanup interval:  3600000ms (60 minutes)

    ── Server Limits ──
      Timeout:        3600000ms
      Memory:         4g
      CPU:            4
      Processes:      4096
      Sandbox:        4g
      Tmp:            4g
      Output:         67108864 bytes
      Network modes:  none
                      filtered
      Images:         isol8:*
      Writable root:  no
      Persist:        no
      Body:           64m
      Per key:        (no limit)
      Per tenant:     (no limit)
      Queue:          4096
      Sessions:       32

    ── Server ──
      Max connections:    20000
      Time to shut down:  10000ms

    ── Prebuilt Images ──
      (none)

    ── Dependencies ──
      (none)
    "
  `);
});

// W96: the blacklist stood in the remote-code section, and several sections were missing.
it('shows everything, each in its section, and no password (W96)', async () => {
  const here = machine();
  const file = here.inProject(EVERYTHING);
  const { code, stdout, stderr } = await config(here);
  expect({ code, stderr }).toEqual({ code: 0, stderr: `[DEBUG] [Config] read ${file}\n` });
  expect(stdout.replace(file, '<file>')).toMatchInlineSnapshot(`
    "Isol8 Configuration
    Source: <file>

    ── General ──
      Max concurrent:  4
      Debug:           yes

    ── Defaults ──
      Timeout:         5000ms
      Memory:          1g
      CPU:             0.5
      Network:         filtered
      Sandbox:         512m
      Tmp:             256m
      Read-only root:  no

    ── Network Filter ──
      Whitelist:  ^example\\.com$
                  ^example\\.org$
      Blacklist:  ^evil\\.
      Ports:      443, 8443
      Private:    10.1.0.0/16

    ── Remote Code ──
      Enabled:        yes
      Schemes:        https
      Allowed hosts:  ^example\\.com$
      Blocked hosts:  ^10(\\.[0-9]{1,3}){3}$
                      ^localhost$
      Max size:       10485760 bytes
      Fetch timeout:  30000ms
      Require hash:   no
      Cache:          no

    ── Cleanup ──
      Auto-prune:  no
      Max idle:    90000ms (1.5 minutes)

    ── Pool Defaults (Serve) ──
      Strategy:  secure
      Size:      3

    ── Security ──
      Seccomp:         custom
      Custom profile:  /etc/isol8/profile.json
      OCI runtime:     runsc

    ── Audit ──
      Enabled:          yes
      Destination:      filesystem
      Directory:        /var/log/isol8
      Post-log script:  /usr/bin/ship
      Track resources:  yes
      Retention:        for ever
      Include code:     no
      Include output:   no

    ── Auth ──
      Enabled:           yes
      Database:          postgres://isol8:***@db/keys
      Default key TTL:   60000ms (1 minute)
      Cleanup interval:  3600000ms (60 minutes)

    ── Server Limits ──
      Timeout:        3600000ms
      Memory:         4g
      CPU:            4
      Processes:      4096
      Sandbox:        4g
      Tmp:            4g
      Output:         67108864 bytes
      Network modes:  none
                      filtered
      Images:         isol8:*
      Writable root:  no
      Persist:        no
      Body:           64m
      Per key:        (no limit)
      Per tenant:     (no limit)
      Queue:          4096
      Sessions:       32

    ── Server ──
      Max connections:    20000
      Time to shut down:  10000ms

    ── Prebuilt Images ──
      science:  python: numpy, pandas, with a setup script
      plain:    node: no packages

    ── Dependencies ──
      bun:  zod
    "
  `);
});

it("shows one size of two, and a user's file", async () => {
  const here = machine();
  const file = here.inHome({ poolSize: { clean: 2, dirty: 5 } });
  const { stdout } = await config(here);
  expect(stdout).toContain(`Isol8 Configuration\nSource: ${file}\n`);
  expect(stdout).toContain('  Size:      2,5\n');
});

it('says which file it read when asked to', async () => {
  const here = machine();
  expect((await config(here, '--debug')).stderr).toBe('[DEBUG] [Config] no config file found\n');
  const file = here.inProject({});
  expect((await config(here, '--debug')).stderr).toBe(`[DEBUG] [Config] read ${file}\n`);
});

it('prints the merged configuration as JSON, and nothing else', async () => {
  const here = machine();
  here.inProject({ ...EVERYTHING, debug: false });
  const { code, stdout, stderr } = await config(here, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "{
      "debug": false,
      "maxConcurrent": 4,
      "defaults": {
        "timeoutMs": 5000,
        "memoryLimit": "1g",
        "cpuLimit": 0.5,
        "network": "filtered",
        "sandboxSize": "512m",
        "tmpSize": "256m",
        "readonlyRootFs": false
      },
      "network": {
        "whitelist": [
          "^example\\\\.com$",
          "^example\\\\.org$"
        ],
        "blacklist": [
          "^evil\\\\."
        ],
        "ports": [
          443,
          8443
        ],
        "allowPrivate": [
          "10.1.0.0/16"
        ]
      },
      "cleanup": {
        "autoPrune": false,
        "maxContainerAgeMs": 90000
      },
      "poolStrategy": "secure",
      "poolSize": 3,
      "security": {
        "seccomp": "custom",
        "customProfilePath": "/etc/isol8/profile.json",
        "runtime": "runsc"
      },
      "remoteCode": {
        "enabled": true,
        "allowedSchemes": [
          "https"
        ],
        "allowedHosts": [
          "^example\\\\.com$"
        ],
        "blockedHosts": [
          "^10(\\\\.[0-9]{1,3}){3}$",
          "^localhost$"
        ],
        "maxCodeSize": 10485760,
        "fetchTimeoutMs": 30000,
        "requireHash": false,
        "enableCache": false,
        "cacheTtl": 3600
      },
      "audit": {
        "enabled": true,
        "destination": "filesystem",
        "logDir": "/var/log/isol8",
        "postLogScript": "/usr/bin/ship",
        "trackResources": true,
        "retentionDays": 0,
        "includeCode": false,
        "includeOutput": false
      },
      "auth": {
        "enabled": true,
        "connectionString": "postgres://isol8:hunter2@db/keys",
        "defaultTtlMs": 60000,
        "cleanupIntervalMs": 3600000
      },
      "server": {
        "limits": {
          "timeoutMs": 3600000,
          "memoryLimit": "4g",
          "cpuLimit": 4,
          "pidsLimit": 4096,
          "sandboxSize": "4g",
          "tmpSize": "4g",
          "maxOutputSize": 67108864,
          "network": [
            "none",
            "filtered"
          ],
          "images": [
            "isol8:*"
          ],
          "writableRoot": false,
          "persist": false,
          "bodySize": "64m",
          "heldSize": "512m",
          "perKey": {},
          "perTenant": {},
          "queue": 4096,
          "sessions": 32
        },
        "maxConnections": 20000,
        "shutdownTimeoutMs": 10000
      },
      "prebuiltImages": [
        {
          "tag": "science",
          "runtime": "python",
          "installPackages": [
            "numpy",
            "pandas"
          ],
          "setupScript": "echo ready"
        },
        {
          "tag": "plain",
          "runtime": "node",
          "installPackages": []
        }
      ],
      "dependencies": {
        "bun": [
          "zod"
        ]
      }
    }
    "
  `);
});

it('warns of unknown keys, on stderr', async () => {
  const here = machine();
  const file = here.inProject({ defaults: { timeoutMS: 1 }, colour: 'red' });
  const { code, stdout, stderr } = await config(here, '--json');
  expect(JSON.parse(stdout).defaults.timeoutMs).toBe(30000);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr:
      `[WARN] ${file}: unknown key "colour"\n` +
      `[WARN] ${file}: unknown key "defaults.timeoutMS" (did you mean "timeoutMs"?)\n`,
  });
});

// W97: no validation at all; raw parser errors.
it.each([
  [{ defaults: { cpuLimit: 'two' } }, 'defaults.cpuLimit: expected a number from 0.01 to 1000, found a string'],
  ['{ "debug": yes }', 'expected value at line 1 column 12'],
  [{ auth: { connectionString: ['hunter2'] } }, 'auth.connectionString: expected a string, found a list'],
])('refuses %j by file and key (W97)', async (content, reason) => {
  const here = machine();
  const file = here.inProject(content);
  for (const flags of [[], ['--json']]) {
    expect(await config(here, ...flags)).toEqual({
      code: 1,
      stdout: '',
      stderr: `[ERR] Invalid config ${file}: ${reason}\n`,
    });
  }
});

it('lets no value take hold of the terminal', async () => {
  const here = machine();
  here.inProject({ audit: { logDir: '/tmp/\u001b[2Ja\nb' }, network: { whitelist: ['\u0007x'] } });
  const { stdout } = await config(here);
  expect(stdout).toContain('  Directory:        /tmp/a b\n');
  expect(stdout).not.toMatch(/[^\P{Cc}\n]/u);
});

describe.each([['setup --only bash'], ['cleanup']])('isol8 %s', (command) => {
  /** In a machine's project, with an engine that has nothing to clean up. */
  async function run({ project, home }: Machine): Promise<Ended> {
    const env = command === 'cleanup' ? (await Scope.open()).env : inject('buildEnv');
    return cli(command.split(' '), { cwd: project, env: { ...env, HOME: home } }).ended;
  }

  it('says what is being done if the configuration wants it to, and warns of unknown keys', async () => {
    const here = machine();
    const file = here.inProject({ debug: true, colour: 'red' });
    const { code, stderr } = await run(here);
    expect(code).toBe(0);
    expect(stderr).toContain(
      `[WARN] ${file}: unknown key "colour"\n[DEBUG] [Config] read ${file}\n[OK] Docker is running\n`,
    );
  });

  it('does nothing with a configuration that has a mistake', async () => {
    const here = machine();
    const file = here.inProject('{');
    const { code, stdout, stderr } = await run(here);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^\[ERR\] Invalid config .*: EOF while parsing an object at line 1 column 1\n$/);
    expect(stderr).toContain(file);
  });
});
