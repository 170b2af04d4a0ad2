// A conversation with a model that can run Python. Everything that it writes is run in a sandbox.
import Anthropic from '@anthropic-ai/sdk';
import { DockerIsol8 } from 'isol8';

const MODEL = process.env.MODEL ?? 'claude-sonnet-5-5';
const MAX_TURNS = 20;

/** What the model is told about the tool. */
const tool = {
  name: 'run_python',
  description:
    'Runs a Python 3 program and returns its output, errors and exit code. Print what you want to see. ' +
    'Files in the working directory stay between calls, variables do not. There is no network.',
  input_schema: {
    /** @type {'object'} */ type: 'object',
    properties: { code: { type: 'string', description: 'The whole program' } },
    required: ['code'],
  },
};

const session = new DockerIsol8({
  mode: 'persistent', // the files of one call are there in the next
  timeoutMs: 30_000,
  memoryLimit: '512m',
  maxOutputSize: 20_000, // more would only fill the model's context
});

/** Runs one call of the tool. Whatever comes of it, the model is told. */
async function runPython(/** @type {unknown} */ input) {
  const code = /** @type {{ code?: unknown }} */ (input)?.code;
  if (typeof code !== 'string') return { text: 'code has to be text', failed: true };
  try {
    const { stdout, stderr, exitCode, timedOut } = await session.execute({ runtime: 'python', code });
    return { text: JSON.stringify({ stdout, stderr, exitCode, timedOut }), failed: exitCode !== 0 };
  } catch (error) {
    // Nothing was run: Docker is down, or the code makes no sense as a request.
    return { text: String(error), failed: true };
  }
}

const client = new Anthropic();
/** @type {Anthropic.MessageParam[]} */
const messages = [{ role: 'user', content: process.argv[2] ?? 'What is the 20th prime? Compute it.' }];

try {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const answer = await client.messages.create({ model: MODEL, max_tokens: 4096, tools: [tool], messages });
    messages.push({ role: 'assistant', content: answer.content });
    for (const block of answer.content) if (block.type === 'text') console.log(block.text);
    if (answer.stop_reason !== 'tool_use') break;

    /** @type {Anthropic.ToolResultBlockParam[]} */
    const results = [];
    for (const block of answer.content) {
      if (block.type !== 'tool_use') continue;
      const { text, failed } = await runPython(block.input);
      results.push({ type: 'tool_result', tool_use_id: block.id, content: text, is_error: failed });
    }
    messages.push({ role: 'user', content: results });
  }
} finally {
  await session.stop();
}
