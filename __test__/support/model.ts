/**
 * A language model that does what a test tells it to: a server on this machine that speaks OpenAI's protocol for
 * conversations, with answers in a stream. What it does follows from the conversation alone, so that an agent that does
 * not carry out what it was told, or does not say what came of it, gets no further.
 */
import type { ExecutionRequest } from 'isol8';
import { type Web, web } from './servers.js';

export interface Message {
  role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  content: string | { type: 'text'; text: string }[] | null;
}

/** What the model does next: it calls a tool of the agent's, or says something, which ends the conversation. */
export type Turn = { call: string; with: Record<string, unknown> } | { say: string };

export interface Model extends Web {
  /** All that it was told, one conversation so far a request. */
  heard: { key: string | undefined; messages: Message[] }[];
}

/** The name of the environment variable that the agent finds its key in. */
export const KEY = 'MODEL_KEY';

/** A model that does what `next` says, given the results of its calls so far. */
export async function model(next: (results: string[]) => Turn): Promise<Model> {
  const heard: Model['heard'] = [];
  const server = await web(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const { messages } = JSON.parse(body) as { messages: Message[] };
    heard.push({ key: request.headers.authorization?.replace('Bearer ', ''), messages });
    const results = messages.filter(({ role }) => role === 'tool').map(textOf);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [delta, finish_reason] of deltas(next(results), results.length)) {
      const choices = [{ index: 0, delta, finish_reason }];
      response.write(`data: ${JSON.stringify({ id: 'answer', object: 'chat.completion.chunk', choices })}\n\n`);
    }
    response.end('data: [DONE]\n\n');
  });
  return { ...server, heard };
}

/** The parts of an answer, as they are streamed. */
function deltas(turn: Turn, index: number): [delta: object, finishReason: string | null][] {
  if ('say' in turn) {
    const words = turn.say.split(/(?<= )/);
    return [...words.map((content): [object, null] => [{ role: 'assistant', content }, null]), [{}, 'stop']];
  }
  const called = { name: turn.call, arguments: JSON.stringify(turn.with) };
  const calls = [{ index: 0, id: `call-${index}`, type: 'function', function: called }];
  return [
    [{ role: 'assistant', tool_calls: calls }, null],
    [{}, 'tool_calls'],
  ];
}

/** The text of a message. */
export function textOf({ content }: Message): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map(({ text }) => text).join('');
}

/** What the user said last. */
export function promptOf({ messages }: Model['heard'][number]): string {
  const prompt = messages.filter(({ role }) => role === 'user').at(-1);
  return prompt ? textOf(prompt) : '';
}

/** What the agent is told about where it is. */
export function systemPromptOf({ messages }: Model['heard'][number]): string {
  return messages
    .filter(({ role }) => role === 'system' || role === 'developer')
    .map(textOf)
    .join('\n');
}

/** What pi finds out about a model, in the file where it looks for that. */
export function settingsFor({ port }: Model): string {
  const provider = {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    api: 'openai-completions',
    apiKey: KEY,
    models: [{ id: 'scripted' }],
  };
  return JSON.stringify({ providers: { test: provider } });
}

/** Flags that choose it. */
export const FLAGS = '--provider test --model scripted';

/** Where pi looks for models, seen from its home directory. */
export const SETTINGS = '.pi/agent/models.json';

/** A request that has the agent act on a prompt, with this model. */
export function prompt(model: Model, code: string, request: Partial<ExecutionRequest> = {}): ExecutionRequest {
  const files = { [SETTINGS]: settingsFor(model), ...request.files };
  return { runtime: 'agent', code, agentFlags: FLAGS, ...request, files };
}
