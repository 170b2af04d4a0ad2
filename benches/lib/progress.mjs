// Tells on stderr how far the bench is: one live line on a terminal, a line per case elsewhere.

const out = process.stderr;
const live = out.isTTY === true && process.env.TERM !== 'dumb';

export class Progress {
  #shown = '';

  /** Says where we are, without keeping it on a terminal. */
  at(name, text) {
    const line = `${name}: ${text}`;
    if (live) out.write(`\r\x1b[K${line.slice(0, (out.columns || 80) - 1)}`);
    else if (this.#shown !== name) out.write(`${name} ...\n`);
    this.#shown = name;
  }

  /** Says something that stays. */
  say(text) {
    this.clear();
    out.write(`${text}\n`);
  }

  clear() {
    if (live) out.write('\r\x1b[K');
  }
}
