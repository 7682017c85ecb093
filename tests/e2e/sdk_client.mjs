// SPDX-License-Identifier: MIT
// The official OpenRouter SDK against a base URL:  node sdk_client.mjs http://127.0.0.1:PORT/api/v1
// The SDK checks each chunk and each body by its own schema.
import { check, load, run } from './packages.mjs';

const { OpenRouter } = await load('@openrouter/sdk');
const client = new OpenRouter({ apiKey: 'sk-or-v1-test', serverURL: process.argv[2] });

async function send(content, fields = {}) {
  return client.chat.send(
    { chatRequest: { model: 'demo/echo', messages: [{ role: 'user', content }], ...fields } },
    { retries: { strategy: 'none' }, signal: AbortSignal.timeout(20000) });
}

async function stream(content, fields = {}) {
  const seen = { chunks: 0, text: '', reasoning: '', finish: null, usage: null, error: null };
  for await (const chunk of await send(content, { stream: true, ...fields })) {
    seen.chunks++;
    seen.error ??= chunk.error ?? null;
    for (const choice of chunk.choices) {
      seen.text += choice.delta.content ?? '';
      seen.reasoning += choice.delta.reasoning ?? '';
      seen.finish = choice.finishReason ?? seen.finish;
    }
    seen.usage = chunk.usage ?? seen.usage;
  }
  return seen;
}

async function failure(content, fields) {
  try {
    await send(content, fields);
  } catch (error) {
    return error.statusCode;
  }
  return 200;
}

await run(async () => {
  const whole = await send('count to 5');
  check(whole.choices[0].message.content === '1 2 3 4 5', 'not streamed');
  check(whole.choices[0].finishReason === 'stop' && whole.usage.completionTokens === 5, 'finish and usage');

  let seen = await stream('count to 5');
  check(seen.text === '1 2 3 4 5' && seen.finish === 'stop', () => `streamed: ${JSON.stringify(seen)}`);
  check(seen.chunks === 7 && seen.usage.completionTokens === 5, () => `chunks: ${JSON.stringify(seen)}`);
  seen = await stream('count to 5', { maxTokens: 2 });
  check(seen.text === '1 2' && seen.finish === 'length', () => `limited: ${JSON.stringify(seen)}`);
  seen = await stream('think');
  check(seen.reasoning.includes('I have thought') && seen.text.startsWith('You said'), 'reasoning');
  check(seen.usage.completionTokensDetails.reasoningTokens > 5, 'reasoning tokens');
  seen = await stream('unicode');
  check(seen.text.includes('👩‍👩‍👧‍👦') && seen.text.includes('日本語'), () => seen.text);
  seen = await stream('error midstream');
  check(seen.error?.code === 502 && seen.finish === 'error', () => `mid-stream: ${JSON.stringify(seen)}`);
  check((await stream('empty')).chunks === 0, 'empty');

  for (const status of [400, 401, 402, 403, 404, 408, 429, 500, 502, 503]) {
    for (const fields of [{}, { stream: true }]) {
      const got = await failure(`error ${status}`, fields);
      check(got === status, `error ${status} came as ${got}`);
    }
  }
  const models = await client.models.list({}, { retries: { strategy: 'none' } });
  const list = models.data ?? models.result?.data;
  check(list?.[0]?.id === 'demo/echo', () => `models: ${JSON.stringify(models)}`);
});
