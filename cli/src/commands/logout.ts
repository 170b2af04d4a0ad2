/** `logout` forgets the key of the last login. The server is not told: its operator revokes keys. */
import type { Command } from 'commander';
import { CREDENTIALS_SHOWN, credentialsPath, removeCredentials } from '../credentials.js';
import { say } from '../messages.js';
import { stdout } from '../output.js';

export function registerLogout(program: Command): void {
  program
    .command('logout')
    .description('Forget the key of the last login')
    .option('--debug', 'say what is being done')
    .action(async () => {
      if (await removeCredentials(credentialsPath()))
        say('OK', `Credentials removed from ${CREDENTIALS_SHOWN}`, stdout);
      else say('INFO', 'No stored credentials found.', stdout);
    });
}
