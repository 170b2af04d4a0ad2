// Markdown, as the generated pages need it.

/** A table, with what would end a cell escaped. */
export function table(heading, rows) {
  const escaped = (cell) =>
    String(cell)
      .replace(/\s*\n\s*/g, ' ')
      .replaceAll('|', '\\|');
  const line = (cells) => `| ${cells.map(escaped).join(' | ')} |`;
  return [line(heading), `|${heading.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

export const code = (text) => `\`${text}\``;

/** A sentence begins with a capital and ends. */
export function sentence(text) {
  const begun = text.replace(/^[a-z]/, (letter) => letter.toUpperCase());
  return /[.!?)`]$/.test(begun) && !begun.endsWith(')') ? begun : `${begun}.`;
}

/** A page of parts, each of which stands by itself. */
export const page = (...parts) => `${parts.filter(Boolean).join('\n\n')}\n`;

/** What stands above a page that nobody should edit. */
export const generated = (from) => `<!-- Written by \`npm run docs\` from ${from}. Edits are lost. -->`;

/** What a heading is called in links. */
export const anchor = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
