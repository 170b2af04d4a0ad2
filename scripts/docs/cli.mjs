// docs/cli.md: every command, flag and value, read from the commands themselves.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { root } from '../lib/project.mjs';
import { anchor, code, generated, page, sentence, table } from './markdown.mjs';

export const FILE = 'docs/cli.md';

const INTRODUCTION = `\
${code('isol8 help <command>')} shows the same in a terminal, and ${code('isol8 completion')} teaches it to a shell.
Flags with a value take it as ${code('--flag value')} or ${code('--flag=value')}.

A program's output is all that ${code('isol8 run')} writes to standard output; whatever isol8 itself has to say goes to
standard error, in lines that begin with ${code('[ERR]')}, ${code('[WARN]')}, ${code('[INFO]')}, ${code('[OK]')},
${code('[DONE]')} or ${code('[DEBUG]')}.`;

const EXIT_CODES = [
  ['the program ended', 'its own: `run` exits as the program did'],
  ['it was killed at its time limit, or for memory', '137'],
  ['its setup script failed', "the script's own; 1 with `--no-stream`"],
  ['nothing was run: a wrong flag, a missing file, no Docker engine, no permission', '1'],
  ['Ctrl-C, or SIGTERM', '130, 143'],
];

const ENVIRONMENT = [
  ['`DOCKER_HOST`, `DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`', 'which Docker engine, as for `docker`'],
  ['`ISOL8_API_KEY`', 'the key of a server'],
  ['`ISOL8_AUDIT_DIR`', 'where audit logs go, unless `audit.logDir` says so'],
  ['`ISOL8_EXTRA_CA_FILE`', 'certificates (PEM) that image builds and sandboxes trust as well'],
  ['`PIP_INDEX_URL`, `NPM_CONFIG_REGISTRY`', 'mirrors that images are built for'],
  ['`NO_COLOR`', 'no colours'],
];

export async function generate() {
  const program = await commands();
  const help = program.createHelp();
  const visible = help.visibleCommands(program).filter((command) => command.name() !== 'help');
  return page(
    '# Command line',
    generated('the commands in `cli/src/commands`'),
    INTRODUCTION,
    table(
      ['command', ''],
      visible.map((command) => [
        `[${command.name()}](#${anchor(`isol8 ${command.name()}`)})`,
        sentence(command.description()),
      ]),
    ),
    ...visible.flatMap((command) => described(command, help)),
    '## Exit codes',
    table(['what happened', 'code'], EXIT_CODES),
    '## Environment',
    table(['variable', 'meaning'], ENVIRONMENT),
  );
}

function described(command, help, path = 'isol8') {
  const name = `${path} ${command.name()}`;
  const children = help.visibleCommands(command);
  const words = help.visibleArguments(command);
  return [
    `${path === 'isol8' ? '##' : '###'} ${name}`,
    sentence(command.description()),
    code(`${path} ${command.name()} ${command.usage()}`),
    words.length > 0 &&
      table(
        ['argument', ''],
        words.map((word) => [code(word.name()), meaning(word)]),
      ),
    ...groups(command, help).map(([heading, options]) =>
      table(
        [heading, ''],
        options.map((option) => [code(option.flags), meaning(option)]),
      ),
    ),
    // What stands below the options.
    after(command),
    ...children.flatMap((child) => described(child, help, name)),
  ];
}

/** The flags under the headings that they have in help. */
function groups(command, help) {
  const result = new Map();
  for (const option of help.visibleOptions(command)) {
    if (option.long === '--help') continue;
    const heading = (option.helpGroupHeading ?? 'Flags').replace(/:$/, '').toLowerCase();
    result.set(heading, [...(result.get(heading) ?? []), option]);
  }
  return [...result];
}

function meaning({ description, argChoices }) {
  const values = argChoices ? `: ${argChoices.map(code).join(', ')}` : '';
  return `${description}${values}`;
}

/** What a command adds to its help, as commander would print it. */
function after(command) {
  const lines = [];
  command.emit('afterHelp', { error: false, command, write: (text) => lines.push(text) });
  const text = lines.join('').trim();
  return text && ['```text', text, '```'].join('\n');
}

/** The program of the command line. It is TypeScript, so it is bundled first, beside the package that it belongs to. */
async function commands() {
  const bundle = await rolldown({ input: join(root, 'cli/src/program.ts'), platform: 'node', external: ['isol8'] });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  await bundle.close();
  const directory = await mkdtemp(join(root, 'cli/.docs-'));
  try {
    const file = join(directory, 'program.mjs');
    await writeFile(file, output[0].code);
    return (await import(pathToFileURL(file).href)).createProgram();
  } finally {
    await rm(directory, { recursive: true });
  }
}
