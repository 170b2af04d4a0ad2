/** Clients for programs in a sandbox. */
import type { DockerIsol8, ExecutionResult } from 'isol8';

type Engine = Pick<DockerIsol8, 'execute'>;

/** Python: `say(bytes)` tells the proxy something and returns all that comes back, up to the end. */
const SAY = `
import socket, sys
def connect():
    return socket.create_connection(("127.0.0.1", 8118), 15)
def rest(s):
    parts = []
    try:
        while part := s.recv(65536):
            parts.append(part)
    except OSError as error:
        parts.append(b"[" + type(error).__name__.encode() + b"]")
    return b"".join(parts)
def head(s):
    data = b""
    while not data.endswith(b"\\r\\n\\r\\n"):
        part = s.recv(1)
        if not part:
            break
        data += part
    return data
def say(data):
    with connect() as s:
        try:
            s.sendall(data if isinstance(data, bytes) else data.encode())
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return rest(s).decode("latin-1")
def tunnel(to):
    s = connect()
    s.sendall(f"CONNECT {to} HTTP/1.1\\r\\nHost: {to}\\r\\n\\r\\n".encode())
    return s, head(s).decode("latin-1")
`;

/** Runs Python that has these functions, and has to end well. */
export async function python(engine: Engine, code: string, timeoutMs = 60_000): Promise<ExecutionResult> {
  const result = await engine.execute({ runtime: 'python', code: SAY + code, timeoutMs });
  if (result.exitCode !== 0) throw new Error(`the program failed: ${result.stderr}\n${result.stdout}`);
  return result;
}

/** What comes back when the proxy is told each of `requests` on a connection of its own. */
export async function said(engine: Engine, requests: string[]): Promise<string[]> {
  const bytes = requests.map((request) => [...Buffer.from(request, 'utf8')]);
  const code = `import json\nprint(json.dumps([say(bytes(b)) for b in json.loads(${JSON.stringify(JSON.stringify(bytes))})]))`;
  return JSON.parse((await python(engine, code)).stdout);
}

/** A request in absolute form. */
export function get(host: string, path = '/', headers = ''): string {
  return `GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${headers}\r\n`;
}

/** The status of an answer. */
export function status(answer: string | undefined): number {
  return Number(answer?.split(' ')[1] ?? 0);
}
