/** Standard input: byte for byte, then end of file. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { ON_THE_WAY, place, sharedEngine } from '../support/any-engine.js';
import { answerOf } from '../support/process.js';

const MIB = 1 << 20;

const engine = await sharedEngine();

it('is empty without a payload', async () => {
  for (const stdin of [undefined, '', Buffer.alloc(0)]) {
    const { stdout, exitCode } = await engine.execute({ runtime: 'bash', code: 'wc --bytes', stdin });
    expect({ stdout, exitCode }).toEqual({ stdout: '0', exitCode: 0 });
  }
});

it.each(['python', 'node', 'bun', 'deno', 'bash'] as const)('is text for %s', async (runtime) => {
  const text = 'première ligne\n二行目 🦀\nno newline at the end';
  const { stdout } = await engine.execute({ runtime, cmd: 'cat', stdin: text });
  expect(stdout).toBe(text);
});

it('is read by a program', async () => {
  const code = 'import sys; print(sum(int(line) for line in sys.stdin))';
  const { stdout } = await engine.execute({ runtime: 'python', code, stdin: '1\n2\n39\n' });
  expect(stdout).toBe('42');
});

it('is any bytes', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const { stdout } = await engine.execute({ runtime: 'bash', code: 'base64 --wrap 0', stdin: bytes });
  expect(stdout).toBe(bytes.toString('base64'));
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset + 128, 4);
  const part = await engine.execute({ runtime: 'bash', code: 'base64', stdin: view });
  expect(part.stdout).toBe(bytes.subarray(128, 132).toString('base64'));
});

it('may stay unread', async () => {
  const { stdout, exitCode } = await engine.execute({
    runtime: 'bash',
    code: 'echo done',
    stdin: randomBytes(4 * MIB),
  });
  expect({ stdout, exitCode }).toEqual({ stdout: 'done', exitCode: 0 });
});

it('may be read in part', async () => {
  const stdin = `first\n${'x'.repeat(4 * MIB)}`;
  const { stdout, exitCode } = await engine.execute({ runtime: 'bash', code: 'read -r line; echo "$line"', stdin });
  expect({ stdout, exitCode }).toEqual({ stdout: 'first', exitCode: 0 });
});

it('carries 100 MiB unharmed, with little more memory than one copy of them', async () => {
  const { sent, received, grownMiB } = await answerOf('large-stdin', [], { env: await place() });
  expect(received).toBe(sent);
  expect(grownMiB).toBeLessThan(150 + 100 * ON_THE_WAY);
});
