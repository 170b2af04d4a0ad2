/**
 * What a command line of ours may consist of, read from the commands themselves, so that a new flag needs no second
 * mention anywhere. The scripts for the shells are written from this.
 */
import type { Argument, Command, Help, Option } from 'commander';
import { RUNTIMES } from '../runtimes.js';

/** What stands where a value is expected: one of these words, a path on this machine, or what only the user knows. */
export type Value = readonly string[] | 'file' | 'directory' | 'anything';

export interface Flag {
  /** As it is typed: `-e`, `--eval`. */
  names: string[];
  description: string;
  /** Undefined for a flag that is only there or not. */
  value: Value | undefined;
}

export interface Grammar {
  name: string;
  description: string;
  flags: Flag[];
  /** What the words are that are no flags. */
  words: Value;
  commands: Grammar[];
}

/** Values that the help describes in words. */
const KNOWN_VALUES: Record<string, Value> = {
  '--runtime': RUNTIMES,
  '--base': RUNTIMES,
  '--only': RUNTIMES,
};

/** Placeholders that mean a path on this machine. Others, `<path>` among them, may be inside a sandbox. */
const PLACEHOLDERS: [RegExp, Value][] = [
  [/\bfile\b/, 'file'],
  [/\bdir\b/, 'directory'],
];

export function grammarOf(command: Command): Grammar {
  // Commander's own way to what it shows in help: that includes the flag for help, and leaves out what is hidden.
  const help = command.createHelp();
  const commands = command.commands.filter((child) => help.visibleCommands(command).includes(child));
  return {
    name: command.name(),
    description: command.description(),
    flags: flagsOf(command, help),
    words: wordsOf(command),
    commands: commands.map(grammarOf),
  };
}

/** Flags of the commands within another are its own: the scripts look no deeper. */
function flagsOf(command: Command, help: Help): Flag[] {
  const within = command.parent ? command.commands : [];
  const options = [command, ...within].flatMap((one) => help.visibleOptions(one));
  return [...new Map(options.map((option) => [option.long, option])).values()].map(flagOf);
}

function flagOf(option: Option): Flag {
  const names = [option.short, option.long].filter((name) => name !== undefined && name !== null);
  const takesValue = option.required || option.optional;
  return { names, description: option.description, value: takesValue ? valueAfter(option, option.flags) : undefined };
}

function valueAfter({ long, argChoices }: Option, flags: string): Value {
  return argChoices ?? KNOWN_VALUES[long ?? ''] ?? placeholder(flags.split(/[ =]/).at(-1) ?? '');
}

function placeholder(text: string): Value {
  return PLACEHOLDERS.find(([pattern]) => pattern.test(text))?.[1] ?? 'anything';
}

/** All words of a command count as of one kind: that of its first argument. */
function wordsOf(command: Command): Value {
  if (command.parent && command.commands.length > 0) return command.commands.map((within) => within.name());
  const [argument] = command.registeredArguments;
  if (!argument) return [];
  return isCommandName(command, argument)
    ? namesOfCommands(command)
    : (argument.argChoices ?? placeholder(argument.name()));
}

/** The argument of `help` is the name of a command. */
const isCommandName = (command: Command, argument: Argument) =>
  command.parent !== null && argument.name() === 'command';

function namesOfCommands(command: Command): string[] {
  return command.parent?.commands.map((sibling) => sibling.name()) ?? [];
}
