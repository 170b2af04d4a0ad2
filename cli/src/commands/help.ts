/** `help [command]`. Commander's own answers an unknown command with the whole help, and ignores what is too much. */
import type { Command } from 'commander';

export function registerHelp(program: Command): void {
  program
    .command('help')
    .description('Show the help of a command')
    .argument('[command...]', 'its name; all commands are listed without')
    .action((names: string[]) => commandOf(program, names).outputHelp());
}

/** The command of these names, each that of a command of the one before. */
function commandOf(program: Command, names: string[]): Command {
  return names.reduce((parent, name) => {
    const command = parent.commands.find((command) => command.name() === name);
    return command ?? program.error(`error: unknown command '${name}'`);
  }, program);
}
