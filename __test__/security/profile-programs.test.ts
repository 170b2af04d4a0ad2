/** Programs that people need, under the strict profile and all other limits. */
import { beforeAll, describe, expect, it } from 'vitest';
import { build } from '../support/docker.js';
import { ownEngine, sharedEngine } from '../support/engine.js';

const engine = sharedEngine({ pidsLimit: 128 });

describe('numpy', () => {
  const tag = 'isol8-test:numpy';

  beforeAll(async () => {
    await build(
      tag,
      'FROM isol8:python\nUSER 0:0\nRUN pip install --quiet --break-system-packages --no-cache-dir numpy\n',
    );
  }, 180_000);

  it('computes, with as many threads as it likes', async () => {
    const code = `
import numpy as np
a = np.arange(250_000, dtype=float).reshape(500, 500)
identity = np.eye(500)
print(np.array_equal(a @ identity, a), round(float(np.linalg.det(np.diag([1.0, 2.0, 3.0])))), np.fft.fft([1, 0, 0, 0]).real.sum())
np.save("/sandbox/a.npy", a)
print(np.load("/sandbox/a.npy", mmap_mode="r").sum() == a.sum())
`;
    const { stdout, stderr, exitCode } = await ownEngine({ image: tag }).execute({ runtime: 'python', code });
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'True 6 4.0\nTrue', stderr: '', exitCode: 0 });
  });
});

it('python has processes, threads, locks and loops', async () => {
  const code = `
import asyncio, concurrent.futures, multiprocessing, subprocess, sqlite3, ssl, tempfile
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, -2]))
    with concurrent.futures.ThreadPoolExecutor(4) as threads: print(sum(threads.map(int, "1234")))
    async def main():
        process = await asyncio.create_subprocess_exec("echo", "child", stdout=subprocess.PIPE)
        return (await process.communicate())[0].decode().strip()
    print(asyncio.run(main()))
    with sqlite3.connect("/sandbox/a.db") as db: print(db.execute("select 6 * 7").fetchone())
    with tempfile.NamedTemporaryFile() as file: print(file.name.startswith("/tmp/"))
`;
  const { stdout, stderr } = await engine.execute({ runtime: 'python', code });
  expect({ stdout, stderr }).toEqual({ stdout: '[1, 2]\n10\nchild\n(42,)\nTrue', stderr: '' });
});

const JAVASCRIPT = `
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { gzipSync, gunzipSync } from 'node:zlib';
`;

it('node has workers, children, sockets, streams and WebAssembly', async () => {
  const code = `${JAVASCRIPT}
import { Worker } from 'node:worker_threads';
const fromWorker = await new Promise((resolve) => new Worker('require("node:worker_threads").parentPort.postMessage(6 * 7)', { eval: true }).on('message', resolve));
const directory = await mkdtemp('/tmp/x-');
await writeFile(directory + '/f', 'text');
const server = createServer((socket) => socket.end('hi')).listen(0, '127.0.0.1');
await new Promise((resolve) => server.on('listening', resolve));
let said = '';
for await (const chunk of connect(server.address().port, '127.0.0.1')) said += chunk;
server.close();
const wasm = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
console.log(fromWorker, await readFile(directory + '/f', 'utf8'), said, gunzipSync(gzipSync('zip')).toString(), execFileSync('echo', ['child']).toString().trim(), createHash('md5').update('').digest('hex').slice(0, 4), wasm instanceof WebAssembly.Module);
`;
  const { stdout, stderr } = await engine.execute({ runtime: 'node', code });
  expect({ stdout, stderr }).toEqual({ stdout: '42 text hi zip child d41d true', stderr: '' });
});

it('bun has workers, children, a shell and a database', async () => {
  const code = `
import { Database } from 'bun:sqlite';
import { $ } from 'bun';
await Bun.write('/sandbox/worker.ts', 'postMessage(6 * 7)');
const worker = new Worker('/sandbox/worker.ts');
const fromWorker = await new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); });
worker.terminate();
const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('hi') });
const said = await (await fetch(server.url)).text();
server.stop(true);
console.log(fromWorker, said, (await $\`echo child\`.text()).trim(), new Database(':memory:').query('select 1 as one').get().one);
process.exit(0);
`;
  const { stdout, stderr } = await engine.execute({ runtime: 'bun', code });
  expect({ stdout, stderr }).toEqual({ stdout: '42 hi child 1', stderr: '' });
});

it('deno has workers, servers and files', async () => {
  const code = `
await Deno.writeTextFile('/sandbox/worker.ts', 'postMessage(6 * 7)');
const worker = new Worker(new URL('file:///sandbox/worker.ts'), { type: 'module' });
const fromWorker = await new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); });
worker.terminate();
const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, () => new Response('hi'));
const said = await (await fetch('http://127.0.0.1:' + server.addr.port)).text();
await server.shutdown();
console.log(fromWorker, said, Deno.env.get('HOME'));
`;
  const { stdout, stderr } = await engine.execute({ runtime: 'deno', code });
  expect({ stdout, stderr }).toEqual({ stdout: '42 hi /sandbox', stderr: '' });
});

it.each(['python', 'node', 'bun', 'deno', 'bash'] as const)('git works in %s', async (runtime) => {
  const cmd = `set -e
git init --quiet repository; cd repository
echo one > file; git add file; git commit --quiet --message first
git checkout --quiet -b topic; echo two >> file; git commit --quiet --all --message second
git checkout --quiet main; git merge --quiet topic
git clone --quiet . ../copy; cd ../copy; git gc --quiet
git log --format=%s; git diff --stat HEAD~1 | tail -n 1; git status --short`;
  const { stdout, stderr, exitCode } = await engine.execute({ runtime, cmd });
  expect({ stdout, stderr, exitCode }).toEqual({
    stdout: 'second\nfirst\n 1 file changed, 1 insertion(+)',
    stderr: '',
    exitCode: 0,
  });
});
