// Load on a server from a process of its own, so that measuring takes nothing from what is measured but its share of
// the machine. Reads one plan as JSON from its first argument, prints one line of JSON when it is done.

import { spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';

/**
 * Has a process of its own send `body` to `url` from `clients` connections, each as soon as the one before has been
 * answered, until there are `count` answers or `seconds` have passed. Resolves with the milliseconds and the program's
 * own milliseconds of each, and with what went wrong; with nothing if it is killed before.
 */
export function load(plan, cleanup) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const undo = cleanup.add(() => {
    child.kill('SIGKILL');
    return ended;
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  let isKilled = false;
  const done = ended.then((code) => {
    undo();
    if (isKilled) return undefined;
    if (code !== 0) throw new Error(`the load ended with ${code}`);
    return JSON.parse(stdout);
  });
  const kill = () => {
    isKilled = true;
    return undo();
  };
  return { done, kill };
}

async function main({ url, key, body, clients = 1, count = Number.POSITIVE_INFINITY, seconds = 3600 }) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const text = JSON.stringify(body);
  const until = performance.now() + seconds * 1000;
  const answers = [];
  const errors = [];
  let left = count;
  const client = async () => {
    while (left-- > 0 && performance.now() < until) {
      const began = performance.now();
      try {
        const { programMs } = await post(agent, `${url}/execute`, key, text);
        answers.push([performance.now() - began, programMs]);
      } catch (error) {
        errors.push(error.message);
      }
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  process.stdout.write(JSON.stringify({ elapsedMs: performance.now() - began, answers, errors }));
}

function post(agent, url, key, text) {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const answer = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}: ${answer}`));
        const result = JSON.parse(answer);
        if (result.exitCode !== 0) return reject(new Error(`exit code ${result.exitCode}: ${result.stderr}`));
        resolve(result);
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(JSON.parse(process.argv[2]));
