/** What the command line says when no Docker engine answers. */
import { expect, it } from 'vitest';
import { cli } from '../support/process.js';

const env = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
const DOWN = '[ERR] Docker is not running or not installed.';

it('run', async () => {
  const { code, stdout, stderr } = await cli(['run', '-e', 'print(1)'], { env }).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  const [first, detail, ...rest] = stderr.split('\n');
  expect(first).toBe(DOWN);
  expect(detail).toContain('unix:///nowhere/docker.sock');
  expect(rest).toEqual(['']);
});

it('setup, with advice', async () => {
  const { code, stdout, stderr } = await cli(['setup'], { env }).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  const lines = stderr.split('\n');
  expect(lines[0]).toBe(DOWN);
  expect(lines[1]).toContain('unix:///nowhere/docker.sock');
  expect(lines.slice(2)).toEqual([
    '  Install Docker: https://docs.docker.com/get-docker/',
    '  On macOS, start it with: open -a Docker',
    '',
  ]);
});

it('cleanup, even with --force', async () => {
  const { code, stdout, stderr } = await cli(['cleanup', '--force'], { env }).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  const [first, detail, ...rest] = stderr.split('\n');
  expect(first).toBe(DOWN);
  expect(detail).toContain('unix:///nowhere/docker.sock');
  expect(rest).toEqual(['']);
});

it('says it once', async () => {
  const { stderr } = await cli(['run', '-e', 'print(1)'], { env }).ended;
  expect(stderr.match(/Docker is not running/g)).toHaveLength(1);
});
