/** Code that is given by its URL: whether it is fetched, what is run then, and what every refusal says. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type ExecutionRequest, type Isol8ErrorCode, type RemoteCodePolicy, RuntimeRegistry } from 'isol8';
import { describe, expect, it } from 'vitest';
import { construct, here, ownEngine, PERSISTENT, sharedEngine, WITHOUT_DOCKER } from '../support/any-engine.js';
import { auditedEngine } from '../support/audit.js';
import { codeAt, LOOPBACK, redirectTo } from '../support/code.js';
import { collect, text } from '../support/events.js';
import { within } from '../support/until.js';

const HELLO = 'print("hello")\n';
const BOM = '\ufeffprint("marked")\n';

const site = await codeAt({
  '/hello.py': HELLO,
  '/seven.py': 'import sys; print("seven"); sys.exit(7)',
  '/common.cjs': 'console.log(typeof require, __filename)',
  '/typed.ts': 'const n: number = 42; console.log(n)',
  '/gzip.py': (_, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(HELLO)),
  '/bomb.py': (_, response) =>
    response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(64 << 20, '#'))),
  '/brotli.py': (_, response) => response.setHeader('content-encoding', 'br').end('?'),
  '/bom.py': BOM,
  '/nul.py': 'print(1)\0',
  '/elf': Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe]),
  '/empty.py': '',
  '/large.py': Buffer.alloc(2000, '#'),
  '/chunked.py': (_, response) => {
    response.write(Buffer.alloc(1500, '#'));
    response.end(Buffer.alloc(1500, '#'));
  },
  '/slow.py': (_, response) => response.write('print('),
  '/silent.py': () => {},
  '/once.py': redirectTo('/hello.py'),
  '/loop.py': redirectTo('/loop.py'),
  '/inside.py': redirectTo('http://127.0.0.2/'),
  '/metadata.py': redirectTo('http://169.254.169.254/latest/meta-data/'),
  '/file.py': redirectTo('file:///etc/passwd'),
});

const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');

/** A request for what is at a path of the server. */
function at(path: string, more: Partial<ExecutionRequest> = {}): ExecutionRequest {
  return { runtime: 'python', codeUrl: site.url(path), allowInsecureCodeUrl: true, ...more };
}

const engine = await sharedEngine({ remoteCode: LOOPBACK });

/** What is said of a request that comes to nothing before Docker is asked for anything. */
async function refusal(policy: Partial<RemoteCodePolicy> | undefined, request: ExecutionRequest) {
  const refusing = await ownEngine({ remoteCode: policy, ...WITHOUT_DOCKER });
  const error = await refusing.execute(request).then(
    () => undefined,
    (error: Error & { code: Isol8ErrorCode }) => error,
  );
  return [error?.code, error?.message];
}

describe('code at a URL', () => {
  it('is fetched and run', async () => {
    const { stdout, exitCode } = await engine.execute(at('/seven.py'));
    expect({ stdout, exitCode }).toEqual({ stdout: 'seven', exitCode: 7 });
    const events = await collect(engine.executeStream(at('/hello.py')));
    expect(text(events, 'stdout')).toBe('hello\n');
    expect(events.at(-1)).toMatchObject({ type: 'exit', data: '0' });
  });

  it('is a script with the extension of its URL, if its runtime knows that', async () => {
    const common = await engine.execute(at('/common.cjs', { runtime: 'node' }));
    expect(common.stdout).toBe('function /sandbox/main.cjs');
    const other = await engine.execute(at('/typed.ts', { runtime: 'deno' }));
    expect(other.stdout).toBe('42');
    const named = await engine.execute(at('/common.cjs', { runtime: 'node', fileExtension: '.js' }));
    expect(named.stdout).toBe('function /sandbox/main.js');
  });

  it('comes with everything else that a request has', async () => {
    const request = at('/hello.py', { setupScript: 'echo set up > a', files: { b: 'b' }, outputPaths: ['/sandbox/a'] });
    const { stdout, files } = await engine.execute(request);
    expect({ stdout, files }).toEqual({
      stdout: 'hello',
      files: { '/sandbox/a': Buffer.from('set up\n').toString('base64') },
    });
  });

  it('runs in a session', async () => {
    const session = await ownEngine({ ...PERSISTENT, remoteCode: LOOPBACK });
    for (const path of ['/hello.py', '/gzip.py']) {
      expect((await session.execute(at(path))).stdout).toBe('hello');
    }
    expect((await session.execute({ runtime: 'python', cmd: 'ls -A' })).stdout).toBe('');
  });

  it('is what the record of the execution is about', async () => {
    const { engine, records } = await auditedEngine({ includeCode: true }, { remoteCode: LOOPBACK });
    await engine.execute(at('/hello.py'));
    expect(await records()).toMatchObject([{ code: HELLO, codeHash: sha256(HELLO) }]);
  });

  here(() => {
    it('can be for a runtime of the caller’s that takes files, and for no other', async () => {
      const adapter = { name: 'py-file', image: 'isol8:python', getFileExtension: () => '.py' };
      RuntimeRegistry.register({ ...adapter, getCommand: (_, path = '') => ['python3', path] }, []);
      RuntimeRegistry.register({ ...adapter, name: 'py-inline', getCommand: (code) => ['python3', '-c', code] }, []);
      expect((await engine.execute(at('/hello.py', { runtime: 'py-file' }))).stdout).toBe('hello');
      await expect(engine.execute(at('/hello.py', { runtime: 'py-inline' }))).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
        message: 'the runtime py-inline cannot run a codeUrl: its command contains the source text',
      });
    });
  });
});

describe('a request', () => {
  it('has exactly one source', async () => {
    const two =
      'ExecutionRequest.code, ExecutionRequest.codeUrl, and ExecutionRequest.cmd are mutually exclusive — provide exactly one.';
    for (const more of [{ code: '1' }, { cmd: 'ls' }, { code: '1', cmd: 'ls' }]) {
      expect(await refusal(LOOPBACK, at('/hello.py', more))).toEqual(['INVALID_REQUEST', two]);
    }
    const none = 'ExecutionRequest must include exactly one of: code, codeUrl, or cmd.';
    expect(await refusal(LOOPBACK, { runtime: 'python', codeUrl: ' \n' })).toEqual(['INVALID_REQUEST', none]);
    expect((await engine.execute(at('/hello.py', { code: '  ', cmd: '' }))).stdout).toBe('hello');
    expect((await engine.execute({ runtime: 'python', code: 'print(1)', codeUrl: '' })).stdout).toBe('1');
  });

  it('that makes no sense otherwise fetches nothing', async () => {
    const asked = site.asked.length;
    for (const more of [{ runtime: 'perl' }, { workdir: '/etc' }, { timeoutMs: 0 }, { env: { '': 'x' } }]) {
      expect((await refusal(LOOPBACK, at('/hello.py', more)))[0]).toMatch(/^(INVALID_REQUEST|UNKNOWN_RUNTIME)$/);
    }
    expect(site.asked.length).toBe(asked);
  });

  it('with a hash of code that is not fetched is refused', async () => {
    const message = 'codeHash is for codeUrl: it says nothing about code or cmd';
    const request = { runtime: 'python', code: 'print(1)', codeHash: sha256('print(1)') };
    expect(await refusal(LOOPBACK, request)).toEqual(['INVALID_REQUEST', message]);
  });

  it('that is aborted, or whose engine is stopped, while its code is fetched ends at once', async () => {
    const own = await ownEngine({ remoteCode: LOOPBACK }, 1);
    const controller = new AbortController();
    const aborted = own.execute(at('/silent.py'), { signal: controller.signal });
    // It holds the one permit.
    const waiting = own.execute(at('/slow.py'));
    setTimeout(() => controller.abort(), 200);
    await expect(within('the abort', 3000, aborted)).rejects.toMatchObject({ code: 'ABORT_ERR' });
    setTimeout(() => void own.stop(), 200);
    await expect(within('the stop', 3000, waiting)).rejects.toMatchObject({ code: 'STOPPED' });
  });
});

describe('the checks, in their order', () => {
  const HOST = 'Blocked code URL host: 127.0.0.1';
  const INSECURE = 'Insecure code URL blocked. Use allowInsecureCodeUrl=true to allow HTTP.';
  const REQUIRED = 'Hash verification required: provide codeHash for remote code execution.';
  const https = (host: string): ExecutionRequest => ({ runtime: 'python', codeUrl: `https://${host}/a.py` });

  it('1: fetching is disabled, unless it is enabled', async () => {
    const message = 'Remote code fetching is disabled. Set remoteCode.enabled=true to allow it.';
    for (const policy of [undefined, {}, { ...LOOPBACK, enabled: false }]) {
      expect(await refusal(policy, { runtime: 'python', codeUrl: 'nonsense' })).toEqual([
        'REMOTE_CODE_BLOCKED',
        message,
      ]);
    }
  });

  it.each(['nonsense', 'https://', 'https://[::1', 'https://256.0.0.1/'])('2: %s is no URL', async (codeUrl) => {
    const expected = ['INVALID_REQUEST', `Invalid code URL: ${codeUrl}`];
    expect(await refusal(LOOPBACK, { runtime: 'python', codeUrl })).toEqual(expected);
  });

  it('2: a URL with a password is none, and does not show it', async () => {
    const [code, message] = await refusal(LOOPBACK, https('user:hunter2@127.0.0.1'));
    expect([code, message]).toEqual(['INVALID_REQUEST', 'Invalid code URL: 127.0.0.1/a.py']);
  });

  // C33.
  it('3 and 4: http needs the request and the policy', async () => {
    const only = { ...LOOPBACK, allowedSchemes: ['https'] };
    for (const policy of [LOOPBACK, only]) {
      expect(await refusal(policy, at('/hello.py', { allowInsecureCodeUrl: false }))).toEqual([
        'REMOTE_CODE_BLOCKED',
        INSECURE,
      ]);
    }
    expect(await refusal(only, at('/hello.py'))).toEqual(['REMOTE_CODE_BLOCKED', 'URL scheme not allowed: http']);
  });

  it.each(['ftp://127.0.0.1/', 'file:///etc/passwd', 'data:,print(1)'])(
    '4: %s is no scheme that is fetched',
    async (codeUrl) => {
      const policy = { ...LOOPBACK, allowedSchemes: ['ftp', 'file', 'data'] };
      const scheme = codeUrl.split(':')[0];
      expect(await refusal(policy, { runtime: 'python', codeUrl })).toEqual([
        'REMOTE_CODE_BLOCKED',
        `URL scheme not allowed: ${scheme}`,
      ]);
    },
  );

  it('5: the lists of hosts decide, and the blocked ones first', async () => {
    for (const policy of [
      { ...LOOPBACK, allowedHosts: ['^example\\.com$'] },
      { ...LOOPBACK, blockedHosts: ['^127'] },
      { ...LOOPBACK, blockedHosts: undefined },
    ]) {
      expect(await refusal(policy, at('/hello.py'))).toEqual(['REMOTE_CODE_BLOCKED', HOST]);
    }
  });

  // W127: IPv4-mapped IPv6 and several special ranges passed.
  it.each([
    ...[
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '[::ffff:127.0.0.1]',
      '１２７.0.0.1',
      '[::1]',
      'localhost',
    ],
    ...[
      '0.0.0.0',
      '10.0.0.1',
      '100.64.0.1',
      '192.0.0.1',
      '198.18.0.1',
      '224.0.0.1',
      '255.255.255.255',
      '169.254.169.254',
    ],
    ...['[fd00::1]', '[fe80::1]', '[::ffff:10.0.0.1]', '[64:ff9b::7f00:1]', '[::]'],
  ])('W127: 6: %s is not public', async (host) => {
    for (const blockedHosts of [[], undefined]) {
      const [code, message] = await refusal({ enabled: true, blockedHosts }, https(host));
      expect([code, message]).toEqual(['REMOTE_CODE_BLOCKED', expect.stringMatching(/^Blocked code URL host: \S+$/)]);
    }
  });

  it('6: a name that nobody has cannot be resolved', async () => {
    const expected = ['REMOTE_CODE_FAILED', 'Failed to resolve code URL host: nobody.invalid'];
    expect(await refusal({ enabled: true }, https('nobody.invalid'))).toEqual(expected);
  });

  // W131: private hosts could never be allowed deliberately.
  it('W131: 6: an address is allowed by its own entry only, and that of a metadata service by none', async () => {
    expect((await engine.execute(at('/hello.py'))).stdout).toBe('hello');
    const wide = { ...LOOPBACK, allowedHosts: ['.*', '^127\\.', '^127\\.0\\.0\\.[0-9]+$'] };
    expect(await refusal(wide, at('/hello.py'))).toEqual(['REMOTE_CODE_BLOCKED', HOST]);
    const metadata = { ...LOOPBACK, allowedHosts: ['^169\\.254\\.169\\.254$'] };
    expect((await refusal(metadata, https('169.254.169.254')))[1]).toBe('Blocked code URL host: 169.254.169.254');
    // A name needs an entry itself, and one for its address.
    const codeUrl = `http://localhost:${site.port}/hello.py`;
    const named = { ...LOOPBACK, allowedHosts: ['^localhost$'] };
    expect((await refusal(named, at('', { codeUrl })))[1]).toBe('Blocked code URL host: localhost');
    const both = await ownEngine({
      remoteCode: { ...LOOPBACK, allowedHosts: ['^localhost$', '^127\\.0\\.0\\.1$', '^::1$'] },
    });
    expect((await both.execute(at('', { codeUrl }))).stdout).toBe('hello');
  });

  it('7: a hash can be required', async () => {
    const asked = site.asked.length;
    for (const codeHash of [undefined, '', ' ']) {
      const expected = ['REMOTE_CODE_BLOCKED', REQUIRED];
      expect(await refusal({ ...LOOPBACK, requireHash: true }, at('/hello.py', { codeHash }))).toEqual(expected);
    }
    expect(site.asked.length).toBe(asked);
    const strict = await ownEngine({ remoteCode: { ...LOOPBACK, requireHash: true } });
    expect((await strict.execute(at('/hello.py', { codeHash: sha256(HELLO) }))).stdout).toBe('hello');
  });

  // W128: the timer stopped after the headers, so that a slow body could hang.
  it.each(['/silent.py', '/slow.py'])('W128: 8: %s takes no longer than it may', async (path) => {
    const began = performance.now();
    const expected = ['REMOTE_CODE_FAILED', 'Remote code fetch timed out after 400ms'];
    expect(await refusal({ ...LOOPBACK, fetchTimeoutMs: 400 }, at(path))).toEqual(expected);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('8: nobody may be there', async () => {
    const codeUrl = 'http://127.0.0.1:1/';
    const expected = ['REMOTE_CODE_FAILED', 'Failed to fetch remote code: could not connect to 127.0.0.1:1'];
    expect(await refusal(LOOPBACK, at('', { codeUrl }))).toEqual(expected);
  });

  it('9: only a success has code', async () => {
    const expected = ['REMOTE_CODE_FAILED', 'Failed to fetch remote code: HTTP 404'];
    expect(await refusal(LOOPBACK, at('/nothing.py'))).toEqual(expected);
  });

  it.each([
    ['/large.py', 'Remote code exceeds maxCodeSize (1000 bytes): 2000 bytes'],
    ['/chunked.py', 'Remote code exceeds maxCodeSize (1000 bytes)'],
    ['/empty.py', 'Remote code response body is empty'],
    ['/nul.py', 'Fetched code appears to be binary content'],
    ['/elf', 'Fetched code appears to be binary content'],
  ])('10 and 11: %s is not used: %s', async (path, message) => {
    const expected = ['REMOTE_CODE_UNUSABLE', message];
    expect(await refusal({ ...LOOPBACK, maxCodeSize: 1000 }, at(path))).toEqual(expected);
  });

  it('10: what was made small counts as large as it is', async () => {
    expect((await engine.execute(at('/gzip.py', { codeHash: sha256(HELLO) }))).stdout).toBe('hello');
    const expected = ['REMOTE_CODE_UNUSABLE', 'Remote code exceeds maxCodeSize (10485760 bytes)'];
    expect(await refusal(LOOPBACK, at('/bomb.py'))).toEqual(expected);
    expect((await refusal(LOOPBACK, at('/brotli.py')))[1]).toBe(
      'Failed to fetch remote code: the content encoding "br" is not supported',
    );
  });

  it('12: the hash is that of what is run, in either case', async () => {
    const hash = sha256(HELLO);
    for (const codeHash of [hash, hash.toUpperCase()]) {
      expect((await engine.execute(at('/hello.py', { codeHash }))).stdout).toBe('hello');
    }
    for (const codeHash of [sha256('other'), 'deadbeef', '', hash.slice(1)]) {
      const expected = ['REMOTE_CODE_MISMATCH', 'Remote code hash mismatch'];
      expect(await refusal(LOOPBACK, at('/hello.py', { codeHash }))).toEqual(expected);
    }
  });

  // W129: the hash was computed over decoded text with a byte-order mark stripped.
  it('W129: 12: a byte-order mark counts', async () => {
    expect((await engine.execute(at('/bom.py', { codeHash: sha256(BOM) }))).stdout).toBe('marked');
    expect((await refusal(LOOPBACK, at('/bom.py', { codeHash: sha256(BOM.slice(1)) })))[0]).toBe(
      'REMOTE_CODE_MISMATCH',
    );
  });
});

// W125: redirects were followed without another check.
describe('W125: a redirect', () => {
  it('is followed where the policy allows', async () => {
    expect((await engine.execute(at('/once.py'))).stdout).toBe('hello');
  });

  it.each([
    ['/inside.py', 'Blocked code URL host: 127.0.0.2'],
    ['/metadata.py', 'Blocked code URL host: 169.254.169.254'],
    ['/file.py', 'URL scheme not allowed: file'],
    ['/loop.py', 'Failed to fetch remote code: more than 5 redirects'],
  ])('of %s is not: %s', async (path, message) => {
    expect((await refusal(LOOPBACK, at(path)))[1]).toBe(message);
  });

  it('to a private address is not followed from a public list either', async () => {
    const policy = { ...LOOPBACK, allowedHosts: ['.*', '^127\\.0\\.0\\.1$'] };
    expect((await refusal(policy, at('/inside.py')))[1]).toBe('Blocked code URL host: 127.0.0.2');
  });
});

describe('a policy', () => {
  it.each([
    [{ enabled: 'yes' }, /remoteCode/],
    [{ allowedHosts: ['('] }, /remoteCode\.allowedHosts\[0\]/],
    [{ blockedHosts: ['fine', '(?!x)'] }, /remoteCode\.blockedHosts\[1\]/],
    [{ maxCodeSize: 0 }, /remoteCode\.maxCodeSize/],
    [{ maxCodeSize: 1.5 }, /remoteCode/],
    [{ fetchTimeoutMs: 0 }, /remoteCode\.fetchTimeoutMs/],
    [{ fetchTimeoutMs: 2 ** 31 }, /remoteCode\.fetchTimeoutMs/],
    [{ cacheTtl: -1 }, /remoteCode/],
    [{ allowHosts: ['x'] }, /allowHosts/],
    [{ within: [] }, /within/],
    [7, /remoteCode/],
  ])('cannot be %j', (remoteCode, message) => {
    expect(() => construct({ remoteCode: remoteCode as never })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringMatching(message) }),
    );
  });

  it('may leave everything open', () => {
    for (const remoteCode of [undefined, null, {}, { enabled: true }]) {
      expect(construct({ remoteCode: remoteCode as never })).toBeDefined();
    }
  });
});
