/** A model behind Anthropic's protocol that does what a test tells it to, given the results of its calls so far. */
import { type Web, web } from '../../support/servers.js';

/** What it does next: it calls a tool, or says something, which ends the conversation. */
export type Turn = { call: string; with: unknown } | { say: string };

export interface Assistant extends Web {
  /** Results of its calls, as it was told. */
  told: { text: string; failed: boolean }[];
}

interface Block {
  type: string;
  content?: string;
  is_error?: boolean;
}

export async function assistant(next: (results: string[]) => Turn): Promise<Assistant> {
  const told: Assistant['told'] = [];
  const server = await web(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const { messages, model } = JSON.parse(body) as { messages: { content: string | Block[] }[]; model: string };
    const blocks = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
    const results = blocks.filter(({ type }) => type === 'tool_result');
    told.splice(
      0,
      told.length,
      ...results.map(({ content = '', is_error = false }) => ({ text: content, failed: is_error })),
    );
    const turn = next(told.map(({ text }) => text));
    const content =
      'say' in turn
        ? { type: 'text', text: turn.say }
        : { type: 'tool_use', id: `call_${results.length}`, name: turn.call, input: turn.with };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        id: 'msg',
        type: 'message',
        role: 'assistant',
        model,
        content: [content],
        stop_reason: 'say' in turn ? 'end_turn' : 'tool_use',
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      }),
    );
  });
  return { ...server, told };
}
