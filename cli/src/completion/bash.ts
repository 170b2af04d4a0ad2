/**
 * The completions for bash. They run in version 3.2 as well, which macOS has, and need no package of helpers.
 *
 * `_isol8` finds the command, then answers by where the cursor is: after a flag with a value, in a flag, or in a word.
 * Bash splits `--net=filtered` into three words, which are put together again first.
 */
import type { Flag, Grammar, Value } from './grammar.js';

export function bashCompletions(program: Grammar): string {
  const commands = [program, ...program.commands];
  return `# Completions of ${program.name} for bash. To have them: source <(${program.name} completion bash)

_${program.name}_flags() {
  case "$1" in
${commands.map((command) => arm(nameIn(program, command), flagNames(command.flags))).join('\n')}
  esac
}

# What is completed after a flag of a command; nothing is said of flags without a value.
_${program.name}_value() {
  case "$1 $2" in
${commands.flatMap((command) => command.flags.flatMap((flag) => values(nameIn(program, command), flag))).join('\n')}
  esac
}

_${program.name}_words() {
  case "$1" in
${commands.map((command) => arm(nameIn(program, command), kind(wordsOf(command)))).join('\n')}
  esac
}

_${program.name}_complete() {
  local IFS=$'\\n' options=''
  case "$1" in
    file) COMPREPLY=($(compgen -f -- "$2")); options='filenames' ;;
    directory) COMPREPLY=($(compgen -d -- "$2")); options='filenames' ;;
    anything) COMPREPLY=() ;;
    *) COMPREPLY=($(IFS=' ' compgen -W "$1" -- "$2")) ;;
  esac
  if [ -n "$options" ]; then compopt -o "$options" 2>/dev/null; fi
}

_${program.name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" last="\${COMP_WORDS[COMP_CWORD-1]}" command='' value i
  COMPREPLY=()
  if [ "$current" = '=' ]; then
    current=''
  elif [ "$last" = '=' ] && [ "$COMP_CWORD" -gt 1 ]; then
    last="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) ;;
      *) command="\${COMP_WORDS[i]}"; break ;;
    esac
  done
  value="$(_${program.name}_value "$command" "$last")"
  if [ -n "$value" ]; then
    _${program.name}_complete "$value" "$current"
  elif [ "\${current:0:1}" = '-' ]; then
    _${program.name}_complete "$(_${program.name}_flags "$command")" "$current"
  else
    _${program.name}_complete "$(_${program.name}_words "$command")" "$current"
  fi
}

complete -F _${program.name} ${program.name}
`;
}

/** How the script calls a command; the program itself has no command. */
const nameIn = (program: Grammar, command: Grammar) => (command === program ? '' : command.name);

const arm = (pattern: string, answer: string) => `    '${pattern}') echo '${answer}' ;;`;

const flagNames = (flags: Flag[]) => flags.flatMap(({ names }) => names).join(' ');

const values = (command: string, { names, value }: Flag) =>
  value === undefined ? [] : [`    ${names.map((name) => `'${command} ${name}'`).join('|')}) echo '${kind(value)}' ;;`];

const wordsOf = (command: Grammar): Value =>
  command.commands.length ? command.commands.map(({ name }) => name) : command.words;

const kind = (value: Value) => (typeof value === 'string' ? value : value.join(' '));
