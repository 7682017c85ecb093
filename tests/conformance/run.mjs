// SPDX-License-Identifier: MIT
//
// Judges the JavaScript client by the scripts of this folder: a fake WebSocket, virtual time, dice that always show 0.5.
//   node run.mjs [-v] [FOLDER or FILE...]
// Prints a line for each file, and for each case that fails the line of the script and what was found instead.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentWebSocket, AgentWebSocketError } from '../../examples/web/agent-websocket.js';
import { Network, VirtualClock, settled } from './fakes.mjs';

class Mismatch extends Error {}

function check(condition, words) {
  if (!condition) throw new Mismatch(words());
}

const show = (value) => JSON.stringify(value) ?? 'nothing';

/** At least the members of `wanted`, nested objects alike; "*" is any value, null an absent one. */
function matches(found, wanted) {
  if (wanted === '*') return found !== undefined;
  if (wanted === null) return found === undefined || found === null;
  if (typeof wanted !== 'object') return found === wanted;
  if (found === null || typeof found !== 'object' || Array.isArray(found) !== Array.isArray(wanted)) return false;
  if (Array.isArray(wanted)) return found.length === wanted.length && wanted.every((each, i) => matches(found[i], each));
  return Object.entries(wanted).every(([name, value]) => matches(found[name], value));
}

/** What the application is told one by one. */
const inOrder = ['request', 'resolved', 'tool', 'call'];

class Case {
  constructor({ caps, auth, tools }) {
    const tokens = [auth].flat();
    this.clock = new VirtualClock();
    this.network = new Network();
    this.told = [];
    this.client = new AgentWebSocket({
      url: 'ws://server.test/ws', caps: caps ?? ['delta'], WebSocket: this.network.socketClass(), clock: this.clock,
      ...(tools === undefined ? {} : { tools: Object.fromEntries(tools.map(({ name, ...rest }) => [name, rest])) }),
      ...(auth === undefined ? {} : { token: async () => tokens.length > 1 ? tokens.shift() : tokens[0] }),
    });
    this.client.on('reset', () => {
      this.told.push({ told: 'reset' });
      this.texts.clear();
      this.thoughts.clear();
    });
    this.client.on('feedback_request', ({ request, open }) => this.told.push({ told: 'request', ...request, open }));
    this.client.on('feedback_resolved', ({ id, decision, reason }) => this.told.push({ told: 'resolved', id, decision, reason }));
    this.client.on('tool', ({ tool, message }) => this.told.push({ told: 'tool', ref: message.ref, tool }));
    this.client.on('tool_call', ({ call }) => this.told.push({ told: 'call', ...call }));
    this.client.on('stopped', ({ code }) => this.told.push({ told: 'stopped', code }));
    this.ended = new Map(); // query -> how often the application was told its end
    this.texts = new Map(); // query -> its text as an application has it that only appends and rewrites
    this.client.on('answer', ({ answer }) => this.ended.set(answer, (this.ended.get(answer) ?? 0) + 1));
    this.client.on('text', ({ answer, text, appended }) => {
      const shown = appended === null ? text : (this.texts.get(answer) ?? '') + appended;
      check(shown === text, () => `the pieces make ${show(shown)}, the text is ${show(text)}`);
      this.texts.set(answer, shown);
    });
    this.thoughts = new Map(); // the same for reasoning
    this.client.on('reasoning', ({ answer, text, appended }) => {
      const shown = appended === null ? text : (this.thoughts.get(answer) ?? '') + appended;
      check(shown === text, () => `the pieces make ${show(shown)}, the reasoning is ${show(text)}`);
      this.thoughts.set(answer, shown);
    });
  }

  socket() {
    check(this.network.current && !this.network.current.isOver, () => 'there is no connection and no attempt');
    return this.network.current;
  }

  /** Runs one line of the script. */
  async play(line) {
    const verbs = Object.keys(Case.verbs).filter((verb) => verb in line);
    check(verbs.length === 1, () => `not a line of a script: ${show(line)}`);
    await Case.verbs[verbs[0]].call(this, line);
    await settled();
    for (const [answer, times] of this.ended) check(times === 1, () => `${answer.ref} ended ${times} times`);
  }

  static verbs = {
    do({ do: action, refused = false, repeat = 1, ...fields }) {
      const { client } = this;
      if (typeof fields.content === 'string') fields.content = fields.content.repeat(repeat);
      try {
        if (action === 'start') client.start();
        else if (action === 'stop') client.stop();
        else if (action === 'cancel') client.cancel(fields.ref);
        else if (action === 'decide') client.decide(fields.ref, fields.decision, (({ ref, decision, ...rest }) => rest)(fields));
        else if (action === 'tool_result' && 'error' in fields) client.toolError(fields.ref, fields.error);
        else if (action === 'tool_result') client.toolResult(fields.ref, fields.data);
        else if (action === 'feedback') client.feedback(fields);
        else if (action === 'query') client.query(fields.content, (({ content, ...options }) => options)(fields));
        else client.command(action, fields);
      } catch (error) {
        check(error instanceof AgentWebSocketError && refused, () => `the client refused: ${error.message}`);
        return;
      }
      check(!refused, () => 'the client did not refuse');
    },
    accept() { this.socket().happen('open'); },
    refuse({ refuse: status }) { this.socket().refuse(status); },
    send({ send: message }) { this.socket().happen('message', { data: typeof message === 'string' ? message : JSON.stringify(message) }); },
    cut({ cut: code, reason = '' }) { this.socket().happen('close', { code, reason }); },
    async advance({ advance: ms }) { await this.clock.advance(ms); },
    expect({ expect: wanted, code }) {
      const { attempts, frames, closes } = this.network;
      if (wanted === 'connect') {
        check(attempts.length > 0, () => `no attempt; the client is ${this.client.state}`);
        attempts.shift();
      } else if (wanted === 'close') {
        check(closes.length > 0, () => 'the client has closed nothing');
        const found = closes.shift();
        check(code === undefined || matches(found, code), () => `closed with ${found}`);
      } else if (wanted === 'nothing') {
        check(attempts.length === 0, () => `${attempts.length} attempts`);
        check(frames.length === 0, () => `frames: ${show(frames)}`);
        check(closes.length === 0, () => `closes: ${show(closes)}`);
      } else {
        check(frames.length > 0, () => `no frame; the client is ${this.client.state}`);
        const found = frames.shift();
        check(matches(found, wanted), () => `the frame is ${show(found)}`);
      }
    },
    state({ state }) { check(this.client.state === state, () => `the client is ${this.client.state}`); },
    answer({ answer: id, text, status, code }) {
      const found = this.client.answer(id);
      const seen = { text: found?.text ?? '', status: found?.status ?? null, code: found?.error?.code };
      if (text !== undefined) check(seen.text === text, () => `the text is ${show(seen.text)}`);
      if (status !== undefined) check(seen.status === status, () => `the status is ${show(seen.status)}`);
      if (code !== undefined) check(seen.code === code, () => `the code is ${show(seen.code)}`);
      if (found && found.status !== null) check(this.ended.get(found) === 1, () => 'the application was not told of the end');
    },
    reasoning({ reasoning: id, text }) {
      const found = this.client.answer(id);
      check(found?.reasoning === text, () => `the reasoning is ${show(found?.reasoning)}`);
      check((this.thoughts.get(found) ?? '') === text, () => `the application has ${show(this.thoughts.get(found))}`);
    },
    requests({ requests: wanted }) {
      const found = this.client.requests.map((each) => each.id);
      check(matches(found, wanted), () => `requests: ${show(found)}`);
    },
    notifications({ notifications: wanted }) {
      const found = this.client.transcript.notifications.map((each) => each.content);
      check(matches(found, wanted), () => `notifications: ${show(found)}`);
    },
    told({ told: wanted, ...rest }) {
      if (wanted === 'nothing') return check(this.told.length === 0, () => `told ${show(this.told)}`);
      if (inOrder.includes(wanted)) {
        const at = this.told.findIndex((each) => each.told === wanted);
        check(at >= 0, () => `not told; ${show(this.told)}`);
        const [found] = this.told.splice(at, 1);
        return check(matches(found, rest), () => `told ${show(found)}`);
      }
      const of = this.told.filter((each) => each.told === wanted);
      this.told = this.told.filter((each) => each.told !== wanted);
      check(of.length === 1, () => `told ${of.length} times`);
      check(matches(of[0], rest), () => `told ${show(of[0])}`);
    },
  };
}

/** The cases of a file, each as {name, lines: [{number, line}]}. */
function casesOf(file) {
  const cases = [];
  fs.readFileSync(file, 'utf8').split('\n').forEach((text, i) => {
    if (!text.trim()) return;
    const number = i + 1;
    let line;
    try {
      line = JSON.parse(text);
    } catch (error) {
      throw new Error(`${file}:${number}: ${error.message}`);
    }
    if ('case' in line) cases.push({ name: line.case, settings: line, lines: [] });
    else if (cases.length) cases[cases.length - 1].lines.push({ number, line, text });
    else throw new Error(`${file}:${number}: comes before the first case`);
  });
  return cases;
}

async function runCase(file, { name, settings, lines }) {
  const played = new Case(settings);
  for (const { number, line, text } of lines) {
    try {
      await played.play(line);
    } catch (error) {
      console.log(`not ok ${path.basename(file)}:${number}: ${name}\n  ${text}\n  ${error instanceof Mismatch ? error.message : error.stack}`);
      return false;
    }
  }
  return true;
}

const isVerbose = process.argv.includes('-v');
const places = process.argv.slice(2).filter((each) => each !== '-v');
if (!places.length) places.push(path.dirname(fileURLToPath(import.meta.url)));
const files = places.flatMap((place) => fs.statSync(place).isDirectory()
  ? fs.readdirSync(place).filter((name) => name.endsWith('.ndjson')).sort().map((name) => path.join(place, name))
  : [place]);

// A listener of this runner that finds a fault throws inside the client, which reports it and goes on.
let reported = 0;
globalThis.reportError = (error) => {
  reported += 1;
  console.log(`not ok: ${error.message}`);
};

let passed = 0, failed = 0;
for (const file of files) {
  let good = 0;
  const cases = casesOf(file);
  for (const each of cases) {
    if (await runCase(file, each)) {
      good += 1;
      if (isVerbose) console.log(`ok ${path.basename(file)}: ${each.name}`);
    }
  }
  passed += good;
  failed += cases.length - good;
  console.log(`${path.basename(file)}: ${good} of ${cases.length}`);
}
console.log(`${passed} passed, ${failed + reported} failed`);
process.exit(failed + reported || !passed ? 1 : 0);
