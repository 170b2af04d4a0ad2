// CHANGELOG.md: one section a release, the newest first, and on top what is not released yet.

const UNRELEASED = '## Unreleased\n';

/** The text with what was unreleased as the section of `version`. Throws if there is nothing to release. */
export function released(text, version, date) {
  const at = text.indexOf(UNRELEASED);
  if (at === -1) throw new Error(`CHANGELOG.md has no line \`${UNRELEASED.trim()}\``);
  if (sections(text).some(({ title }) => title.startsWith(`${version} `))) {
    throw new Error(`CHANGELOG.md has a section for ${version} already`);
  }
  if (notesOf(text, 'Unreleased') === '') throw new Error('CHANGELOG.md says nothing under Unreleased');
  return `${text.slice(0, at)}${UNRELEASED}\n## ${version} (${date})\n${text.slice(at + UNRELEASED.length)}`;
}

/** What the section of a version says; undefined if there is none. */
export function notesOf(text, version) {
  return sections(text).find(({ title }) => title === version || title.startsWith(`${version} (`))?.body;
}

function sections(text) {
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [title, ...lines] = section.split('\n');
      return { title, body: lines.join('\n').trim() };
    });
}
