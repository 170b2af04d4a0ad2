/**
 * What a client may ask for: never more than the operator allows, by whatever route and in whatever spelling, and what
 * is refused is refused before anything starts, by a status and a message that names the rule.
 */
import { RemoteIsol8 } from 'isol8';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bash, Caller, eventsOf } from '../support/caller.js';
import { database } from '../support/databases.js';
import { containersOf, docker, inspect } from '../support/docker.js';
import { keyOf } from '../support/keys.js';
import { liveServer } from '../support/live-server.js';
import { ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';
import { Socket } from '../support/web-socket.js';

let master: Caller;
/** Somebody with a key, on a server that allows no more than it does by itself. */
let client: Caller;

beforeAll(async () => {
  const auth = { enabled: true, connectionString: await database('SQLite') };
  const remoteCode = { enabled: true, allowedHosts: ['^example\\.com$'] };
  master = new Caller((await liveServer({ auth, remoteCode })).host);
  client = new Caller(master.host, await keyOf(master, 'team'));
});

/** What comes of these options, by every route: over HTTP the status with it, in streams the last event. */
async function everywhere(options: unknown, caller = client) {
  const body = { ...bash('echo ran'), options };
  const socket = await Socket.open(caller.host, { key: caller.key });
  socket.send({ type: 'execute', ...body });
  await socket.closed;
  const streamed = await caller.ask('POST', '/execute/stream', body);
  return {
    execute: await caller.answer('POST', '/execute', body),
    session: await caller.answer('POST', '/execute', { ...body, sessionId: 'smuggled' }),
    stream: streamed.ok ? (await eventsOf(streamed)).at(-1) : [streamed.status, await streamed.json()],
    socket: socket.events.at(-1),
  };
}

/** The same refusal by every route. */
function refusedEverywhere(status: number, error: unknown, code: string) {
  const answer = [status, { error, code }];
  return { execute: answer, session: answer, stream: answer, socket: { type: 'error', data: error, code } };
}

const containing = (text: string) => expect.stringContaining(text);

describe.each([
  // W102: clients could disable seccomp, or have the server read any file as a profile.
  [{ security: { seccomp: 'unconfined' } }, 'security.seccomp is the server', 'W102: no seccomp'],
  [
    { security: { seccomp: 'custom', customProfilePath: '/etc/shadow' } },
    'security.seccomp is the server',
    'W102: a profile of their own',
  ],
  [
    { security: { customProfilePath: '/etc/shadow' } },
    'security.customProfilePath is the server',
    'W102: a file of the host',
  ],
  [{ security: { runtime: 'runc' } }, 'security.runtime is the server', 'another OCI runtime'],
  [
    { network: 'host' },
    'network "host" is not allowed on this server (server.limits.network)',
    'the network of the host',
  ],
  [
    { readonlyRootFs: false },
    'readonlyRootFs: false is not allowed on this server (server.limits.writableRoot)',
    'a writable root',
  ],
  // W104: `persist` let any client leave containers behind.
  [{ persist: true }, 'persist is not allowed on this server (server.limits.persist)', 'W104: containers that stay'],
  [
    { image: 'debian:trixie-slim' },
    'image "debian:trixie-slim" is not allowed on this server (server.limits.images)',
    'an image of the host',
  ],
  [{ image: 'sha256:0123456789abcdef' }, '(server.limits.images)', 'an image by its id'],
  [{ image: 'ISOL8:python' }, '(server.limits.images)', 'an image spelt otherwise'],
  [{ image: 'evil/isol8:python' }, '(server.limits.images)', 'an image that is called like ours elsewhere'],
])('%j', (options, rule, what) => {
  it(`is not for others than the operator: ${what}`, async () => {
    expect(await everywhere(options)).toEqual(refusedEverywhere(403, containing(rule), 'FORBIDDEN'));
  });
});

describe('limits are for everybody, the operator as well', () => {
  it.each([
    [{ timeoutMs: 3_600_001 }, 'timeoutMs 3600001 exceeds the limit of this server, 3600000 (server.limits.timeoutMs)'],
    [{ timeoutMs: 1e300 }, '(server.limits.timeoutMs)'],
    [{ memoryLimit: '5g' }, 'memoryLimit "5g" exceeds the limit of this server, "4g" (server.limits.memoryLimit)'],
    [{ memoryLimit: '4294967297' }, '(server.limits.memoryLimit)'],
    [{ cpuLimit: 4.1 }, 'cpuLimit 4.1 exceeds the limit of this server, 4 (server.limits.cpuLimit)'],
    [{ pidsLimit: 4097 }, '(server.limits.pidsLimit)'],
    [{ maxOutputSize: 1e18 }, '(server.limits.maxOutputSize)'],
    [{ sandboxSize: '4097m' }, '(server.limits.sandboxSize)'],
    [{ tmpSize: '1000g' }, '(server.limits.tmpSize)'],
  ])('%j', async (options, rule) => {
    for (const caller of [client, master]) {
      expect(await everywhere(options, caller)).toEqual(refusedEverywhere(403, containing(rule), 'FORBIDDEN'));
    }
  });

  it('of a request, too', async () => {
    const body = { request: { ...bash('echo ran').request, timeoutMs: 3_600_001 } };
    expect(await client.answer('POST', '/execute', body)).toEqual([
      403,
      { error: containing('(server.limits.timeoutMs)'), code: 'FORBIDDEN' },
    ]);
  });
});

describe('what is no value of an option at all is refused by its name', () => {
  it.each([
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ timeoutMs: -1 }, 'timeoutMs'],
    [{ cpuLimit: -0.5 }, 'cpuLimit'],
    [{ cpuLimit: 1e-300 }, 'cpuLimit'],
    [{ pidsLimit: 0 }, 'pidsLimit'],
    [{ pidsLimit: 1.5 }, 'pidsLimit'],
    [{ maxOutputSize: -1 }, 'maxOutputSize'],
    [{ memoryLimit: '-1g' }, '-1g'],
    [{ memoryLimit: '' }, 'Invalid memory limit format: ""'],
    [{ memoryLimit: '1e3m' }, '1e3m'],
    [{ sandboxSize: '٣m' }, '٣m'],
    [{ tmpSize: '1m\nsize=9g' }, 'size'],
    [{ network: 'filtered', networkFilter: { whitelist: ['('] } }, 'whitelist'],
    [{ secrets: { 'A=B': 'x' } }, 'A=B'],
    [{ secrets: { LD_PRELOAD: 'x\u0000' } }, 'LD_PRELOAD'],
  ])('%j', async (options, named) => {
    const answers = await everywhere(options);
    for (const [status, body] of [answers.execute, answers.session]) {
      expect([status, body]).toEqual([400, { error: containing(named), code: expect.stringMatching(/^INVALID_/) }]);
    }
    // A stream may have begun by then.
    for (const end of [answers.stream, answers.socket])
      expect(JSON.stringify(end)).toContain(JSON.stringify(named).slice(1, -1));
  });
});

describe('what has the wrong form is no option', () => {
  it.each([
    ['{"network":"bridge"}', 'unknown variant `bridge`'],
    ['{"network":"Host"}', 'unknown variant `Host`'],
    ['{"network":["host"]}', 'expected'],
    ['{"timeoutMs":"1000"}', 'invalid type: string "1000"'],
    ['{"timeoutMs":true}', 'invalid type: boolean `true`'],
    ['{"memoryLimit":536870912}', 'invalid type: integer `536870912`, expected a string'],
    ['{"readonlyRootFs":0}', 'invalid type: integer `0`, expected a boolean'],
    ['{"readonlyRootFs":"false"}', 'expected a boolean'],
    ['{"persist":"true"}', 'expected a boolean'],
    ['{"image":["debian"]}', 'expected a string'],
    ['{"poolSize":[1,1]}', 'expected a number, or an object with `clean` and `dirty`'],
    ['{"poolSize":{"clean":1,"dirtier":1}}', 'unknown field `dirtier`'],
    ['{"security":"unconfined"}', 'invalid type: string "unconfined"'],
    ['{"security":{"seccomp":"none"}}', 'unknown variant `none`'],
    ['{"security":{"privileged":true}}', 'unknown field `privileged`'],
    ['{"security":{"seccomp":"strict","seccomp":"unconfined"}}', 'duplicate field `seccomp`'],
    ['{"network":"none","network":"host"}', 'duplicate field `network`'],
    ['{"secrets":{"A":{"toString":"x"}}}', 'expected a string'],
    ['{"secrets":["A"]}', 'expected a map'],
    // Of the library only: whoever could choose the engine would be root on the server's machine.
    ['{"docker":{"socketPath":"/var/run/docker.sock"}}', 'unknown field `docker`'],
    ['{"maxConcurrent":1000}', 'unknown field `maxConcurrent`'],
    ['{"privileged":true}', 'unknown field `privileged`'],
    ['{"binds":["/:/host"]}', 'unknown field `binds`'],
    ['{"readonlyRootFS":true}', 'unknown field `readonlyRootFS`'],
    ['{"__proto__":{"network":"host"}}', 'unknown field `__proto__`'],
    ['{"constructor":{"prototype":{"persist":true}}}', 'unknown field `constructor`'],
    ['"host"', 'expected'],
    // Members in the order of the server's own fields: `mode`, `network`.
    ['[]', 'invalid type: sequence, expected an object'],
    ['["ephemeral","host"]', 'invalid type: sequence, expected an object'],
    ['{"security":["unconfined"]}', 'invalid type: sequence, expected an object'],
  ])('%s', async (options, error) => {
    const text = JSON.stringify({ ...bash('echo ran'), options: 0 }).replace('"options":0', `"options":${options}`);
    const headers = { authorization: `Bearer ${client.key}` };
    for (const path of ['/execute', '/execute/stream']) {
      const response = await fetch(client.host + path, { method: 'POST', headers, body: text });
      expect([response.status, await response.json()]).toEqual([
        400,
        { error: containing(error), code: 'INVALID_REQUEST' },
      ]);
    }
    const socket = await Socket.open(client.host, { key: client.key });
    socket.send(text.replace('{', '{"type":"execute",'));
    await socket.closed;
    expect(socket.events).toEqual([{ type: 'error', data: containing(error), code: 'INVALID_REQUEST' }]);
  });

  it.each([
    ['{"type":"execute","request":["bash","id"]}', 'invalid type: sequence'],
    ['{"type":"execute","option":{}}', 'unknown field `option`'],
    ['{"type":"execute","__proto__":{"options":{}}}', 'unknown field `__proto__`'],
    ['{"type":"execute","options":{},"options":{"network":"host"}}', 'duplicate field `options`'],
    [
      '{"type":"execute","request":{"runtime":"bash","cmd":"id","adapter":{"image":"debian"}}}',
      'unknown field `adapter`',
    ],
  ])('nor a message of the wrong form: %s', async (message, error) => {
    const socket = await Socket.open(client.host, { key: client.key });
    const { request } = bash('echo ran');
    socket.send(
      message.includes('request') ? message : message.replace(/}$/, `,"request":${JSON.stringify(request)}}`),
    );
    await socket.closed;
    expect(socket.events).toEqual([{ type: 'error', data: containing(error), code: 'INVALID_REQUEST' }]);
  });
});

describe('what is not the client’s affair changes nothing', () => {
  it.each([
    { mode: 'persistent' },
    { poolStrategy: 'secure' },
    { poolSize: 1000 },
    { poolSize: { clean: 0, dirty: 0 } },
    { audit: { enabled: true, logDir: '/tmp/isol8-test-smuggled', postLogScript: '/bin/false', includeOutput: true } },
    // W103: one request with `debug` switched the whole server to debug logging.
    { debug: true },
  ])('%j', async (options) => {
    expect(await client.answer('POST', '/execute', { ...bash('echo ran'), options })).toMatchObject([
      200,
      { stdout: 'ran' },
    ]);
    expect(await client.sessions()).toEqual([]);
  });

  // C34, W102: the server fetches, from where it stands.
  it.each([client, master].map((_, index) => index))(
    'W102: nor does the policy for code at URLs: caller %i',
    async (index) => {
      const caller = [client, master][index] as Caller;
      const remoteCode = { enabled: true, allowedHosts: ['.*'], blockedHosts: [], allowedSchemes: ['http', 'https'] };
      const request = { runtime: 'python', codeUrl: 'https://127.0.0.1/code.py' };
      expect(await caller.answer('POST', '/execute', { request, options: { remoteCode } })).toEqual([
        403,
        { error: 'Blocked code URL host: 127.0.0.1', code: 'REMOTE_CODE_BLOCKED' },
      ]);
    },
  );
});

describe('what makes a sandbox stricter is for everybody', () => {
  it.each([
    { network: 'none', readonlyRootFs: true, security: { seccomp: 'strict' }, persist: false },
    { network: 'filtered', networkFilter: { whitelist: ['^example\\.com$'] } },
    {
      memoryLimit: '64m',
      pidsLimit: 16,
      cpuLimit: 0.5,
      sandboxSize: '8m',
      tmpSize: '4m',
      maxOutputSize: 100,
      timeoutMs: 9000,
    },
    { image: 'isol8:bash' },
  ])('%j', async (options) => {
    expect(await client.answer('POST', '/execute', { ...bash('echo ran'), options })).toMatchObject([
      200,
      { stdout: 'ran' },
    ]);
  });
});

describe('the operator', () => {
  it('may have what others may not', async () => {
    const options = {
      network: 'host',
      readonlyRootFs: false,
      security: { seccomp: 'unconfined' },
      image: 'isol8:python',
    };
    const body = { ...bash('grep Seccomp_filters: /proc/self/status; touch /var/tmp/file && echo written'), options };
    expect(await master.answer('POST', '/execute', body)).toMatchObject([
      200,
      { stdout: 'Seccomp_filters:\t1\nwritten' },
    ]);
  });
});

describe('what an operator allows, others get', () => {
  let generous: Caller;
  let friend: Caller;

  beforeAll(async () => {
    await docker(['tag', 'isol8:bash', 'isol8-test/allowed:v1']);
    const auth = { enabled: true, connectionString: await database('SQLite') };
    const limits = {
      network: ['host' as const],
      images: ['isol8-test/*:v*'],
      writableRoot: true,
      persist: true,
      memoryLimit: '128m',
      timeoutMs: 5000,
    };
    generous = new Caller((await liveServer({ auth, server: { limits } })).host);
    friend = new Caller(generous.host, await keyOf(generous, 'friends'));
  });
  afterAll(() => docker(['rmi', '--force', 'isol8-test/allowed:v1']));

  const got = (options: object, cmd = 'echo ran') => friend.answer('POST', '/execute', { ...bash(cmd), options });

  it.each([
    [{ network: 'host' }, 'ls /sys/class/net | grep -vc "^lo$" > /dev/null && echo ran'],
    [{ readonlyRootFs: false }, 'touch /var/tmp/a && echo ran'],
    [{ image: 'isol8-test/allowed:v1' }, 'echo ran'],
    [{ memoryLimit: '128m', timeoutMs: 5000 }, 'echo ran'],
  ])('%j', async (options, cmd) => {
    expect(await got(options, cmd)).toMatchObject([200, { stdout: 'ran' }]);
  });

  it('containers that stay, until the server is told to clean up', async () => {
    const [, { containerId }] = await got({ persist: true });
    expect((await inspect(containerId)).State.Running).toBe(true);
    expect(await friend.answer('POST', '/cleanup', {})).toMatchObject([200, { ok: true }]);
    expect(await containersOf(process.pid)).not.toContain(containerId);
  });

  it.each([
    [{ network: 'filtered' }, 'server.limits.network'],
    [{ image: 'isol8:bash' }, 'server.limits.images'],
    [{ image: 'isol8-test/allowed' }, 'server.limits.images'],
    [{ memoryLimit: '129m' }, 'server.limits.memoryLimit'],
    [{ timeoutMs: 5001 }, 'server.limits.timeoutMs'],
    [{ security: { seccomp: 'unconfined' } }, 'only the master key'],
  ])('and nothing else: %j', async (options, rule) => {
    expect(await got(options)).toEqual([403, { error: containing(rule), code: 'FORBIDDEN' }]);
  });

  it('defaults that are beyond a limit are cut to it', async () => {
    const [, { containerId }] = await friend.run(':', 'limited');
    expect((await inspect(containerId)).HostConfig.Memory).toBe(128 << 20);
    await friend.answer('DELETE', '/session/limited');
  });
});

// W101: `security`, `network.*` and `readonlyRootFs` of the configuration were no defaults of a server.
describe('W101: what nobody asks for is as the configuration says', () => {
  let configured: Caller;
  let anybody: Caller;

  beforeAll(async () => {
    const auth = { enabled: true, connectionString: await database('SQLite') };
    const defaults = {
      network: 'filtered' as const,
      memoryLimit: '200m',
      cpuLimit: 0.5,
      readonlyRootFs: false,
      sandboxSize: '512m',
      tmpSize: '32m',
      timeoutMs: 5000,
    };
    const network = { whitelist: ['^allowed\\.invalid$'] };
    const security = { seccomp: 'unconfined' as const };
    configured = new Caller((await liveServer({ auth, defaults, network, security })).host);
    anybody = new Caller(configured.host, await keyOf(configured, 'team'));
  });

  it('limits, network, root and seccomp', async () => {
    for (const caller of [anybody, configured]) {
      const [, { containerId, stdout }] = await caller.run(
        'touch /var/tmp/a && grep Seccomp_filters: /proc/self/status; df -m --output=size /sandbox /tmp | tail -n 2 | xargs',
        'defaults',
      );
      expect(stdout).toBe('Seccomp_filters:\t1\n512 32');
      const { HostConfig } = await inspect(containerId);
      expect([HostConfig.Memory, HostConfig.NanoCpus, HostConfig.ReadonlyRootfs]).toEqual([200 << 20, 5e8, false]);
      const late = await caller.run('sleep 30', 'defaults');
      expect(late).toMatchObject([200, { timedOut: true }]);
      await caller.answer('DELETE', '/session/defaults');
    }
  });

  it('the lists of the filter', async () => {
    const code = `
import urllib.request
for host in ["allowed.invalid", "other.invalid"]:
    try:
        urllib.request.urlopen("http://" + host)
    except Exception as error:
        print(host, getattr(error, "code", error))`;
    const request = { runtime: 'python', code, timeoutMs: 20_000 };
    // The one has no address, the other may not be asked for one.
    expect(await anybody.answer('POST', '/execute', { request })).toMatchObject([
      200,
      { stdout: 'allowed.invalid 502\nother.invalid 403' },
    ]);
    // A list of a client’s own is one more that a host has to pass.
    const options = { networkFilter: { whitelist: ['invalid$'] } };
    expect(await anybody.answer('POST', '/execute', { request, options })).toMatchObject([
      200,
      { stdout: 'allowed.invalid 502\nother.invalid 403' },
    ]);
  });

  // Merging the defaults into the file makes it say what everybody else has.
  it('and the agent has the room that it needs where the file leaves it at what is usual', async () => {
    const room = async (options?: object) => {
      const cmd = 'df -m --output=size /sandbox | tail -n 1 | xargs';
      const body = { request: { runtime: 'agent', cmd }, options, sessionId: 'agent' };
      const [, { stdout, containerId }] = await anybody.answer('POST', '/execute', body);
      const { PidsLimit } = (await inspect(containerId)).HostConfig;
      await anybody.answer('DELETE', '/session/agent');
      return [stdout, PidsLimit];
    };
    expect(await room()).toEqual(['2048', 200]);
    expect(await room({ sandboxSize: '64m', pidsLimit: 20 })).toEqual(['64', 20]);
  });
});

it('how the operator has set up the server is for the operator to know', async () => {
  const auth = { enabled: true, connectionString: await database('SQLite') };
  const security = { seccomp: 'custom' as const, customProfilePath: '/nowhere/secret-profile.json' };
  const { caller, process } = await ServerProcess.start({ config: { auth, security } });
  const [status, { error, code }] = await caller.run(':');
  expect([status, code]).toEqual([422, 'SECCOMP_PROFILE']);
  expect(error).toMatch(/^Failed to load custom seccomp profile at \/nowhere\/secret-profile\.json: /);
  const other = new Caller(caller.host, await keyOf(caller, 'team'));
  const neutral = 'the server cannot start sandboxes as its configuration says; its log tells why';
  for (const sessionId of [undefined, 'kept']) {
    const answer = [500, { error: neutral, code: 'SECCOMP_PROFILE' }];
    expect(await other.run(':', sessionId)).toEqual(answer);
    const events = await eventsOf(await other.ask('POST', '/execute/stream', bash(':', sessionId)));
    expect(events).toEqual([{ type: 'error', data: neutral, code: 'SECCOMP_PROFILE' }]);
  }
  await until('the log to tell', 20_000, () => process.stderr.includes('secret-profile.json'));
});

it('W103: one request with `debug` does not have the server say what it does', async () => {
  const { caller, process } = await ServerProcess.start();
  for (const options of [{ debug: true }, undefined]) {
    expect(await caller.answer('POST', '/execute', { ...bash('echo ran'), options })).toMatchObject([200, {}]);
  }
  await until('both to be logged', 20_000, () => process.stderr.split('"route":"/execute"').length === 3);
  expect(process.stderr).not.toContain('[DEBUG]');
});

it('leaves nothing behind, and everything as it was for others', async () => {
  expect(await client.sessions()).toEqual([]);
  expect(await client.run('echo served')).toMatchObject([200, { stdout: 'served' }]);
  const other = new RemoteIsol8({ host: client.host, apiKey: await keyOf(master, 'others') });
  expect((await other.execute({ runtime: 'bash', cmd: 'grep Seccomp_filters: /proc/self/status' })).stdout).toBe(
    'Seccomp_filters:\t2',
  );
});
