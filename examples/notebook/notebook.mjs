// A notebook: cells of Python that share their variables, all in one sandbox.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { DockerIsol8 } from 'isol8';

/** One open notebook. */
class Notebook {
  #isol8 = new DockerIsol8({ timeoutMs: 3_600_000 });
  #cells = new PassThrough();
  #output = new PassThrough();
  #answers = createInterface({ input: this.#output });
  /** @type {Promise<void> | undefined} */ #ended;

  async open() {
    const kernel = await readFile(new URL('kernel.py', import.meta.url), 'utf8');
    const events = this.#isol8.executeStream({ runtime: 'python', code: kernel, stdin: this.#cells });
    this.#ended = (async () => {
      for await (const event of events) if (event.type === 'stdout') this.#output.write(event.data);
      this.#output.end();
    })();
  }

  /** Runs a cell. Cells run one after the other: wait for one before you send the next. */
  async run(/** @type {string} */ source) {
    this.#cells.write(`${JSON.stringify(source)}\n`);
    const answer = await Promise.race([once(this.#answers, 'line'), once(this.#answers, 'close')]);
    if (answer.length === 0) throw new Error('the kernel has ended');
    return /** @type {{ output: string, error: string | null }} */ (JSON.parse(answer[0]));
  }

  async close() {
    this.#cells.end();
    await this.#ended;
    await this.#isol8.stop();
  }
}

const notebook = new Notebook();
await notebook.open();
for (const [index, source] of ['x = 41', 'x + 1', "print('still', x)", '1 / 0', 'x'].entries()) {
  console.log(`[${index + 1}] ${source}`);
  const { output, error } = await notebook.run(source);
  for (const line of [...output.trimEnd().split('\n'), error ?? ''].filter((text) => text !== ''))
    console.log(`    ${line}`);
}
await notebook.close();
