/** `completion <shell>` prints a script that makes the shell complete our commands, flags and values. */
import { Argument, type Command } from 'commander';
import { bashCompletions } from '../completion/bash.js';
import { fishCompletions } from '../completion/fish.js';
import { type Grammar, grammarOf } from '../completion/grammar.js';
import { zshCompletions } from '../completion/zsh.js';
import { stdout } from '../output.js';

const SHELLS = { bash: bashCompletions, zsh: zshCompletions, fish: fishCompletions } satisfies Record<
  string,
  (program: Grammar) => string
>;

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('Print a script that completes commands and flags in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(SHELLS)))
    .option('--debug', 'say what is being done')
    .addHelpText(
      'after',
      `
To have completions in every new shell:
  bash  echo 'source <(isol8 completion bash)' >> ~/.bashrc
  zsh   echo 'source <(isol8 completion zsh)' >> ~/.zshrc
  fish  isol8 completion fish > ~/.config/fish/completions/isol8.fish`,
    )
    .action(async (shell: keyof typeof SHELLS) => {
      await stdout.write(SHELLS[shell](grammarOf(program)));
    });
}
