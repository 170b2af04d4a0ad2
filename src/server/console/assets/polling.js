/** Asking again and again, as long as there is somebody to see the answer. */

import { byId } from './dom.js';

/** How often a server is asked that does not answer, or wants to be asked less often. */
const SELDOM_MS = 30_000;

let onTrouble = () => false;

/** Has `look` see what goes wrong; it says whether it deals with that. Everything else is shown at the top of the page. */
export function whenInTrouble(look) {
  onTrouble = look;
}

/** Calls `tick` now and every `ms` while `section` is shown and the page can be seen; more and more seldom if it fails. */
export function whileShown(section, ms, tick) {
  let [busy, failures, timer] = [false, 0, undefined];
  const turn = async () => {
    clearTimeout(timer);
    if (busy || section.hidden || document.hidden) return;
    busy = true;
    try {
      await tick();
      failures = 0;
      byId('trouble').textContent = '';
    } catch (error) {
      failures += 1;
      if (!onTrouble(error)) byId('trouble').textContent = error.message;
    }
    busy = false;
    timer = setTimeout(turn, Math.min(ms * 2 ** failures, SELDOM_MS));
  };
  new MutationObserver(turn).observe(section, { attributes: true, attributeFilter: ['hidden'] });
  document.addEventListener('visibilitychange', turn);
}
