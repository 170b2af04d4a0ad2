/** The completions for fish: one line for each thing that can be completed. */
import type { Flag, Grammar, Value } from './grammar.js';

export function fishCompletions(program: Grammar): string {
  const { name, commands } = program;
  const lines = [
    ...program.flags.map((flag) => flagLine(program.name, flag, isFirst(name))),
    ...commands.map(
      (command) => `complete -c ${name} -n ${isFirst(name)} -a ${command.name} -d ${quoted(command.description)}`,
    ),
    ...commands.flatMap((command) => linesOf(program.name, command)),
  ];
  return `# Completions of ${name} for fish. To have them: ${name} completion fish | source

function __${name}_command
    for word in (commandline -opc)[2..-1]
        if not string match --quiet -- '-*' $word
            echo $word
            return 0
        end
    end
    return 1
end

complete -c ${name} -f
${lines.join('\n')}
`;
}

function linesOf(program: string, command: Grammar): string[] {
  const condition = quoted(`string match --quiet -- ${command.name} (__${program}_command)`);
  const words = action(command.words);
  return [
    ...command.flags.map((flag) => flagLine(program, flag, condition)),
    ...(words ? [`complete -c ${program} -n ${condition} ${words}`] : []),
  ];
}

function flagLine(program: string, { names, description, value }: Flag, condition: string): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  // A value that is no file is exclusive, or fish would offer files as well.
  const takes = value === undefined ? [] : [value === 'file' ? '-r' : '-x', action(value)];
  return ['complete', '-c', program, '-n', condition, ...flags, ...takes, '-d', quoted(description)]
    .filter(Boolean)
    .join(' ');
}

/** The options of `complete` for a value; files are off unless they are asked for. */
function action(value: Value): string {
  if (value === 'file') return '-F';
  if (value === 'directory') return `-a '(__fish_complete_directories)'`;
  return value === 'anything' || value.length === 0 ? '' : `-a ${quoted(value.join(' '))}`;
}

const isFirst = (name: string) => quoted(`not __${name}_command`);

const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
