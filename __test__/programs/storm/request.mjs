// The request that a plan means, and what its program prints.
import { Feed } from './feed.mjs';

/** Every program notes its token, prints what it was given, echoes its input, and then ends or stays. */
const BASH = `
echo "$TOKEN" >> log
echo "$TOKEN \${STORM_SECRET-none} $(wc -l < log)"
[ ! -e "$TOKEN.txt" ] || cat "$TOKEN.txt"
cat
[ "$THEN" != stay ] || sleep 1000
exit "$CODE"`;

const PYTHON = `
import os, sys, time
token = os.environ["TOKEN"]
with open("log", "a") as log: log.write(token + "\\n")
print(token, os.environ.get("STORM_SECRET", "none"), len(open("log").readlines()), flush=True)
if os.path.exists(token + ".txt"): print(open(token + ".txt").read(), end="", flush=True)
for line in sys.stdin: sys.stdout.write(line)
sys.stdout.flush()
if os.environ["THEN"] == "stay": time.sleep(1000)
sys.exit(int(os.environ["CODE"]))`;

const JAVASCRIPT = `
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
const { TOKEN, STORM_SECRET = 'none', THEN, CODE } = process.env;
appendFileSync('log', TOKEN + '\\n');
console.log(TOKEN + ' ' + STORM_SECRET + ' ' + readFileSync('log', 'utf8').trimEnd().split('\\n').length);
if (existsSync(TOKEN + '.txt')) process.stdout.write(readFileSync(TOKEN + '.txt', 'utf8'));
for await (const chunk of process.stdin) process.stdout.write(chunk);
if (THEN === 'stay') await new Promise(() => setTimeout(() => {}, 1e6));
process.exitCode = Number(CODE);`;

const PROGRAMS = { bash: BASH, python: PYTHON, node: JAVASCRIPT, bun: JAVASCRIPT, deno: JAVASCRIPT };

const SETUPS = { good: 'echo "set up" >> "$TOKEN.txt"', failing: 'echo "not set up" >&2; exit 7' };

const LINES = ['one line\n', 'zwei Zeilen, auf die zweite\n', 'muß man warten\n'];

/** More lines than wait for a program to start, so that the rest comes while it runs. */
const LIVE_LINES = [LINES, LINES, LINES, LINES].flat();

/** More than any buffer on the way holds. */
const BULK = 'all of it, and nothing else\n'.repeat(10_000);

/** `request` for the engine, `feed` if its input is live, and `body`: what is printed after the first line. */
export function request({ token, runtime, isCommand, input, hasFile, setup, stays, timeoutMs, exitCode }) {
  const text = { none: '', text: LINES.join(''), bulk: BULK }[input];
  const feed = text === undefined ? new Feed(LIVE_LINES, input) : undefined;
  const source = isCommand ? { cmd: BASH } : { code: PROGRAMS[runtime] };
  const file = hasFile ? `the file of ${token}\n` : '';
  return {
    request: {
      runtime,
      ...source,
      env: { TOKEN: token, THEN: stays ? 'stay' : 'end', CODE: String(exitCode) },
      ...((feed || text) && { stdin: feed ?? text }),
      ...(file && { files: { [`${token}.txt`]: file } }),
      ...(setup !== 'none' && { setupScript: SETUPS[setup] }),
      ...(timeoutMs && { timeoutMs }),
    },
    feed,
    body: file + (setup === 'good' ? 'set up\n' : '') + (text ?? LIVE_LINES.join('')),
  };
}
