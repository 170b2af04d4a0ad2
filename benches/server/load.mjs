// Load on a server from a process of its own, so that measuring takes nothing from what is measured but its share of
// the machine. Reads one plan as JSON from its first argument, prints one line of JSON when it is done.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
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
  const request = requestOf(new URL(`${url}/execute`), key, JSON.stringify(body));
  const until = performance.now() + seconds * 1000;
  const answers = [];
  const errors = [];
  let left = count;
  const client = async () => {
    let connection;
    while (left-- > 0 && performance.now() < until) {
      const began = performance.now();
      try {
        connection ??= await Connection.open(new URL(url));
        const { programMs } = succeeded(await connection.ask(request));
        answers.push([performance.now() - began, programMs]);
      } catch (error) {
        errors.push(error.message);
        connection?.close();
        connection = undefined;
      }
    }
    connection?.close();
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  process.stdout.write(JSON.stringify({ elapsedMs: performance.now() - began, answers, errors }));
}

function requestOf({ host, pathname }, key, text) {
  const headers = [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    `authorization: Bearer ${key}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  return `${headers.join('\r\n')}\r\n\r\n${text}`;
}

/** The result in an answer, which has to be that of a program that has succeeded. */
function succeeded({ status, text }) {
  if (status !== 200) throw new Error(`status ${status}: ${text}`);
  const result = JSON.parse(text);
  if (result.exitCode !== 0) throw new Error(`exit code ${result.exitCode}: ${result.stderr}`);
  return result;
}

/**
 * A connection on which one question follows the other. The client that Node.js has would take a twentieth of the
 * machine, from the server and not from the floor that it is compared with.
 */
class Connection {
  #socket;
  #received = Buffer.alloc(0);
  /** Who waits for an answer. */
  #asked;

  static async open({ hostname, port }) {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = this.#received.length ? Buffer.concat([this.#received, chunk]) : chunk;
      this.#answer();
    });
    socket.on('error', (error) => this.#asked?.reject(error));
    socket.on('close', () => this.#asked?.reject(new Error('the server closed the connection')));
  }

  /** Sends a whole request and resolves with the answer. */
  ask(request) {
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close() {
    this.#asked = undefined;
    this.#socket.destroy();
  }

  /** Passes the answer on, once all of it is here. */
  #answer() {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#received.toString('latin1', 0, end);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1]);
    const body = this.#received.subarray(end + 4);
    if (Number.isNaN(length)) return this.#asked?.reject(new Error(`an answer without a length: ${head}`));
    if (body.length < length) return;
    const answered = this.#asked;
    this.#asked = undefined;
    this.#received = Buffer.alloc(0);
    answered?.resolve({ status: Number(head.split(' ')[1]), text: body.toString('utf8') });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(JSON.parse(process.argv[2]));
