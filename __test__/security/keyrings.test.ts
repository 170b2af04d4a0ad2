/**
 * The kernel's keyrings belong to users of the host, and so to all sandboxes at once. Isol8's own profile keeps programs
 * from them; here, whatever profile a caller chooses instead: the guest has a filter of its own.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fresh } from '../hardening/support/ground.js';
import { ownEngine } from '../support/engine.js';
import { ROOT } from '../support/paths.js';

const program = await readFile(join(ROOT, '__test__/security/keyrings/keys.py'), 'utf8');
const at = (act: string, message = '') => `MESSAGE, ACT = b"${message}", "${act}"\n${program}`;

const UNCONFINED = { security: { seccomp: 'unconfined' }, poolStrategy: 'secure' } as const;
/** As the user of a sandbox, but without our guest. */
const plain = fresh(['--user', '100:101']);

it('nothing passes from one sandbox to another by them, without a profile', async () => {
  const engine = ownEngine(UNCONFINED);
  const message = `isol8-${randomUUID()}`;
  const leave = await engine.execute({ runtime: 'python', code: at('leave', message) });
  const find = await engine.execute({ runtime: 'python', code: at('find', message) });
  expect([leave.stdout, find.stdout]).toEqual(['EPERM', 'EPERM']);
  expect(find.containerId).not.toBe(leave.containerId);
});

it('every door to them is shut, those of 32-bit programs included', async () => {
  const { stdout } = await ownEngine(UNCONFINED).execute({ runtime: 'python', code: at('doors') });
  const answers = stdout.split('\n').map((line) => line.split(': ')[1]);
  expect(answers.length).toBeGreaterThanOrEqual(3);
  expect(new Set(answers)).toEqual(new Set(['EPERM']));
});

it('between containers without our guest, it passes, and no door is shut', async () => {
  const message = `isol8-${randomUUID()}`;
  expect((await plain.run(at('leave', message))).stdout).toBe('left');
  expect((await plain.run(at('find', message))).stdout).toBe(`found ${message}`);
  expect((await plain.run(at('doors'))).stdout).not.toContain('EPERM');
});
