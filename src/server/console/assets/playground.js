/** Runs code and shows what it prints, as it prints it. */

import { execute } from './api.js';
import { byId, element } from './dom.js';

/** What is shown at the most, in characters: a program prints more than anybody reads. */
const MOST_SHOWN = 200_000;

/** The runtimes, and something to begin with. */
const EXAMPLES = {
  python: 'import platform\n\nprint("Hello from Python", platform.python_version())\n',
  node: 'console.log("Hello from Node.js", process.version);\n',
  bun: 'console.log("Hello from Bun", Bun.version);\n',
  deno: 'console.log("Hello from Deno", Deno.version.deno);\n',
  bash: 'read -p "Your name? " name\necho "Hello, $name"\n',
  agent: 'Look around and tell me what you see.\n',
};

/** What can be used only while something runs. */
const MEANWHILE = ['stop', 'interrupt', 'stdin', 'send', 'end-input'];

const output = byId('output');
let run;
let shown = 0;

export function startPlayground() {
  const runtime = byId('runtime');
  runtime.append(...Object.keys(EXAMPLES).map((name) => element('option', { text: name, value: name })));
  const code = byId('code');
  const choose = () => {
    byId('agent-hint').hidden = runtime.value !== 'agent';
    if (code.value === '' || Object.values(EXAMPLES).includes(code.value)) code.value = EXAMPLES[runtime.value];
  };
  choose();
  runtime.addEventListener('change', choose);
  code.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) byId('run-form').requestSubmit();
  });
  byId('run-form').addEventListener('submit', (event) => {
    event.preventDefault();
    if (!run) begin();
  });
  const secrets = byId('secrets');
  secrets.addEventListener('input', () => {
    const wrong = lines('secrets').some((line) => !/^\w+=/.test(line));
    secrets.setCustomValidity(wrong ? 'Each line has a name, = and a value.' : '');
  });
  // What is wrong in them has to be seen.
  byId('options').addEventListener('invalid', () => byId('options').setAttribute('open', ''), true);
  byId('stop').addEventListener('click', () => run?.stop());
  byId('interrupt').addEventListener('click', () => run?.interrupt());
  byId('stdin-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const { value } = byId('stdin');
    run?.write(`${value}\n`);
    print(`${value}\n`, 'notice');
    byId('stdin').value = '';
  });
  byId('end-input').addEventListener('click', () => {
    run?.endInput();
    enable(['stdin', 'send', 'end-input'], false);
  });
}

function begin() {
  output.replaceChildren();
  shown = 0;
  const began = performance.now();
  let status;
  byId('status').textContent = 'Running…';
  enable(['start'], false);
  enable(MEANWHILE, true);
  run = execute(wanted(), {
    onEvent({ type, data, phase, networkLogs }) {
      if (type === 'stdout' || type === 'stderr') return print(data, type);
      if (type === 'error') {
        // One that has a phase is followed by an exit code.
        if (phase === undefined) status = 'not run';
        return print(`${data}\n`, 'stderr');
      }
      if (phase === 'code' || data !== '0') status = `exit code ${data}`;
      if (networkLogs?.length) print(`Requests to the network: ${networkLogs.length}, see “Network”.\n`, 'notice');
    },
    onEnd(problem) {
      run = undefined;
      const seconds = ((performance.now() - began) / 1000).toFixed(2);
      if (problem) print(`${problem}\n`, 'stderr');
      byId('status').textContent = `${status ?? (problem ? 'lost' : 'stopped')} after ${seconds} s`;
      enable(['start'], true);
      // Whoever used the keyboard goes on from where it was possible last.
      if (MEANWHILE.includes(document.activeElement?.id)) byId('start').focus();
      enable(MEANWHILE, false);
    },
  });
}

/** What the form says is to be run. */
function wanted() {
  const packages = byId('packages').value.split(/\s+/).filter(Boolean);
  const secrets = lines('secrets').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  const network = byId('mode').value;
  const filter = network === 'filtered' ? networkFilter() : undefined;
  const sessionId = byId('session').value.trim();
  return {
    request: {
      runtime: byId('runtime').value,
      code: byId('code').value,
      timeoutMs: byId('timeout').valueAsNumber * 1000,
      ...(packages.length ? { installPackages: packages } : {}),
    },
    options: {
      network,
      ...(network === 'filtered' ? { logNetwork: true } : {}),
      ...(filter ? { networkFilter: filter } : {}),
      ...(secrets.length ? { secrets: Object.fromEntries(secrets) } : {}),
    },
    ...(sessionId ? { sessionId } : {}),
  };
}

/** What the form says of the network; nothing where that is left to the server. */
function networkFilter() {
  const whitelist = lines('allow');
  const ports = byId('ports').value.split(/\D+/).filter(Boolean).map(Number);
  if (whitelist.length === 0 && ports.length === 0) return undefined;
  return { whitelist, blacklist: [], ...(ports.length ? { ports } : {}) };
}

const lines = (id) =>
  byId(id)
    .value.split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

/** Shows text, in as few elements as possible and up to a limit. */
function print(text, className) {
  if (shown >= MOST_SHOWN) return;
  const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 8;
  append(text.slice(0, MOST_SHOWN - shown), className);
  shown += text.length;
  if (shown >= MOST_SHOWN) append('\nMore is not shown here.\n', 'notice');
  if (atEnd) output.scrollTop = output.scrollHeight;
}

function append(text, className) {
  const last = output.lastElementChild;
  if (last?.className === className) last.firstChild.appendData(text);
  else if (text !== '') output.append(element('span', { className, text }));
}

function enable(ids, on) {
  for (const id of ids) byId(id).disabled = !on;
}
