// SPDX-License-Identifier: MIT
// A Node server that does what the example server does for the benchmark: welcome, hello, questions
// with streamed and whole answers, a conversation of the last MAX_HISTORY messages that goes upstream.
// As somebody writes it who knows Node: `ws` without compression, an agent that keeps connections
// (undici where there is one, else node:http), one write for all messages of one read, no timer,
// upstream paused while a client takes nothing. What it has not: resume, limits, heartbeats, stores.
//
//   node peer_ws.mjs PORT_OF_UPSTREAM      NODE_PATH names the folder of the npm packages
import { randomBytes, randomUUID } from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

function optional(name) {
  try {
    return require(name);
  } catch {
    return null;
  }
}

const { WebSocketServer } = require('ws');
const undici = optional('undici');
const upstreamPort = Number(process.argv[2]);
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

// --- upstream ------------------------------------------------------------------------------------

const headers = { 'Content-Type': 'application/json', Accept: 'text/event-stream' };
const agent = undici
  ? new undici.Pool(`http://127.0.0.1:${upstreamPort}`, { connections: null, pipelining: 1 })
  : new http.Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 20_000, noDelay: true });

/** Asks; the body of the answer as a stream, or what went wrong. */
function ask(body, done) {
  if (undici) {
    agent.request({ path: '/v1/chat/completions', method: 'POST', headers, body }).then(
      ({ statusCode, body: stream }) => {
        stream.on('error', () => {});
        statusCode === 200 ? done(null, stream) : done(new Error(`status ${statusCode}`));
      },
      done,
    );
    return;
  }
  const request = http.request(
    {
      agent,
      host: '127.0.0.1',
      port: upstreamPort,
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { ...headers, 'Content-Length': Buffer.byteLength(body) },
    },
    (response) =>
      response.statusCode === 200 ? done(null, response) : done(new Error(`status ${response.statusCode}`)),
  );
  request.on('error', done);
  request.end(body);
}

// --- sessions ------------------------------------------------------------------------------------

class Session {
  constructor(socket) {
    this.socket = socket;
    this.id = randomUUID();
    this.history = []; // each message as its finished JSON
    this.waiting = [];
    this.seq = 0;
    this.streams = 0;
    this.running = false;
    socket.on('message', (data, isBinary) => {
      if (!isBinary) this.onMessage(data);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.waiting = [];
      this.stream?.destroy();
    });
    this.welcome();
  }

  say(words) {
    this.socket.send(words);
  }

  welcome() {
    this.say(
      `{"type":"notification","op":"welcome","content":"Connected to Agent WebSocket. Session ID: ${this.id}","v":1,` +
        `"session_id":"${this.id}","resume_token":"${randomBytes(32).toString('base64url')}","epoch":"${epoch}",` +
        `"seq":${this.seq},"recovered":false,"reason":"new","heartbeat_ms":25000,"timeout_ms":8000,` +
        '"resume_window_ms":300000,"limits":{"max_message_bytes":65536,"messages_per_minute":60,' +
        `"message_burst":30,"max_queued":16},"timestamp":"${timestamp()}"}`,
    );
  }

  onMessage(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.say(`{"type":"error","code":"bad_json","content":"Not JSON","timestamp":"${timestamp()}"}`);
      return;
    }
    if (message.type === 'command' && message.op === 'hello') {
      this.welcome();
      this.say(`{"type":"status","seq":${this.seq},"op":"live","timestamp":"${timestamp()}"}`);
    } else if (message.type === 'query') {
      this.onQuery(message);
    }
  }

  onQuery(query) {
    const ref = JSON.stringify(query.id ?? null);
    const stream = `r_${++this.streams}`;
    this.say(
      `{"type":"status","op":"ack","ref":${ref},"stream":"${stream}","position":${this.waiting.length},` +
        `"duplicate":false,"timestamp":"${timestamp()}"}`,
    );
    const asked = { ref, stream, content: JSON.stringify(query.content), streamed: query.stream !== false };
    this.running ? this.waiting.push(asked) : this.answer(asked);
  }

  answer(asked) {
    this.running = true;
    this.say(
      `{"type":"status","op":"thinking","content":"Thinking...","ref":${asked.ref},"timestamp":"${timestamp()}"}`,
    );
    this.remember(`{"role":"user","content":${asked.content}}`);
    const body =
      `{"model":"bench","messages":[${system},${this.history.join()}],"temperature":0.7,"max_tokens":1500,` +
      '"stream":true,"stream_options":{"include_usage":true}}';
    ask(body, (error, stream) => (error ? this.fail(asked, error) : this.relay(asked, stream)));
  }

  remember(message) {
    this.history.push(message);
    if (this.history.length > maxHistory) this.history.splice(0, this.history.length - maxHistory);
  }

  relay(asked, stream) {
    const { socket } = this;
    if (socket.readyState !== socket.OPEN) return void stream.destroy();
    this.stream = stream;
    stream.setEncoding('utf8');
    const answer = { text: '', count: 0, started: false, model: '', finish: 'stop', usage: null };
    let rest = '';
    let ended = false;
    stream.on('data', (piece) => {
      // All messages of this read leave in one write.
      socket._socket.cork();
      rest += piece;
      let at = 0;
      for (let end; (end = rest.indexOf('\n', at)) >= 0; at = end + 1) {
        if (rest.startsWith('data: {', at)) this.onEvent(asked, answer, rest.slice(at + 6, end));
      }
      rest = rest.slice(at);
      socket._socket.uncork();
      if (socket.bufferedAmount > highMark && !stream.isPaused()) {
        stream.pause();
        socket._socket.once('drain', () => stream.resume());
      }
    });
    stream.on('end', () => {
      ended = true;
      this.end(asked, answer);
    });
    stream.on('close', () => {
      if (!ended) this.fail(asked, new Error('the answer was cut off'));
    });
    stream.on('error', () => {});
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
        this.say(
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
      this.say(
        `{"type":"response","stream":"${asked.stream}","phase":"delta","idx":${answer.count},"n":1,` +
          `"content":${JSON.stringify(content)},"timestamp":"${timestamp()}"}`,
      );
    }
    ++answer.count;
  }

  end(asked, answer) {
    const text = JSON.stringify(answer.text);
    this.remember(`{"role":"assistant","content":${text}}`);
    const form = asked.streamed ? `"end","n":${answer.count}` : '"full"';
    const usage = answer.usage ? `,"usage":${JSON.stringify(answer.usage)}` : '';
    this.say(
      `{"type":"response","seq":${++this.seq},"ref":${asked.ref},"stream":"${asked.stream}","phase":${form},` +
        `"content":${text},"status":"completed","finish_reason":${JSON.stringify(answer.finish)},` +
        `"model":${answer.model || '""'}${usage},"timestamp":"${timestamp()}"}`,
    );
    this.next();
  }

  fail(asked, why) {
    console.error(`upstream: ${why.message}`);
    this.say(
      `{"type":"error","ref":${asked.ref},"code":"upstream_unavailable","content":"The model does not answer",` +
        `"timestamp":"${timestamp()}"}`,
    );
    this.next();
  }

  next() {
    this.running = false;
    this.stream = null;
    if (this.waiting.length > 0) this.answer(this.waiting.shift());
  }
}

// --- the server ----------------------------------------------------------------------------------

const server = http.createServer((_, response) => response.writeHead(404).end());
const sockets = new WebSocketServer({ server, path: '/ws', perMessageDeflate: false, maxPayload: 65_536 });
sockets.on('connection', (socket) => new Session(socket));
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/`);
});
