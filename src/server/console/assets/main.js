/** The console: who is signed in, and which of its parts is shown. */

import { ask, forgetKey, storedKey, storeKey } from './api.js';
import { byId } from './dom.js';
import { mayManageKeys, startKeys } from './keys.js';
import { startLoad } from './load.js';
import { startNetwork } from './network.js';
import { startPlayground } from './playground.js';
import { whenInTrouble } from './polling.js';
import { startSessions } from './sessions.js';

const PARTS = ['run', 'sessions', 'network', 'keys', 'load'];

/** Where what is to be said after the page was loaded anew is kept. */
const NOTICE = 'isol8-notice';

let isSignedIn = false;
let managesKeys = false;
let part = 'run';

/** Shows the part that the address names, or the form to sign in with. */
function show() {
  const wanted = location.hash.slice(1);
  if (PARTS.includes(wanted) && (wanted !== 'keys' || managesKeys)) part = wanted;
  byId('sign-in').hidden = isSignedIn;
  byId('nav').hidden = !isSignedIn;
  byId('sign-out').hidden = !isSignedIn;
  byId('keys-link').hidden = !managesKeys;
  for (const id of PARTS) byId(id).hidden = !isSignedIn || id !== part;
  for (const link of byId('nav').querySelectorAll('a')) {
    if (link.hash === `#${part}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const title = byId(isSignedIn ? `${part}-title` : 'sign-in-title').textContent;
  document.title = `${title} – isol8 console`;
}

/** Keeps the key if the server takes it; throws what it says if not. */
async function signIn(key) {
  // No header could carry it.
  if (/[^ -~]/.test(key)) throw new Error('There are characters in it that no key has.');
  storeKey(key);
  try {
    await ask('sessions');
    managesKeys = await mayManageKeys();
  } catch (error) {
    forgetKey();
    throw error;
  }
  isSignedIn = true;
  show();
}

/** Forgets the key, and loads the page anew: nothing of what was seen stays in it. What runs ends with it. */
function signOut(notice) {
  forgetKey();
  if (notice) sessionStorage.setItem(NOTICE, notice);
  location.reload();
}

byId('sign-in-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  byId('sign-in-error').textContent = '';
  const key = byId('key').value.trim();
  byId('key').value = '';
  try {
    await signIn(key);
    byId('main').focus();
  } catch (error) {
    byId('sign-in-error').textContent = error.message;
    byId('key').focus();
  }
});
byId('sign-out').addEventListener('click', () => signOut());
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('main').focus();
});
window.addEventListener('hashchange', () => {
  show();
  byId('main').focus();
});
// A key that was revoked, or is too old.
whenInTrouble((error) => {
  if (error.code !== 'UNAUTHORIZED') return false;
  signOut(error.message);
  return true;
});

startPlayground();
startSessions();
startNetwork();
startKeys();
startLoad();

const notice = sessionStorage.getItem(NOTICE);
sessionStorage.removeItem(NOTICE);
byId('sign-in-error').textContent = notice ?? '';
const { version } = await ask('health').catch(() => ({}));
byId('version').textContent = version ?? '';
const remembered = storedKey();
if (remembered !== null) {
  await signIn(remembered).catch((error) => {
    byId('sign-in-error').textContent = error.message;
  });
}
show();
if (!isSignedIn) byId('key').focus();
