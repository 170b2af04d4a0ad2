/** Secrets reach the program, and nobody else. */
import { expect, it } from 'vitest';
import { construct, ownEngine, sharedEngine } from '../support/any-engine.js';
import { inspect } from '../support/docker.js';

const SECRET = 'sk-live "f00/bar+baz" 42';
const engine = await sharedEngine({ secrets: { API_KEY: SECRET, SHORT: 'abc', LONG: 'abcdef', EMPTY: '' } });

const python = (code: string, more = {}) => engine.execute({ runtime: 'python', code, ...more });

it('are in the environment, and masked on both streams', async () => {
  const { stdout, stderr } = await python(
    `import os, sys; key = os.environ["API_KEY"]; print(len(key), key, end=""); print(key, file=sys.stderr)`,
  );
  expect(stdout).toBe(`${SECRET.length} ***`);
  expect(stderr).toBe('***');
});

// W19: a secret that begins another must not leave the rest of it visible.
it('are masked longest first', async () => {
  expect((await python('print("abcdef", "abc", "ab")')).stdout).toBe('*** *** ab');
});

it('are masked in the forms in which programs print them', async () => {
  const { stdout } = await python(`
import base64, json, os, urllib.parse
key = os.environ["API_KEY"]
print(json.dumps(key))
print(urllib.parse.quote(key, safe=""))
print(key.encode().hex())
print(base64.b64encode(("user:" + key + ";").encode()).decode())`);
  const [json, url, hex, base64] = stdout.split('\n');
  expect([json, url, hex]).toEqual(['"***"', '***', '***']);
  expect(base64).toMatch(/^.{1,8}\*\*\*.{0,4}$/);
});

it('are masked where a program breaks their encoding into lines', async () => {
  const LONG = Array.from({ length: 120 }, (_, n) => String.fromCharCode(33 + ((n * 7) % 90))).join('');
  const own = await ownEngine({ secrets: { LONG } });
  const code = 'printf %s "$LONG" | base64; printf %s "$LONG" | base64 --wrap 64 | sed "s/$/\\r/"';
  const { stdout } = await own.execute({ runtime: 'bash', code });
  expect(stdout.split(/\r?\n/)).toEqual(['***', '***']);
});

it('are masked where they overlap', async () => {
  const own = await ownEngine({ secrets: { ONE: 'abc-key', OTHER: 'key-defghi' } });
  expect((await own.execute({ runtime: 'bash', code: 'echo abc-key-defghi' })).stdout).toBe('***');
});

// W22: secrets split over two chunks were not masked.
it('are masked when they are written one byte at a time, also in a stream', async () => {
  const code = `
import os, sys, time
for byte in b"<" + os.environb[b"API_KEY"] + b">":
    os.write(1, bytes([byte])); time.sleep(0.001)`;
  expect((await python(code)).stdout).toBe('<***>');
  let streamed = '';
  for await (const event of engine.executeStream({ runtime: 'python', code })) {
    if (event.type === 'stdout') streamed += event.data;
  }
  expect(streamed).toBe('<***>');
});

it('hold back nothing that cannot be a secret', async () => {
  const stream = engine.executeStream({ runtime: 'bash', code: 'printf "Password: "; sleep 60' });
  expect((await stream.next()).value).toMatchObject({ data: 'Password: ' });
  await stream.return?.();
});

// W18: truncation ran before masking, so that the beginning of a secret could survive.
it('leave nothing visible where output is cut', async () => {
  const small = await ownEngine({ secrets: { KEY: SECRET }, maxOutputSize: 10 });
  const { stdout } = await small.execute({ runtime: 'bash', code: 'printf "12345678%s" "$KEY"' });
  expect(stdout).toBe(`12345678**\n\n--- OUTPUT TRUNCATED (${8 + SECRET.length} bytes, limit: 10) ---`);
});

// W48: secrets were part of the container's own configuration.
it('are not in the configuration of the container, nor of PID 1', async () => {
  const { containerId, stdout } = await python('print(open("/proc/self/environ").read().count("API_KEY"))');
  expect(stdout).toBe('1');
  expect(JSON.stringify(await inspect(containerId))).not.toContain('sk-live');
});

it('give way to the environment of a request', async () => {
  const { stdout } = await python('import os; print(os.environ["SHORT"])', { env: { SHORT: 'mine' } });
  expect(stdout).toBe('mine');
});

it.each([
  [{ '': 'x' }, 'name'],
  [{ 'A=B': 'x' }, 'name'],
  [{ A: 'hunter2\0' }, 'NUL'],
])('are refused where no program could receive them, without being repeated (%j)', (secrets, reason) => {
  const make = () => construct({ secrets });
  expect(make).toThrow(reason);
  expect(make).not.toThrow('hunter2');
  expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
});
