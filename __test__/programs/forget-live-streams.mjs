// Forgets a stream with a signal and live input, and collects garbage. Says when nothing of it is left.
import { getEventListeners } from 'node:events';
import { engineWith } from './engine.mjs';

const engine = engineWith();
const { signal } = new AbortController();
let isClosed = false;
const stdin = {
  [Symbol.asyncIterator]: () => ({
    next: () => new Promise(() => {}),
    return: async () => {
      isClosed = true;
      return { done: true, value: undefined };
    },
  }),
};

await (() => engine.executeStream({ runtime: 'bash', cmd: 'echo up; cat', stdin }, { signal }).next())();
const before = getEventListeners(signal, 'abort').length;
const collector = setInterval(() => {
  globalThis.gc();
  const after = getEventListeners(signal, 'abort').length;
  if (after > 0 || !isClosed) return;
  clearInterval(collector);
  console.log(JSON.stringify({ before, after, isClosed }));
  void engine.stop();
}, 20);
