// Undoes what the bench has started, whichever way it ends: the last thing first, and each thing once.

export class Cleanup {
  interrupted = false;
  #steps = new Set();
  #running;

  constructor(progress) {
    const interrupt = (code) => {
      // The second time, whoever asks does not want to wait.
      if (this.interrupted) process.exit(code);
      this.interrupted = true;
      progress.say('interrupted, cleaning up');
      process.exitCode = code;
      // The measurement under way fails once its container is gone; there is no need to wait for it.
      this.run().finally(() => process.exit(code));
    };
    process.on('SIGINT', () => interrupt(130));
    process.on('SIGTERM', () => interrupt(143));
  }

  /** Registers `undo`, and returns a function that does it now. */
  add(undo) {
    const step = () => {
      if (!this.#steps.delete(step)) return undefined;
      return undo();
    };
    this.#steps.add(step);
    return step;
  }

  /** Undoes everything that is left. A step that fails says so and keeps no other from running. */
  run() {
    this.#running ??= (async () => {
      for (const step of [...this.#steps].reverse()) {
        try {
          await step();
        } catch (error) {
          process.stderr.write(`could not clean up: ${error.message}\n`);
          process.exitCode ??= 1;
        }
      }
    })();
    return this.#running;
  }
}
