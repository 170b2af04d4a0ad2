// docs/images/terminal.svg: what a terminal shows when somebody tries isol8. The commands are typed here, for real; what
// they print is what the picture shows. Colours follow the reader's light or dark theme.

import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { root } from '../lib/project.mjs';

export const FILE = 'docs/images/terminal.svg';

/** Whatever they print has to be the same every time. */
const COMMANDS = [
  'isol8 run -e "print(2 ** 10)"',
  `isol8 run --secret KEY=sk-1234 -e "import os; print('the key is', os.environ['KEY'])"`,
  `isol8 run --net filtered --allow '^api\\.example\\.com$' --cmd "curl -s http://evil.example/; echo"`,
  'isol8 run --timeout 1000 -r node -e "for (;;);"; echo $?',
];

const FONT = 13;
const [COLUMN, LINE] = [7.83, 19];
const [LEFT, TOP, BOTTOM] = [16, 52, 16];

export async function generate() {
  const directory = await mkdtemp(join(tmpdir(), 'isol8-recording-'));
  try {
    const program = join(directory, 'isol8');
    await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'cli/dist/main.js')}" "$@"\n`);
    await chmod(program, 0o755);
    const lines = [];
    for (const command of COMMANDS) {
      lines.push({ kind: 'typed', text: command });
      for (const text of await printed(command, directory)) lines.push({ kind: kindOf(text), text });
    }
    return picture(lines);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The lines that a terminal would show: both streams, as they come. */
function printed(command, directory) {
  const env = { ...process.env, HOME: directory, PATH: `${directory}${delimiter}${process.env.PATH}`, NO_COLOR: '1' };
  return new Promise((resolve, reject) => {
    const child = execFile('bash', ['-c', `exec 2>&1\n${command}`], { cwd: directory, env }, (error, stdout) => {
      if (error) reject(new Error(`\`${command}\` failed: ${stdout}`, { cause: error }));
      else resolve(stdout.trimEnd().split('\n'));
    });
    child.stdin.end();
  });
}

const kindOf = (text) => (/^\[(WARN|ERR)\]/.test(text) ? 'notice' : 'output');

function picture(lines) {
  const columns = Math.max(...lines.map(({ text }) => text.length)) + 2;
  const width = Math.ceil(2 * LEFT + columns * COLUMN);
  const height = TOP + lines.length * LINE + BOTTOM;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="isol8 in a terminal">
<style>
  .window { fill: #ffffff; stroke: #d0d7de }
  .dot { fill: #d0d7de }
  text { font: ${FONT}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #1f2328 }
  .prompt { fill: #1a7f37 }
  .typed { font-weight: 600 }
  .output { fill: #424a53 }
  .notice { fill: #9a6700 }
  @media (prefers-color-scheme: dark) {
    .window { fill: #0d1117; stroke: #30363d }
    .dot { fill: #30363d }
    text { fill: #e6edf3 }
    .prompt { fill: #3fb950 }
    .output { fill: #b1bac4 }
    .notice { fill: #d29922 }
  }
</style>
<rect class="window" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${[0, 1, 2].map((n) => `<circle class="dot" cx="${22 + n * 18}" cy="22" r="5.5"/>`).join('')}
${lines.map(({ kind, text }, index) => line(kind, text, TOP + (index + 0.7) * LINE)).join('\n')}
</svg>
`;
}

function line(kind, text, y) {
  const prompt = kind === 'typed' ? '<tspan class="prompt">$ </tspan>' : '';
  // One length for all machines, whatever font they have.
  const length = ((text.length + (prompt ? 2 : 0)) * COLUMN).toFixed(1);
  return `<text class="${kind}" x="${LEFT}" y="${y.toFixed(1)}" textLength="${length}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">${prompt}${escaped(text)}</text>`;
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
