// SPDX-License-Identifier: MIT
// Request bodies against the official OpenRouter SDK's schema of what it sends itself:
//   node check.mjs < LINES     each line {"case":"words","body":{...}}
// Prints `not ok CASE: FAULTS` for each body that is refused, and `N passed, N failed`.
//
// That schema takes the SDK's own names (maxTokens), gives those of the wire (max_tokens), and drops
// without a word what it does not know: handed a body as it is, it accepts an empty shell. So the
// body is put into the SDK's names by the schema's own renaming, each member that has no name there
// is a fault, and what comes out has to be the body again. Nor does the schema know ranges, and its
// enumerations take any text; the documented ones are below.
import { isDeepStrictEqual } from 'node:util';
import { readFileSync } from 'node:fs';
import { load } from '../e2e/packages.mjs';

const models = await load('@openrouter/sdk/models');
const request = models.ChatRequest$outboundSchema;

// ---- what the documents say beyond the schema

const oneOf = (...words) => (value) => words.includes(value);
const wordsOf = (name) => {
  if (!models[name]) throw new Error(`the SDK has no ${name}`);
  return oneOf(...Object.values(models[name]));
};
const isBoolean = (value) => typeof value === 'boolean';
const within = (low, high) => (value) => value >= low && value <= high;
const above = (low, high) => (value) => value > low && value <= high;
const isList = (value) => Array.isArray(value);

/** Documented, but not in SDK 1.3.19: a path, `*` for any position, and what may stand there. */
const notInSdk = {
  verbosity: oneOf('low', 'medium', 'high', 'xhigh', 'max'),
  structured_outputs: isBoolean,
  audio: (value) => isDeepStrictEqual(Object.keys(value), ['voice', 'format']),
  preset: (value) => typeof value === 'string',
  web_search_options: (value) => typeof value === 'object' && !isList(value),
  'reasoning.max_tokens': (value) => Number.isInteger(value) && value >= 1,
  'reasoning.exclude': isBoolean,
  'reasoning.enabled': isBoolean,
  'messages.*.annotations': isList,
};

const toolName = (value) => /^[A-Za-z0-9_-]{1,64}$/.test(value);
/** In the SDK without their limits. */
const limits = {
  temperature: within(0, 2),
  top_p: above(0, 1),
  top_k: within(0, Infinity),
  min_p: within(0, 1),
  top_a: within(0, 1),
  frequency_penalty: within(-2, 2),
  presence_penalty: within(-2, 2),
  repetition_penalty: above(0, 2),
  max_tokens: within(1, Infinity),
  max_completion_tokens: within(1, Infinity),
  top_logprobs: within(0, 20),
  'logit_bias.*': within(-100, 100),
  stop: (value) => !isList(value) || (value.length >= 1 && value.length <= 4),
  messages: (value) => value.length > 0,
  session_id: (value) => [...value].length <= 256,
  metadata: (value) => Object.entries(value).length <= 16 &&
    Object.entries(value).every(([key, text]) => key.length <= 64 && text.length <= 512),
  reasoning_effort: wordsOf('ChatRequestReasoningEffort'),
  'reasoning.effort': wordsOf('ChatRequestEffort'),
  'reasoning.summary': wordsOf('ChatReasoningSummaryVerbosityEnum'),
  // One more than the SDK has: an alias of priority.
  service_tier: (value) => value === 'fast' || wordsOf('ChatRequestServiceTier')(value),
  'modalities.*': wordsOf('Modality'),
  // Takes any member beside these; the bodies' own are called custom.
  trace: (value) => Object.keys(value).every((key) => /^custom/.test(key) || ['trace_id',
    'trace_name', 'span_name', 'generation_name', 'parent_span_id'].includes(key)),
  'provider.data_collection': wordsOf('DataCollection'),
  'provider.quantizations.*': wordsOf('Quantization'),
  'provider.sort': (value) => typeof value === 'object' || wordsOf('ProviderSort')(value),
  'messages.*.content.*.image_url.detail': oneOf('auto', 'low', 'high', 'original'),
  'tools.*.function.name': toolName,
  'tool_choice.function.name': toolName,
  'response_format.json_schema.name': toolName,
};

/** Rules over several members. */
function* contradictions(body) {
  if (body.top_logprobs != null && body.logprobs !== true) yield 'top_logprobs needs logprobs';
  if (body.reasoning?.effort != null && body.reasoning.max_tokens != null) {
    yield 'reasoning has both effort and max_tokens';
  }
  const efforts = [body.reasoning_effort, body.reasoning?.effort];
  if (efforts.every(Boolean) && efforts[0] !== efforts[1]) yield 'two different efforts';
  let open = new Set();
  for (const [at, message] of (isList(body.messages) ? body.messages : []).entries()) {
    if (message.role === 'tool' && !open.delete(message.tool_call_id)) {
      yield `messages.${at} answers no call`;
    }
    if (message.role !== 'tool' && open.size) yield `messages.${at} comes before all calls are answered`;
    if (message.role !== 'assistant') continue;
    const calls = message.tool_calls ?? [];
    open = new Set(calls.map((call) => call.id));
    if (open.size !== calls.length) yield `messages.${at} has an id twice`;
    if (calls.length ? message.content === '' : message.content === null) {
      yield `messages.${at} has a content of ${JSON.stringify(message.content)}`;
    }
  }
}

/** What the bodies of one run have to have between them, so that none goes missing unseen. */
const wanted = [
  'model', 'models', 'messages', 'temperature', 'top_p', 'top_k', 'min_p', 'top_a',
  'frequency_penalty', 'presence_penalty', 'repetition_penalty', 'max_tokens',
  'max_completion_tokens', 'stop', 'seed', 'logprobs', 'top_logprobs', 'tools', 'tool_choice',
  'parallel_tool_calls', 'response_format', 'reasoning', 'reasoning_effort', 'verbosity',
  'provider', 'plugins', 'service_tier', 'user', 'session_id', 'stream', 'stream_options', 'preset',
  'logit_bias', 'structured_outputs', 'stop_server_tools_when', 'modalities', 'audio',
  'image_config', 'prediction', 'web_search_options', 'metadata', 'trace', 'cache_control',
  'prompt_cache_key', 'prompt_cache_options', 'debug',
];

// ---- the schema

/** Without what only says that something may be absent or null. */
function bare(schema) {
  for (;;) {
    const { type, innerType, getter } = schema._zod.def;
    if (type === 'lazy') schema = getter();
    else if (innerType) schema = innerType;
    else return schema;
  }
}

/** The members of an object schema by their names on the wire: [name in the SDK, schema]. */
function members(schema) {
  const { in: from, out } = schema._zod.def;
  const shape = (from ? bare(from) : schema)._zod.def.shape;
  const { additionalProperties, ...named } = shape;
  const probe = Object.fromEntries(Object.keys(named).map((name) => [name, name]));
  const renamed = out ? out._zod.def.transform(probe, { issues: [] }) : probe;
  return {
    known: new Map(Object.entries(renamed).map(([wire, name]) => [wire, [name, named[name]]])),
    takesOthers: additionalProperties !== undefined,
  };
}

const isObject = (value) => typeof value === 'object' && value !== null && !isList(value);

/**
 * `value` under the SDK's names. `spelled` is the same with each number as the text that it is in
 * the body. `faults`: members without a name, whole numbers that are not written as such.
 */
function translate(schema, value, spelled, path) {
  const faults = [];
  const inner = (part, key) => {
    const made = translate(part, value[key], spelled[key], [...path, key]);
    faults.push(...made.faults);
    return made.value;
  };
  const done = (made) => ({ value: made, faults });
  schema = bare(schema);
  const def = schema._zod.def;
  if (def.type === 'number' && typeof value === 'number') {
    if (def.format === 'safeint' && !/^-?\d+$/.test(spelled)) faults.push([path, `is written ${spelled}`]);
    return done(value);
  }
  if (def.type === 'intersection') return translate(def.left, value, spelled, path);
  if (def.type === 'union') return bestOf(def.options, value, spelled, path);
  if (def.type === 'array' && isList(value)) return done(value.map((_, at) => inner(def.element, at)));
  if (!isObject(value)) return done(value);
  if (def.type === 'record') {
    return done(Object.fromEntries(Object.keys(value).map((key) => [key, inner(def.valueType, key)])));
  }
  if (def.type !== 'object' && def.type !== 'pipe') return done(value);
  const { known, takesOthers } = members(schema);
  const made = {};
  for (const key of Object.keys(value)) {
    const [name, part] = known.get(key) ?? [];
    if (name) made[name] = inner(part, key);
    else if (takesOthers) (made.additionalProperties ??= {})[key] = value[key];
    else faults.push([[...path, key], undefined]);
  }
  return done(made);
}

/** The alternative that accepts the value and loses the least of it. */
function bestOf(options, value, spelled, path) {
  let best;
  for (const option of options) {
    const made = translate(option, value, spelled, path);
    const parsed = option.safeParse(made.value);
    // Refused for what is inside is nearer than refused as a whole.
    const cost = parsed.success ? made.faults.length
      : parsed.error.issues.reduce((sum, { path: at }) => sum + (at.length ? 1 : 100), 1000);
    if (!best || cost < best.cost) best = { ...made, cost };
  }
  return best;
}

/** JSON text with every number as a string of its own spelling. */
function numbersAsText(text) {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) => token[0] === '"' ? token : `"${token}"`);
}

/** Calls visit(path, value) for `value` and all that is in it. */
function walk(value, visit, path = []) {
  visit(path, value);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) walk(inner, visit, [...path, key]);
}

/** The rule of a table for a path. */
function rule(table, path) {
  const fits = (pattern) => {
    const parts = pattern.split('.');
    return parts.length === path.length &&
      parts.every((part, at) => part === '*' || part === String(path[at]));
  };
  const found = Object.keys(table).find(fits);
  return found && table[found];
}

function without(value, paths) {
  const copy = structuredClone(value);
  for (const path of paths) {
    const owner = path.slice(0, -1).reduce((from, key) => from[key], copy);
    delete owner[path.at(-1)];
  }
  return copy;
}

/** All that is wrong with a body. */
function faultsOf(body, spelled) {
  const found = [];
  const translated = translate(request, body, spelled, []);
  const extras = [];
  for (const [path, words] of translated.faults) {
    const value = path.reduce((from, key) => from[key], body);
    const known = words === undefined && rule(notInSdk, path);
    if (words !== undefined) found.push(`${path.join('.')} ${words}`);
    else if (!known) found.push(`${path.join('.')} is unknown`);
    else if (!known(value)) found.push(`${path.join('.')} is ${JSON.stringify(value)}`);
    if (words === undefined) extras.push(path);
  }
  const parsed = request.safeParse(translated.value);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) found.push(`${path.join('.')}: ${message}`);
    return found;
  }
  const sent = JSON.parse(JSON.stringify(parsed.data));
  if (!('stream' in body)) delete sent.stream;  // the schema's default
  if (!isDeepStrictEqual(sent, without(body, extras))) found.push('the SDK would send something else');
  walk(body, (path, value) => {
    const fits = value !== null && rule(limits, path);
    if (fits && !fits(value)) found.push(`${path.join('.')} is ${JSON.stringify(value)}`);
  });
  found.push(...contradictions(body));
  return found;
}

// ---- the program

let passed = 0;
let failed = 0;
const fail = (name, words) => {
  failed++;
  console.log(`not ok ${name}: ${words}`);
};
const seen = new Set();
for (const line of readFileSync(0, 'utf8').split('\n')) {
  if (!line) continue;
  const name = /^\{"case":"([^"]*)"/.exec(line)?.[1] ?? line.slice(0, 60);
  try {
    const { body } = JSON.parse(line);
    Object.keys(body).forEach((key) => seen.add(key));
    const faults = faultsOf(body, JSON.parse(numbersAsText(line)).body);
    if (faults.length) fail(name, faults.join('; '));
    else passed++;
  } catch (error) {
    fail(name, error.message);
  }
}
const missing = wanted.filter((name) => !seen.has(name));
if (missing.length && !process.argv.includes('--any')) fail('all fields', `no body has ${missing.join(', ')}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
