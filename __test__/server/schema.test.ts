/**
 * A server, asked all that its OpenAPI document allows and what it does not: Schemathesis makes the requests from the
 * document, and compares the answers with it. Nothing is a 5xx, and nothing is anything that the document does not say.
 *
 * It must not have others' names looked up or downloaded: no program of these servers reaches the network.
 */
import type { Isol8UserConfig } from 'isol8';
import { expect, it } from 'vitest';
import { schemathesis } from '../../scripts/lib/schemathesis.mjs';
import { Caller } from '../support/caller.js';
import { KEY } from '../support/live-server.js';
import { Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { ServerProcess } from '../support/server-process.js';

const MINUTES = 60_000;

/** What only holders of the master key get an answer from. */
const MASTER = ['/auth/keys', '/auth/keys/{id}', '/auth/login', '/metrics'];

/**
 * What the document cannot say: that exactly one of `code`, `codeUrl` and `cmd` is needed, what a package is called,
 * which keys there are. So a request that fits it may be refused.
 */
const UNSAYABLE = ['positive_data_acceptance'];

const config: Isol8UserConfig = {
  defaults: { timeoutMs: 2_000 },
  server: { limits: { network: ['none'], images: [], timeoutMs: 2_000, sessions: 100_000, bodySize: '1m' } },
};

async function fuzz(server: ServerProcess, key: string, paths: string[], examples: number): Promise<void> {
  const { command, args, env } = schemathesis();
  const chosen = paths.flatMap((path) => ['--include-path', path]);
  const flags = ['--max-examples', String(examples), '--seed', '1', '--exclude-checks', UNSAYABLE.join()];
  // Slow is not wrong, and a machine may be busy; a server that does not answer is.
  flags.push('--suppress-health-check', 'all', '--request-timeout', '30');
  const authorization = ['--header', `Authorization: Bearer ${key}`];
  const run = [...args, 'run', `${server.host}/openapi.json`, ...chosen, ...flags, ...authorization];
  const { code, stdout, stderr } = await new Process(command, run, { cwd: scratch(), env }).ended;
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/^\s*Tested: [1-9]/m);
}

it('does what it says, for clients with a key of a tenant', { timeout: 8 * MINUTES }, async () => {
  const server = await ServerProcess.start({ config, flags: ['--auth-db', 'auth.db'] });
  const [, { key }] = await server.caller.answer('POST', '/auth/keys', { name: 'fuzz', tenantId: 'fuzz' });
  const { paths } = (await server.caller.answer('GET', '/openapi.json'))[1];
  const others = Object.keys(paths).filter((path) => !MASTER.includes(path));
  expect(others.length).toBeGreaterThan(9);
  await fuzz(server, key, others, 15);
  // It is as well as before.
  expect(await new Caller(server.host, key).run('echo served')).toMatchObject([200, { stdout: 'served' }]);
});

it('does what it says, for holders of the master key', { timeout: 8 * MINUTES }, async () => {
  const server = await ServerProcess.start({ config, flags: ['--auth-db', 'auth.db'] });
  await fuzz(server, KEY, MASTER, 30);
  expect(await server.caller.run('echo served')).toMatchObject([200, { stdout: 'served' }]);
});
