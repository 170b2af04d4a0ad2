/** Limits of memory, processes, files and space. */
import { expect, it } from 'vitest';
import { ownEngine } from '../support/any-engine.js';

it('of memory end the program, without the words of a time limit', async () => {
  const engine = await ownEngine({ memoryLimit: '32m', poolSize: { clean: 0, dirty: 1 } });
  const code = 'block = bytearray(100 * 1024 * 1024); print(len(block))';
  const killed = await engine.execute({ runtime: 'python', code });
  expect(killed.exitCode).not.toBe(0);
  expect(killed).toMatchObject({ stdout: '', outOfMemory: true, timedOut: false });
  expect(killed.stderr).not.toContain('TIMED OUT');
  const next = await engine.execute({ runtime: 'python', code: 'print("fine")' });
  expect(next).toMatchObject({ stdout: 'fine', exitCode: 0, outOfMemory: false });
});

it('of memory that a part of the program hits do not fail the whole', async () => {
  const engine = await ownEngine({ memoryLimit: '64m' });
  const code = 'python3 -c "bytearray(200 << 20)" || echo "went on"';
  const result = await engine.execute({ runtime: 'python', cmd: code });
  expect(result).toMatchObject({ stdout: 'went on', exitCode: 0, outOfMemory: false });
});

it('of memory count files in /sandbox', async () => {
  const engine = await ownEngine({ memoryLimit: '64m' });
  const { exitCode, stdout } = await engine.execute({
    runtime: 'bash',
    code: 'head --bytes 104857600 /dev/zero > f; echo written',
  });
  expect({ exitCode, stdout }).not.toEqual({ exitCode: 0, stdout: 'written' });
});

it('of processes stop the fork, not the sandbox', async () => {
  const engine = await ownEngine({ pidsLimit: 32 });
  const code = `
import os, time
children = 0
try:
    while children < 1000:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        children += 1
except BlockingIOError:
    print(children)
`;
  const { stdout, exitCode } = await engine.execute({ runtime: 'python', code });
  expect(exitCode).toBe(0);
  expect(Number(stdout)).toBeGreaterThan(20);
  expect(Number(stdout)).toBeLessThan(32);
  const next = await engine.execute({ runtime: 'python', code: 'print("fine")' });
  expect(next.stdout).toBe('fine');
});

it('of processor time are shares of a core', async () => {
  const busy = 'import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n';
  const half = await ownEngine({ cpuLimit: 0.5 });
  const { durationMs } = await half.execute({ runtime: 'python', code: busy });
  expect(durationMs).toBeGreaterThan(450);
});

it('of space are those of /sandbox and /tmp', async () => {
  const engine = await ownEngine({ sandboxSize: '2m', tmpSize: '1m' });
  const fill = 'head --bytes 10485760 /dev/zero';
  const { stdout, stderr } = await engine.execute({
    runtime: 'bash',
    code: `${fill} > /sandbox/f; ${fill} > /tmp/f; stat --format %s /tmp/f; df --output=size --block-size=1 /sandbox /tmp | tail -n 2`,
  });
  expect(stdout.split('\n').map((line) => line.trim())).toEqual(['1048576', '2097152', '1048576']);
  expect(stderr.match(/No space left on device/g)).toHaveLength(2);
});

it('of open files are there', async () => {
  const engine = await ownEngine();
  const { stdout } = await engine.execute({ runtime: 'bash', code: 'ulimit -Hn; ulimit -Hc' });
  expect(stdout).toBe('8192\n0');
});
