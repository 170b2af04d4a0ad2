// A real server in a process of its own, as `isol8 serve` starts it, with a home and a configuration of its own.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url));
const KEY = 'bench-master-key';

/** Starts a server and resolves when it listens. `config` is its `isol8.config.json`. */
export async function startServer(cleanup, config = {}) {
  const home = await mkdtemp(join(tmpdir(), 'isol8-bench-'));
  const forget = cleanup.add(() => rm(home, { recursive: true, force: true }));
  await writeFile(join(home, 'isol8.config.json'), JSON.stringify(config));
  const env = { ...process.env, HOME: home, ISOL8_API_KEY: KEY, ISOL8_PORT: undefined, PORT: undefined };
  const args = [CLI, 'serve', '--port', '1', '--auth-db', join(home, 'auth.db')];
  args[3] = String(20_000 + Math.floor(Math.random() * 20_000));
  const child = spawn(process.execPath, args, { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const end = cleanup.add(() => {
    child.kill('SIGTERM');
    return ended;
  });
  const url = await listening(child);
  const stop = async () => {
    await end();
    await forget();
  };
  return { url, key: KEY, pid: child.pid, stop };
}

/** The address in the banner, where the port may be another than was asked for. */
function listening(child) {
  let [stdout, stderr] = ['', ''];
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      const port = /listening on http:\/\/[^:\s]+:(\d+)/.exec(stdout)?.[1];
      if (port) resolve(`http://127.0.0.1:${port}`);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr = (stderr + text).slice(-4000);
    });
    child.on('error', reject);
    child.on('close', (code) => reject(new Error(`the server ended with ${code}: ${stderr.trim()}`)));
  });
}

/** A key for `tenant`, made with the master key. */
export async function tenantKey({ url, key }, tenant) {
  const response = await fetch(`${url}/auth/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: `bench ${tenant}`, tenantId: tenant }),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(`no key for ${tenant}: ${body.error}`);
  return body.key;
}

/** Resident memory of a process in megabytes. */
export async function residentMb(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/^VmRSS:\s*(\d+) kB/m.exec(status)[1]) * 1024) / 1e6;
}
