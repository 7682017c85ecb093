// SPDX-License-Identifier: MIT
// What the example server does for the benchmark, for JavaScript servers of any kind: welcome, hello,
// questions with streamed and whole answers, a conversation of the last MAX_HISTORY messages that goes
// upstream as finished JSON. One write for all messages of one read, no timer, upstream paused while a
// client takes nothing. What it has not: resume, limits, heartbeats, stores.
//
// A server gives each connection a line, to which the session speaks:
//   isOpen()        false once it is closed
//   say(text)       sends a message
//   together(work)  calls work(); what is said meanwhile leaves in one write
//   waiting()       bytes that were said and not written
//   expectDrain()   the session waits for onDrained(); for lines that have no event for it
// and how it asks the model, as ask(body, sink), which calls sink.onData(text) for each read, then
// sink.onEnd() or sink.onFail(error), and returns pause(), resume() and abort().
import { randomBytes, randomUUID } from 'node:crypto';
import process from 'node:process';

const maxHistory = Number(process.env.MAX_HISTORY ?? 50);
const highMark = 64 * 1024;
const epoch = randomUUID();
const system = JSON.stringify({
  role: 'system',
  content: 'You are Agent WebSocket, an AI assistant communicating via WebSocket.',
});

let stampedAt = 0;
let stamp = '';
/** The time as the protocol writes it, made once a millisecond. */
function timestamp() {
  const now = Date.now();
  if (now !== stampedAt) {
    stampedAt = now;
    stamp = new Date(now).toISOString();
  }
  return stamp;
}

/** As long as a message may be. */
export const maxMessageBytes = 65_536;

export class Session {
  constructor(line, ask) {
    this.line = line;
    this.ask = ask;
    this.id = randomUUID();
    this.history = []; // each message as its finished JSON
    this.waiting = [];
    this.seq = 0;
    this.streams = 0;
    this.running = false;
    this.call = null;
    this.paused = false;
    this.welcome();
  }

  onMessage(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      this.line.say(
        `{"type":"error","code":"bad_json","content":"Not JSON","timestamp":"${timestamp()}"}`,
      );
      return;
    }
    if (message.type === 'command' && message.op === 'hello') {
      this.welcome();
      this.line.say(`{"type":"status","seq":${this.seq},"op":"live","timestamp":"${timestamp()}"}`);
    } else if (message.type === 'query') {
      this.onQuery(message);
    }
  }

  /** The line has written what waited. */
  onDrained() {
    if (!this.paused) return;
    this.paused = false;
    this.call?.resume();
  }

  onClose() {
    this.waiting = [];
    this.call?.abort();
  }

  welcome() {
    this.line.say(
      `{"type":"notification","op":"welcome","content":"Connected to Agent WebSocket. Session ID: ${this.id}","v":1,` +
        `"session_id":"${this.id}","resume_token":"${randomBytes(32).toString('base64url')}","epoch":"${epoch}",` +
        `"seq":${this.seq},"recovered":false,"reason":"new","heartbeat_ms":25000,"timeout_ms":8000,` +
        `"resume_window_ms":300000,"limits":{"max_message_bytes":${maxMessageBytes},"messages_per_minute":60,` +
        `"message_burst":30,"max_queued":16},"timestamp":"${timestamp()}"}`,
    );
  }

  onQuery(query) {
    const ref = JSON.stringify(query.id ?? null);
    const stream = `r_${++this.streams}`;
    this.line.say(
      `{"type":"status","op":"ack","ref":${ref},"stream":"${stream}","position":${this.waiting.length},` +
        `"duplicate":false,"timestamp":"${timestamp()}"}`,
    );
    const asked = { ref, stream, content: JSON.stringify(query.content), streamed: query.stream !== false };
    this.running ? this.waiting.push(asked) : this.answer(asked);
  }

  answer(asked) {
    this.running = true;
    this.line.say(
      `{"type":"status","op":"thinking","content":"Thinking...","ref":${asked.ref},"timestamp":"${timestamp()}"}`,
    );
    this.remember(`{"role":"user","content":${asked.content}}`);
    const body =
      `{"model":"bench","messages":[${system},${this.history.join()}],"temperature":0.7,"max_tokens":1500,` +
      '"stream":true,"stream_options":{"include_usage":true}}';
    const answer = { text: '', count: 0, started: false, model: '', finish: 'stop', usage: null };
    let rest = '';
    let done = false;
    this.call = this.ask(body, {
      onData: (piece) => {
        if (done || !this.line.isOpen()) return;
        this.line.together(() => {
          rest += piece;
          let at = 0;
          for (let end; (end = rest.indexOf('\n', at)) >= 0; at = end + 1) {
            if (rest.startsWith('data: {', at)) this.onEvent(asked, answer, rest.slice(at + 6, end));
            else if (rest.startsWith('data: [DONE]', at)) done = true;
          }
          rest = rest.slice(at);
          if (done) this.end(asked, answer);
        });
        if (done) return;
        if (!this.paused && this.line.waiting() > highMark) {
          this.paused = true;
          this.call.pause();
          this.line.expectDrain?.();
        }
      },
      onEnd: () => done || this.end(asked, answer),
      onFail: (error) => done || this.fail(asked, error),
    });
  }

  remember(message) {
    this.history.push(message);
    if (this.history.length > maxHistory) this.history.splice(0, this.history.length - maxHistory);
  }

  onEvent(asked, answer, event) {
    const { choices, model, usage } = JSON.parse(event);
    if (usage) answer.usage = usage;
    const choice = choices?.[0];
    if (!choice) return;
    if (!answer.started) {
      answer.started = true;
      answer.model = JSON.stringify(model);
      if (asked.streamed) {
        this.line.say(
          `{"type":"response","seq":${++this.seq},"ref":${asked.ref},"stream":"${asked.stream}","phase":"start",` +
            `"model":${answer.model},"timestamp":"${timestamp()}"}`,
        );
      }
    }
    if (choice.finish_reason) answer.finish = choice.finish_reason;
    const content = choice.delta?.content;
    if (!content) return;
    answer.text += content;
    if (asked.streamed) {
      this.line.say(
        `{"type":"response","stream":"${asked.stream}","phase":"delta","idx":${answer.count},"n":1,` +
          `"content":${JSON.stringify(content)},"timestamp":"${timestamp()}"}`,
      );
    }
    ++answer.count;
  }

  end(asked, answer) {
    if (!this.line.isOpen()) return;
    const text = JSON.stringify(answer.text);
    this.remember(`{"role":"assistant","content":${text}}`);
    const form = asked.streamed ? `"end","n":${answer.count}` : '"full"';
    const usage = answer.usage ? `,"usage":${JSON.stringify(answer.usage)}` : '';
    this.line.say(
      `{"type":"response","seq":${++this.seq},"ref":${asked.ref},"stream":"${asked.stream}","phase":${form},` +
        `"content":${text},"status":"completed","finish_reason":${JSON.stringify(answer.finish)},` +
        `"model":${answer.model || '""'}${usage},"timestamp":"${timestamp()}"}`,
    );
    this.next();
  }

  fail(asked, why) {
    if (!this.line.isOpen()) return;
    console.error(`upstream: ${why.message}`);
    this.line.say(
      `{"type":"error","ref":${asked.ref},"code":"upstream_unavailable","content":"The model does not answer",` +
        `"timestamp":"${timestamp()}"}`,
    );
    this.next();
  }

  next() {
    this.running = false;
    this.paused = false;
    this.call = null;
    if (this.waiting.length > 0) this.answer(this.waiting.shift());
  }
}
