/** Output: how much of it is kept, and how bytes become text. */
import { describe, expect, it } from 'vitest';
import { ownEngine, place, sharedEngine } from '../support/any-engine.js';
import { answerOf } from '../support/process.js';

const marker = (total: number, limit: number) => `\n\n--- OUTPUT TRUNCATED (${total} bytes, limit: ${limit}) ---`;

const engine = await sharedEngine();

describe('a limit of 1024 bytes', async () => {
  const limited = await sharedEngine({ maxOutputSize: 1024 });

  it.each([0, 1, 1023, 1024])('keeps %i bytes', async (bytes) => {
    const { stdout, truncated } = await limited.execute({ runtime: 'python', code: `print("x" * ${bytes}, end="")` });
    expect({ stdout, truncated }).toEqual({ stdout: 'x'.repeat(bytes), truncated: false });
  });

  // W16: lengths were in UTF-16 units, and the marker could come twice with a wrong total.
  it.each([1025, 10_000])('cuts %i bytes and says how many there were', async (bytes) => {
    const { stdout, truncated, exitCode } = await limited.execute({
      runtime: 'python',
      code: `print("x" * ${bytes}, end="")`,
    });
    expect(truncated).toBe(true);
    expect(exitCode).toBe(0);
    expect(stdout).toBe('x'.repeat(1024) + marker(bytes, 1024));
  });

  it('counts stdout and stderr apart', async () => {
    const code = 'import sys; print("o" * 2000, end=""); print("e" * 1024, end="", file=sys.stderr)';
    const both = await limited.execute({ runtime: 'python', code });
    expect(both.stdout).toBe('o'.repeat(1024) + marker(2000, 1024));
    expect(both.stderr).toBe('e'.repeat(1024));
    expect(both.truncated).toBe(true);
    const second = await limited.execute({
      runtime: 'python',
      code: 'import sys; print("e" * 1025, end="", file=sys.stderr)',
    });
    expect(second).toMatchObject({ stdout: '', stderr: 'e'.repeat(1024) + marker(1025, 1024), truncated: true });
  });

  it('does not cut a character in two', async () => {
    const { stdout } = await limited.execute({ runtime: 'python', code: 'print("x" * 1022 + "€", end="")' });
    expect(stdout).toBe('x'.repeat(1022) + marker(1025, 1024));
  });

  // W21: streams had no limit.
  it('holds for a stream, with one marker at its end', async () => {
    let text = '';
    const stream = limited.executeStream({
      runtime: 'bash',
      cmd: 'for i in {1..50}; do head -c 1000 /dev/zero | tr "\\0" y; done',
    });
    for await (const { type, data } of stream) if (type === 'stdout') text += data;
    expect(text).toBe('y'.repeat(1024) + marker(50_000, 1024));
  });
});

it('keeps one byte when that is the limit', async () => {
  const { stdout } = await (await ownEngine({ maxOutputSize: 1 })).execute({ runtime: 'bash', code: 'echo -n ab' });
  expect(stdout).toBe(`a${marker(2, 1)}`);
});

it('keeps 1 MiB when nothing else was said', async () => {
  const { stdout } = await engine.execute({ runtime: 'bash', cmd: 'head -c 1048577 /dev/zero | tr "\\0" z' });
  expect(stdout).toBe('z'.repeat(1_048_576) + marker(1_048_577, 1_048_576));
});

it('keeps much when much was asked for', async () => {
  const one = await ownEngine({ maxOutputSize: 64 << 20 });
  const { stdout, truncated } = await one.execute({
    runtime: 'bash',
    cmd: 'head -c 33554432 /dev/zero | tr "\\0" z',
  });
  expect(truncated).toBe(false);
  expect(stdout.length).toBe(33_554_432);
});

const TEXT = 'aé€🦀\u{10ffff} 日本語 ';

// W17: chunks were decoded one by one.
it('joins characters whose bytes come one by one', async () => {
  const hex = Buffer.from(TEXT).toString('hex');
  const code = `import os\nfor byte in bytes.fromhex("${hex}"): os.write(1, bytes([byte]))`;
  const { stdout } = await engine.execute({ runtime: 'python', code });
  expect(stdout).toBe(TEXT.trimEnd());
  let streamed = '';
  for await (const { type, data } of engine.executeStream({ runtime: 'python', code })) {
    if (type === 'stdout') streamed += data;
  }
  expect(streamed).toBe(TEXT);
});

it('shows bytes that are no UTF-8 as replacement characters', async () => {
  const cmd = "printf 'a\\xff\\xfeb\\xc3(\\xe2\\x82'";
  const { stdout } = await engine.execute({ runtime: 'bash', cmd });
  expect(stdout).toBe('a\ufffd\ufffdb\ufffd(\ufffd');
});

it('passes NUL and control characters on', async () => {
  const { stdout } = await engine.execute({ runtime: 'bash', cmd: "printf 'a\\0b\\033[31mc\\007'" });
  expect(stdout).toBe('a\0b\x1b[31mc\x07');
});

it('of 1 GiB is counted to the byte, and costs no memory', { timeout: 120_000 }, async () => {
  const { truncated, length, end, grownMiB } = await answerOf('flood', [], { env: await place() });
  expect(truncated).toBe(true);
  expect(end).toBe(marker(1_073_741_824, 1_048_576));
  expect(length).toBe(1_048_576 + end.length);
  expect(grownMiB).toBeLessThan(40);
});
