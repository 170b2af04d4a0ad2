/** A process that owns containers until it dies: engines remove at once what they find of a dead one before it runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { statOf } from './proc.js';

export class Mortal {
  readonly #process = spawn('sleep', ['1000'], { stdio: 'ignore' });

  constructor() {
    onTestFinished(() => void this.#process.kill('SIGKILL'));
  }

  /** The label of what it owns on this machine, which other labels name. */
  ownerLabel(machine: string): string {
    const { pid } = this.#process;
    const started = statOf(pid)[19];
    return `isol8.owner=${machine}/${pid}/${started}`;
  }

  async die(): Promise<void> {
    const gone = once(this.#process, 'close');
    this.#process.kill('SIGKILL');
    await gone;
  }
}
