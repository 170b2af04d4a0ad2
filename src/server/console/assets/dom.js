/** Small helpers around the page. Text is only ever set as text: nothing that a program prints becomes markup. */

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** An element with text or elements in it. */
export function element(name, { className, text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/** A row of a table. */
export const row = (...cells) =>
  element(
    'tr',
    {},
    ...cells.map((cell) => (cell instanceof Node ? element('td', {}, cell) : element('td', { text: cell }))),
  );

/** Text of others, which may be long and have no spaces in it. */
export const long = (text) => element('span', { className: 'long', text });

/** Rows that are shown at the most. */
const MOST_ROWS = 500;

/** Puts other rows into a table, where they are different, or what to say if there are none. Keeps the focus. */
export function showRows(body, rows, none) {
  const shown = rows.slice(0, MOST_ROWS);
  if (rows.length === 0) shown.push(remark(none));
  if (rows.length > MOST_ROWS) shown.push(remark(`${rows.length - MOST_ROWS} more are not shown here.`));
  const before = [...body.children];
  if (shown.length === before.length && shown.every((each, index) => each.isEqualNode(before[index]))) return;
  const focused = body.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null;
  body.replaceChildren(...shown);
  if (focused) [...body.querySelectorAll('button')].find((it) => it.getAttribute('aria-label') === focused)?.focus();
}

const remark = (text) => element('tr', {}, element('td', { text, colspan: 9, className: 'hint' }));

/** A button that does `action`, named for what it does to what. */
export function button(text, label, action) {
  const made = element('button', { type: 'button', text, 'aria-label': label });
  made.addEventListener('click', action);
  return made;
}

/** A time in the words of the reader's language; a dash for none. */
export const localTime = (iso) => (iso ? new Date(iso).toLocaleString() : '–');
