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

// ---- tools: the loop that an application of the SDK writes, with both kinds of answer

const tool = (name, description, properties = {}, required = []) =>
  ({ type: 'function', function: { name, description, parameters: { type: 'object', properties, required } } });
const tools = [
  tool('clock', 'Tells the time', { offset_hours: { type: 'integer', minimum: -14, maximum: 14 } }),
  tool('calculate', 'A calculator', { expression: { type: 'string' } }, ['expression']),
  tool('read_file', 'Reads a file', { path: { type: 'string' }, mode: { enum: ['text', 'binary'] } }, ['path', 'mode']),
  tool('get_weather', 'Weather of a city', { city: { type: 'string' } }, ['city']),
];
const results = { clock: '12:30', calculate: '84', read_file: 'Error: no such file', get_weather: '{"sky":"clear"}' };

/** One answer, put together as the SDK's own users do: fragments by their index. */
async function answer(messages, fields) {
  const request = { chatRequest: { model: 'demo/echo', messages, tools, ...fields } };
  const got = await client.chat.send(request, { retries: { strategy: 'none' }, signal: AbortSignal.timeout(20000) });
  if (!fields.stream) {
    const { message, finishReason } = got.choices[0];
    return { ...message, finish: finishReason, usage: got.usage };
  }
  const made = { role: 'assistant', content: null, toolCalls: [], reasoning: '', reasoningDetails: [], deltas: 0 };
  for await (const chunk of got) {
    const { delta, finishReason } = chunk.choices[0];
    if (delta.content) made.content = (made.content ?? '') + delta.content;
    made.reasoning += delta.reasoning ?? '';
    made.reasoningDetails.push(...delta.reasoningDetails ?? []);
    for (const part of delta.toolCalls ?? []) {
      made.deltas++;
      if (part.id) made.toolCalls[part.index] = { id: part.id, type: part.type, function: { name: part.function.name, arguments: '' } };
      made.toolCalls[part.index].function.arguments += part.function.arguments;
    }
    made.finish = finishReason ?? made.finish;
    made.usage = chunk.usage ?? made.usage;
  }
  return made;
}

/** Asks, runs what is called, gives the results back, until there are `rounds` answers. */
async function converse(content, fields = {}, rounds = 2) {
  const messages = [{ role: 'user', content }], answers = [];
  while (answers.length < rounds) {
    const got = await answer(messages, fields);
    answers.push(got);
    const { finish, usage, deltas, ...message } = got;
    check(usage.cost > 0 && usage.completionTokens > 0, () => `usage of ${content}: ${JSON.stringify(usage)}`);
    messages.push(message);
    for (const call of message.toolCalls ?? []) {
      messages.push({ role: 'tool', toolCallId: call.id, content: results[call.function.name] ?? 'Error: no such tool' });
    }
  }
  return answers;
}
const calls = ({ toolCalls }) => (toolCalls ?? []).map((call) => `${call.function.name} ${call.function.arguments}`).join('; ');

async function useTools(fields) {
  const expect = async (content, called, said) => {
    const [first, last] = await converse(content, fields);
    check(first.finish === 'tool_calls' && first.content === null && calls(first) === called, () => `${content}: ${JSON.stringify(first)}`);
    check(first.toolCalls.every((call) => call.id && call.type === 'function'), () => `ids: ${JSON.stringify(first.toolCalls)}`);
    check(last.finish === 'stop' && !last.toolCalls?.length && last.content === said, () => `${content}: ${JSON.stringify(last)}`);
    return first;
  };
  const known = await expect('What time is it?', 'clock {}', 'The tool clock says: 12:30');
  await expect('what time is it in UTC+2', 'clock {"offset_hours":2}', 'The tool clock says: 12:30');
  await expect('What is 12 * (3 + 4)?', 'calculate {"expression":"12 * (3 + 4)"}', 'The tool calculate says: 84');
  await expect('read notes.txt', 'read_file {"path":"notes.txt","mode":"text"}', 'The tool read_file failed: no such file');
  await expect('What is the weather in Paris?', 'get_weather {"city":"Paris"}', 'The tool get_weather says: {"sky":"clear"}');
  await expect('use the tool clock with {"a": [1, "}"]}', 'clock {"a": [1, "}"]}', 'The tool clock says: 12:30');
  await expect('use the tool clock with {"a', 'clock {"a', 'The tool clock says: 12:30');
  await expect('use the tool nosuch', 'nosuch {}', 'The tool nosuch failed: no such tool');
  const both = await expect('use the tools clock and calculate with {"expression":"1+1"}', 'clock {}; calculate {"expression":"1+1"}',
    'The tool clock says: 12:30\nThe tool calculate says: 84');
  const ids = [...known.toolCalls, ...both.toolCalls].map((call) => call.id);
  check(new Set(ids).size === 3, () => `ids: ${ids}`);
  if (fields.stream) check(both.deltas > 5, () => `the calls came in ${both.deltas} fragments`);
  await expect('what time is it, and what is 2+2?', 'clock {}; calculate {"expression":"2+2"}',
    'The tool clock says: 12:30\nThe tool calculate says: 84');

  const [said] = await converse('say one moment and use the tool clock', fields, 1);
  check(said.content === 'one moment' && calls(said) === 'clock {}', () => `words and a call: ${JSON.stringify(said)}`);
  const looped = await converse('loop on clock', fields, 4);
  check(looped.every((each) => calls(each) === 'clock {}'), 'the loop ended');
  const [thought, told] = await converse('think about what 12*7 is: calculate it', fields);
  check(thought.reasoning.includes('think about') && calls(thought) === 'calculate {"expression":"12*7"}', () => JSON.stringify(thought));
  check(thought.reasoningDetails.map((each) => each.text ?? '').join('') === thought.reasoning, 'reasoning and its details differ');
  check(thought.reasoningDetails.at(-1).signature && told.content.includes('84'), () => JSON.stringify([thought, told]));

  for (const [choice, content, called] of [['none', 'What time is it?', ''], ['required', 'hello', 'clock {}'],
    [{ type: 'function', function: { name: 'calculate' } }, 'hello', 'calculate {"expression":"hello"}']]) {
    const [first] = await converse(content, { ...fields, toolChoice: choice }, 1);
    check(calls(first) === called, () => `tool_choice ${JSON.stringify(choice)}: ${JSON.stringify(first)}`);
  }
  const [single] = await converse('use the tools clock and calculate', { ...fields, parallelToolCalls: false }, 1);
  check(calls(single) === 'clock {}', () => `not parallel: ${calls(single)}`);
  const [cut] = await converse('use the tool calculate with {"expression":"1+1+1+1"}', { ...fields, maxTokens: 2 }, 1);
  check(cut.finish === 'length' && calls(cut) === 'calculate {"expr', () => `cut off: ${JSON.stringify(cut)}`);
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

  await Promise.all([useTools({}), useTools({ stream: true })]);

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
