// docs/api.md: what a server can be asked, from the document that it gives of itself.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../lib/project.mjs';
import { anchor, code, generated, page, sentence, table } from './markdown.mjs';

export const FILE = 'docs/api.md';

const INTRODUCTION = `\
JSON over HTTP/1.1. Where a key is needed it stands in the header ${code('Authorization: Bearer <key>')}, never in the
URL. ${code('GET /openapi.json')} is the same as a document for machines: clients in other languages can be generated
from it. How to use it is in [Server](server.md).`;

export async function generate() {
  const { paths, components } = await document();
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, ...operation })),
  );
  return page(
    '# API',
    generated("the server's `GET /openapi.json`"),
    INTRODUCTION,
    table(
      ['route', 'key', ''],
      routes.map(({ name, security, summary }) => [
        `[${code(name)}](#${anchor(name)})`,
        key(security),
        sentence(summary),
      ]),
    ),
    ...routes.flatMap(route),
    '# Types',
    ...Object.entries(components.schemas)
      .sort(([a], [b]) => a.localeCompare(b))
      .flatMap(([name, schema]) => type(name, schema)),
  );
}

const key = (security) => (security ? 'needed' : '');

function route({ name, summary, parameters = [], requestBody, responses }) {
  const answers = Object.entries(responses);
  const refusals = answers.filter(([status]) => Number(status) >= 400).map(([status]) => status);
  const [[status, success]] = answers.filter(([status]) => Number(status) < 400);
  return [
    `## ${name}`,
    sentence(summary),
    parameters.length > 0 &&
      table(
        ['parameter', 'in', 'type', ''],
        parameters.map(({ name, in: where, required, schema }) => [
          code(name),
          where,
          shape(schema),
          schema.description ?? (required ? 'needed' : ''),
        ]),
      ),
    table(
      ['', 'what'],
      [
        ...(requestBody ? [['body', `${content(requestBody)}${requestBody.required ? '' : ', may be absent'}`]] : []),
        [status, answer(success)],
        ...(refusals.length ? [[refusals.join(', '), `[ErrorBody](#errorbody)`]] : []),
      ],
    ),
  ];
}

/** What a success is. */
function answer(success) {
  const said = content(success);
  if (!said) return linked(success.description);
  return success.description === PLAIN ? said : `${said}. ${linked(success.description)}`;
}

/** What the document says of a success of which there is no more to say. */
const PLAIN = 'Success.';

/** Names of types in a text lead to them. */
const linked = (text) => text.replace(/`([A-Z]\w+)`/g, (_, name) => reference(name));

/** What is in a body: the type, or the media type if it is not JSON. */
function content({ content = {} }) {
  const [body] = Object.entries(content);
  if (!body) return undefined;
  const [media, { schema }] = body;
  return media === 'application/json' ? shape(schema) : code(media);
}

function type(name, schema) {
  const parts = [`## ${name}`, schema.description && sentence(schema.description)];
  if (schema.properties) return [...parts, fields(schema)];
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return [...parts, choices.map(choice).join('\n')];
  return [...parts, shape(schema)];
}

/** One of several things that a value can be. */
function choice(schema) {
  const text = schema.description ? `${shape(schema)}: ${schema.description}` : shape(schema);
  if (!schema.properties) return `- ${text}`;
  return `\n${sentence(`or ${schema.description ?? 'an object'}`)}\n\n${fields(schema)}\n`;
}

function fields({ properties, required = [] }) {
  const rows = Object.entries(properties).map(([name, schema]) => [
    code(name),
    shape(schema),
    required.includes(name) ? 'always' : '',
    schema.description ? sentence(schema.description) : '',
  ]);
  return table(['field', 'type', '', 'meaning'], rows);
}

/** A type in a few words. */
function shape(schema) {
  if (schema === true || schema === undefined) return 'anything';
  if (schema.$ref) return reference(schema.$ref);
  if ('const' in schema) return code(JSON.stringify(schema.const));
  if (schema.enum) return schema.enum.map((value) => code(JSON.stringify(value))).join(', ');
  const choices = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (choices) return [...new Set(choices.map(shape))].join(' or ');
  const types = [schema.type].flat();
  return types.map((name) => named(name, schema)).join(' or ');
}

function named(name, { items, additionalProperties }) {
  if (name === 'array') return /^\w+$/.test(shape(items)) ? `list of ${shape(items)}s` : `list of ${shape(items)}`;
  if (name === 'object' && typeof additionalProperties === 'object') return `map to ${shape(additionalProperties)}`;
  return name ?? 'anything';
}

function reference(target) {
  const name = target.split('/').at(-1);
  return `[${name}](#${anchor(name)})`;
}

/** What a server of this checkout says of itself. */
async function document() {
  const { createServer } = await import(pathToFileURL(join(root, 'dist/index.js')).href);
  const directory = await mkdtemp(join(tmpdir(), 'isol8-api-'));
  const server = await createServer({ port: 0, host: '127.0.0.1', apiKey: 'of-nobody', config: {}, cwd: directory });
  try {
    return await (await fetch(`http://127.0.0.1:${server.port}/openapi.json`)).json();
  } finally {
    await server.shutdown();
    await rm(directory, { recursive: true });
  }
}
