/** Directories for files that a test makes: empty, away from everything, and gone when the test is over. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** The path of a directory for the test that is running. */
export function scratch(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'isol8-test-')));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
