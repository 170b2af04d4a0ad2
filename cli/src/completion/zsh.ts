/** The completions for zsh, as a description for its own `_arguments`. Works sourced, and as a file in `fpath`. */
import type { Flag, Grammar, Value } from './grammar.js';

export function zshCompletions(program: Grammar): string {
  const { name, commands } = program;
  return `#compdef ${name}
# Completions of ${name} for zsh. To have them: source <(${name} completion zsh), after compinit

_${name}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C -S ${specs(program.flags).join(' ')} '1:command:->command' '*::argument:->argument'
  case "$state" in
    command)
      local -a commands=(
${commands.map((command) => `        ${quoted(`${command.name}:${command.description.replace(/:/g, '\\:')}`)}`).join('\n')}
      )
      _describe command commands
      ;;
    argument)
      case "$words[1]" in
${commands.map(arm).join('\n')}
      esac
      ;;
  esac
}

if [ "$funcstack[1]" = '_${name}' ]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function arm(command: Grammar): string {
  const lines = [...specs(command.flags), ...wordSpec(command.words)].map((spec) => ` \\\n            ${spec}`);
  return `        ${command.name})\n          _arguments -S${lines.join('')}\n          ;;`;
}

/** A flag that can be given again is still offered: which may be is for the command to say. */
function specs(flags: Flag[]): string[] {
  return flags.flatMap(({ names, description, value }) =>
    names.map((name) => {
      const takes = value === undefined ? '' : `:value:${action(value)}`;
      const assigns = value !== undefined && name.startsWith('--') ? '=' : '';
      return quoted(`*${name}${assigns}[${description.replace(/[[\]\\:]/g, '\\$&')}]${takes}`);
    }),
  );
}

function wordSpec(words: Value): string[] {
  return typeof words !== 'string' && words.length === 0 ? [] : [quoted(`*:argument:${action(words)}`)];
}

function action(value: Value): string {
  if (value === 'file') return '_files';
  if (value === 'directory') return '_files -/';
  return value === 'anything' ? ' ' : `(${value.join(' ')})`;
}

const quoted = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;
