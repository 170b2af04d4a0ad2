/** The Docker engine, before a command starts to work with it. */
import { Advised, hasCode } from './failure.js';
import { say } from './messages.js';

/** Fails where no Docker engine answers, with the advice as its hints. */
export async function checkDocker(advice: readonly string[] = []): Promise<void> {
  const { pingDocker } = await import('isol8');
  try {
    await pingDocker();
  } catch (error) {
    throw hasCode(error, 'DOCKER_UNAVAILABLE') ? new Advised(error, advice) : error;
  }
  say('OK', 'Docker is running');
}
