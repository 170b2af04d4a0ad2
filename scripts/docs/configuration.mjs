// docs/configuration.md: every key of the configuration file, read from its schema.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../lib/project.mjs';
import { anchor, code, generated, page, sentence, table } from './markdown.mjs';

export const FILE = 'docs/configuration.md';

const INTRODUCTION = `\
Settings stand in ${code('isol8.config.json')} in the working directory, or else in ${code('~/.isol8/config.json')}; the
two are not mixed. What a file leaves open keeps its default. A value that makes no sense is an error that names the key,
and an unknown key is a warning.

\`\`\`json file=isol8.config.json
{
  "$schema": "./node_modules/isol8/schema/isol8.config.schema.json",
  "defaults": { "memoryLimit": "1g", "timeoutMs": 60000 },
  "network": { "whitelist": ["^api\\\\.example\\\\.com$"] }
}
\`\`\`

\`\`\`console
$ isol8 config
Isol8 Configuration
Source: .../isol8.config.json
...
  Timeout:         60000ms
  Memory:          1g
...
\`\`\`

${code('isol8 config --json')} prints all of it, and ${code('loadConfig()')} gives it to your own program. The library
reads no file by itself.

| for | wins | over | over |
|---|---|---|---|
| ${code('isol8 run')} | flags | this file | defaults |
| a server | the request, as far as it may | this file | defaults |
| the library | the request | options of the engine | defaults |

${code('isol8 run')} has no network unless ${code('--net')} or ${code('--install')} asks for one, whatever
${code('defaults.network')} says.`;

export async function generate() {
  const schema = JSON.parse(await readFile(join(root, 'schema/isol8.config.schema.json'), 'utf8'));
  const sections = Object.entries(schema.properties).filter(([name]) => name !== '$schema');
  const single = sections.filter(([, { properties }]) => !properties);
  const several = sections.filter(([, { properties }]) => properties);
  return page(
    '# Configuration',
    generated('`schema/isol8.config.schema.json`'),
    INTRODUCTION,
    '## At the top',
    keys(single),
    ...single
      .filter(([, value]) => value.items?.properties)
      .flatMap(([name, { items }]) => section(`${name}[]`, items)),
    ...several.flatMap(([name, value]) => section(name, value)),
  );
}

/** A section, and below it those of the objects in it. */
function section(name, { description, properties, required = [] }) {
  const inner = Object.entries(properties).filter(([, value]) => value.properties);
  return [
    `## ${name}`,
    sentence(description),
    keys(Object.entries(properties), required, name),
    ...inner.flatMap(([key, value]) => section(`${name}.${key}`, value)),
  ];
}

function keys(entries, required = [], above = '') {
  const rows = entries.map(([key, value]) => [
    code(key),
    value.properties ? `[object](#${anchor(`${above}.${key}`)})` : typeOf(value),
    value.properties ? '' : fallback(key, value, required),
    sentence(description(value)),
  ]);
  return table(['key', 'type', 'default', 'meaning'], rows);
}

/** What it is for, and what each of its values means where that is said. */
function description({ description, oneOf = [] }) {
  const values = oneOf.map(
    ({ const: value, description }) =>
      `${code(value)}: ${description.replace(/\.$/, '').replace(/^[A-Z]/, (letter) => letter.toLowerCase())}`,
  );
  return values.length ? `${sentence(description)} ${values.join('; ')}` : description;
}

function typeOf({ type, items, oneOf, anyOf, enum: values }) {
  if (oneOf) return oneOf.map(({ const: value }) => code(value)).join(', ');
  if (values) return values.map(code).join(', ');
  if (anyOf) return 'number, or an object with `clean` and `dirty`';
  if (type !== 'array') return type;
  return items.oneOf ? `list of ${typeOf(items)}` : `list of ${items.type}s`;
}

/** Long lists would make the table unreadable, and are in the schema. */
function fallback(name, { default: value }, required) {
  if (required.includes(name)) return 'needed';
  if (value === undefined) return '';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${value.length} patterns, in the schema` : code(text);
}
