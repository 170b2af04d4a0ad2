// What goes wrong around the load, one thing after the other, chosen by the seed.
//
// The load is told when something begins and when it is over, so that what fails in between has an excuse and what fails
// at any other time has none.
//
// The clock of this machine is not set: it belongs to everybody on it, and neither the engine nor a container can be
// given one of its own (a time namespace moves only the clocks that count from the start of the machine). What a step
// does to timers happens to the load all the same: it is stopped for a while, and finds all its deadlines passed at
// once, as after a machine has slept.
import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../../__test__/programs/storm/random.mjs';
import { VICTIM } from './daemon.mjs';

/** Between two things that go wrong. */
const CALM_MS = [6_000, 20_000];
/** After one of them, until nothing has an excuse any more. */
const AFTERMATH_MS = 4_000;

export class Chaos {
  /** How often each thing happened. */
  counts = {};
  #deck = [];
  #random;
  #daemon;
  #load;
  #say;

  constructor({ seed, daemon, load, say }) {
    // Another stream than those of the load.
    this.#random = new Random(seed ^ 0x5eed);
    this.#daemon = daemon;
    this.#load = load;
    this.#say = say;
  }

  /** Goes on until `end`, in the time of `performance.now()`. The last thing has been put right when it resolves. */
  async run(end) {
    while (performance.now() < end && this.#load.exitCode === null) {
      await pause(Math.max(0, Math.min(this.#random.between(...CALM_MS), end - performance.now())));
      if (performance.now() >= end) break;
      const what = this.#next();
      this.counts[what] = (this.counts[what] ?? 0) + 1;
      this.#say(`chaos: ${what}`);
      this.#tell({ chaos: 'begins', what });
      await this[`_${what}`]();
      await pause(AFTERMATH_MS);
      this.#tell({ chaos: 'over', what });
    }
  }

  /** Each of them comes before any comes again. */
  #next() {
    if (this.#deck.length === 0) this.#deck = [...EVENTS];
    return this.#deck.splice(this.#random.between(0, this.#deck.length - 1), 1)[0];
  }

  /** Nothing, if the load has ended by itself: that is not for us to judge. */
  #tell(message) {
    if (this.#load.connected) this.#load.send(message);
  }

  async _kill() {
    for (const id of await this.#some()) await this.#daemon.docker('kill', id).catch(() => {});
  }

  async _remove() {
    for (const id of await this.#some()) await this.#daemon.docker('rm', '--force', id).catch(() => {});
  }

  /** Containers stand still, with all that is in them. */
  async _freeze() {
    const ids = await this.#some();
    for (const id of ids) await this.#daemon.docker('pause', id).catch(() => {});
    await pause(this.#random.between(500, 4000));
    for (const id of ids) await this.#daemon.docker('unpause', id).catch(() => {});
  }

  async _restart() {
    await this.#daemon.stop();
    await pause(this.#random.between(0, 3000));
    await this.#daemon.start();
  }

  async _crash() {
    await this.#daemon.stop('SIGKILL');
    await pause(this.#random.between(0, 1000));
    await this.#daemon.start();
  }

  /** An image goes while sandboxes from it stand ready, and another one comes in its place. */
  async _image() {
    await this.#daemon.docker('rmi', '--force', VICTIM).catch(() => {});
    await pause(this.#random.between(0, 3000));
    await this.#daemon.makeVictim();
  }

  async _full() {
    const release = await this.#daemon.fill();
    await pause(this.#random.between(1000, 6000));
    await release();
  }

  async _sleep() {
    this.#load.kill('SIGSTOP');
    await pause(this.#random.between(1000, 8000));
    this.#load.kill('SIGCONT');
  }

  /** Some of the containers that run, at least one if there is any. */
  async #some() {
    const ids = (await this.#daemon.docker('ps', '--quiet')).split('\n').filter(Boolean).sort();
    return ids.filter((_, index) => index === 0 || this.#random.chance(0.4));
  }
}

/** Those that cost little more often. */
const EVENTS = ['kill', 'kill', 'remove', 'remove', 'freeze', 'freeze', 'image', 'full', 'sleep', 'restart', 'crash'];
