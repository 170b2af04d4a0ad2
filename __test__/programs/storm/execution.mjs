// One execution as it is planned, and what it is blamed for.
import { getEventListeners } from 'node:events';
import { request } from './request.mjs';

const KILLED = 137;

/** An execution under way. `settled` resolves, whatever happens, with what is wrong about how it ended. */
export class Execution {
  /** On which engine. */
  ship;
  /** How it ended: what its way is called, or the code of an error. */
  outcome = 'unsettled';
  /** In which line of the session's log it is, if it got so far. */
  place;
  /** The audit log has to have a record with this id and this exit code. */
  record;
  #plan;
  #stops;
  #abort = new AbortController();
  #feed;
  #body;
  #alarm;

  constructor(ship, plan) {
    this.ship = ship;
    this.#plan = plan;
    this.#stops = ship.stops;
    const { request: asked, feed, body } = request(plan);
    this.#feed = feed;
    this.#body = body;
    if (plan.abortMs < 0) this.#abort.abort('too early');
    this.settled = this.#go(asked);
    if (plan.abortMs >= 0) this.#alarm = setTimeout(() => this.#abort.abort('in between'), plan.abortMs);
  }

  get token() {
    return this.#plan.token;
  }

  /** Whether its engine has not been stopped since it began. */
  get isOfLastSession() {
    return this.ship.stops === this.#stops;
  }

  describe() {
    return `${this.ship.name} ${JSON.stringify(this.#plan)} ended as ${this.outcome}`;
  }

  /** What tells later whether it has let go of everything. Does not hold its engine. */
  remains() {
    const [description, signal, feed] = [this.describe(), this.#abort.signal, this.#feed];
    return () => [
      ...(getEventListeners(signal, 'abort').length > 0 ? [`${description}, left a listener on its signal`] : []),
      ...(feed?.isOpen && !feed.isOver ? [`${description}, left its input open`] : []),
    ];
  }

  async #go(asked) {
    const { way, abortMs } = this.#plan;
    const options = abortMs === undefined ? undefined : { signal: this.#abort.signal };
    try {
      this.outcome = await this[`_${way}`](asked, options);
      return undefined;
    } catch (error) {
      this.outcome = error.code ?? 'no code';
      return this.#allowed().includes(error.code) && isNamedWell(error) ? undefined : error.stack;
    } finally {
      clearTimeout(this.#alarm);
    }
  }

  #allowed() {
    const { input } = this.#plan;
    return [
      ...(this.#abort.signal.aborted ? ['ABORT_ERR'] : []),
      ...(this.isOfLastSession ? [] : ['STOPPED']),
      ...(this.#mayFailInSetup() ? ['SETUP_FAILED'] : []),
      ...(input === 'failing' ? ['STDIN_FAILED'] : []),
    ];
  }

  /** A time limit is one for each part of an execution. */
  #mayFailInSetup() {
    return this.#plan.setup === 'failing' || (this.#plan.setup === 'good' && this.#plan.stays);
  }

  async _execute(asked, options) {
    const result = await this.ship.engine.execute(asked, options);
    const { stdout, stderr, exitCode, timedOut, truncated, outOfMemory, resourceUsage, executionId } = result;
    this.record = { executionId, exitCode };
    if (truncated || outOfMemory) throw new Error(`truncated ${truncated}, out of memory ${outOfMemory}`);
    if ((resourceUsage !== undefined) !== this.ship.isAudited) throw new Error(`usage: ${resourceUsage}`);
    if (stderr !== (timedOut ? '\n--- EXECUTION TIMED OUT ---' : '')) throw new Error(`stderr: ${stderr}`);
    this.#check(stdout, exitCode, timedOut, (text) => text.trimEnd());
    return 'result';
  }

  async _stream(asked, options) {
    const [events, errors] = [[], []];
    for await (const event of this.ship.engine.executeStream(asked, options)) {
      if (event.type === 'error') errors.push(event.data);
      else events.push(event);
    }
    const last = events.pop();
    if (last?.type !== 'exit') throw new Error(`last event: ${JSON.stringify(last)}`);
    if (last.phase === 'setup') {
      throw Object.assign(new Error(`the setup script ended with ${last.data}`), { code: 'SETUP_FAILED' });
    }
    const of = (type, phase) => events.filter((event) => event.type === type && event.phase === phase);
    if (of('exit', 'setup').length !== (this.#plan.setup === 'none' ? 0 : 1)) throw new Error('exits of setup scripts');
    const [out, err] = ['stdout', 'stderr'].map((type) => of(type, 'code').map(({ data }) => data));
    if (err.length > 0 || errors.some((text) => text !== 'EXECUTION TIMED OUT')) throw new Error(`${err} ${errors}`);
    this.#check(out.join(''), Number(last.data), errors.length === 1, (text) => text);
    return 'stream';
  }

  async _leave(asked, options) {
    const events = this.ship.engine.executeStream(asked, options);
    const waiting = [];
    for (let n = 0; n < this.#plan.leaveAfter; n++) {
      if (n < 2) await events.next();
      else waiting.push(events.next());
    }
    // All are waited for at once: one that fails before its turn would be nobody's failure.
    const [left, ...told] = await Promise.all([events.return(), ...waiting]);
    for (const result of [left, ...told, await events.next()]) {
      if (!result.done && result.value?.type === undefined) throw new Error(`left: ${JSON.stringify(result)}`);
    }
    if (!(await events.next()).done) throw new Error('a stream that was left went on');
    return 'left';
  }

  async _forget(asked, options) {
    const { done, value } = await this.ship.engine.executeStream(asked, options).next();
    if (done || !value.phase) throw new Error(`first event: ${JSON.stringify({ done, value })}`);
    return 'forgotten';
  }

  #check(stdout, exitCode, timedOut, trim) {
    const { token, stays, exitCode: planned, setup, input } = this.#plan;
    // Whoever is killed at a time limit may not have been given all of an input that fails at its end.
    const fails = setup === 'failing' || (input === 'failing' && !(stays && timedOut));
    if (fails) throw new Error('it should have failed');
    if (timedOut !== stays || exitCode !== (stays ? KILLED : planned)) throw new Error(`${timedOut} ${exitCode}`);
    const lines = Number(stdout.split('\n', 1)[0].split(' ')[2]);
    const whole = trim(`${token} ${this.ship.secret ? '***' : 'none'} ${lines}\n${this.#body}`);
    // What was killed at its limit may not have come so far.
    const isRight = stays ? whole.startsWith(stdout) || stdout.length === 0 : stdout === whole;
    if (!isRight)
      throw new Error(`printed ${JSON.stringify(stdout.slice(0, 500))} of ${JSON.stringify(whole.slice(0, 500))}`);
    if (!stays && !this.ship.isPersistent && lines !== 1) throw new Error(`found ${lines - 1} lines of others`);
    if (!stays) this.place = lines;
  }
}

/** What aborts is known by its name, as Node.js has it. */
const isNamedWell = ({ code, name }) => code !== 'ABORT_ERR' || name === 'AbortError';
