// SPDX-License-Identifier: MIT
//
// The client of Agent WebSocket for browsers and Node, as one ES module without dependencies. It keeps a session over lost
// connections and reloads: each answer is whole, in order, and there once. `ClientCore` is the protocol alone (what happened
// and the time in, actions out; no socket, no clock); `AgentWebSocket` gives it a WebSocket, timers, a storage and listeners.
//
//   const client = new AgentWebSocket({ url: 'wss://example.org/ws' });
//   client.on('text', ({ answer, appended }) => ...);
//   client.on('answer', ({ answer }) => ...);
//   client.start();
//   client.query('What is a WebSocket?');

/** What this client bounds: each is something that a server, a network or an application could make grow. */
export const limits = Object.freeze({
  backoffMinMs: 500,
  backoffMaxMs: 20000,
  steadyMs: 10000, // live for so long, the next failure is a new one
  welcomeMs: 15000, // longer than a server's own 10 s clock for a client that has to log in
  silenceSlackMs: 2000,
  retryAfterMaxMs: 300000,
  ackEvery: 16,
  outboxMessages: 100,
  outboxBytes: 256 * 1024,
  openQueries: 1000,
  openBytes: 4 * 1024 * 1024, // of accepted queries, kept because a session that lost its log is asked again
  answers: 500,
  answerChars: 4 * 1024 * 1024,
  transcriptChars: 8 * 1024 * 1024,
  notifications: 200,
  requests: 100,
  toolCalls: 256,
  forgotten: 200,
  frameChars: 16 * 1024 * 1024,
  bufferedBytes: 1024 * 1024,
  storedChars: 1024 * 1024,
  saveMs: 200,
  outcomes: 200,
  outcomeMs: 15000,
});

/** Why a call was refused; `code` is one of the protocol's error codes or outbox_full, not_live, no_answer, connection_lost. */
export class AgentWebSocketError extends Error {
  constructor(code, message, retryable = false) {
    super(message);
    this.name = 'AgentWebSocketError';
    this.code = code;
    this.retryable = retryable;
  }
}

const validId = /^[A-Za-z0-9_.:-]{1,64}$/;
const terminalPhases = ['full', 'end'];
const phases = [...terminalPhases, 'start', 'delta', 'snapshot', 'reasoning'];
const endings = ['completed', 'cancelled', 'failed', 'incomplete'];
/** Commands that are kept until the server has them; all others make sense at once or not at all. */
const keptOps = ['set', 'regenerate'];

const encoder = new TextEncoder();
const bytesOf = (text) => encoder.encode(text).length;
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const stringOr = (value, otherwise) => (typeof value === 'string' ? value : otherwise);
/** What arrives of a value on the wire; throws for one that is no JSON. */
const plain = (value) => JSON.parse(JSON.stringify(value) ?? 'null');
/** Options that were not given are not sent. */
const given = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** Answers by the id of their query and by their stream, in the order of their beginning, and notifications. */
class Transcript {
  constructor() {
    this.forgotten = new Set();
    this.clear();
  }

  clear() {
    this.answers = [];
    this.notifications = [];
    this.byRef = new Map();
    this.byStream = new Map();
    this.chars = 0;
  }

  find(ref, stream) { return this.byRef.get(ref) ?? this.byStream.get(stream); }

  add(fields, at) {
    return this.insert({
      ref: null, stream: null, kind: 'query', own: false, question: null, text: '', have: 0, reasoning: '', reasoning_have: 0, status: null, error: null,
      accepted: false, position: 0, model: null, finish_reason: null, usage: null, meta: null, seq: null, ...fields,
    }, at);
  }

  insert(answer, at = this.answers.length) {
    this.answers.splice(at, 0, answer);
    if (answer.ref) this.byRef.set(answer.ref, answer);
    if (answer.stream) this.byStream.set(answer.stream, answer);
    this.chars += answer.text.length + answer.reasoning.length;
    this.trim();
    return answer;
  }

  /** True when the text was dropped, because the server began the answer anew. */
  bind(answer, ref, stream) {
    if (typeof ref === 'string' && answer.ref === null) {
      answer.ref = ref;
      this.byRef.set(ref, answer);
    }
    if (typeof stream !== 'string' || answer.stream === stream) return false;
    if (answer.stream) this.byStream.delete(answer.stream);
    answer.stream = stream;
    this.byStream.set(stream, answer);
    const isAnew = answer.text !== '';
    this.setText(answer, '', 0);
    return isAnew;
  }

  setText(answer, text, have) {
    const kept = text.length > limits.answerChars ? text.slice(0, limits.answerChars) : text;
    this.chars += kept.length - answer.text.length;
    answer.text = kept;
    answer.have = have;
  }

  setReasoning(answer, text, have) {
    const kept = text.length > limits.answerChars ? text.slice(0, limits.answerChars) : text;
    this.chars += kept.length - answer.reasoning.length;
    answer.reasoning = kept;
    answer.reasoning_have = have;
  }

  remove(answer) {
    const at = this.answers.indexOf(answer);
    if (at >= 0) this.answers.splice(at, 1);
    if (this.byRef.get(answer.ref) === answer) this.byRef.delete(answer.ref);
    if (this.byStream.get(answer.stream) === answer) this.byStream.delete(answer.stream);
    this.chars -= answer.text.length + answer.reasoning.length;
  }

  /** Frames that still come for these are not shown again. */
  forget(answer) {
    this.remove(answer);
    this.ignore(answer.ref, answer.stream);
  }

  /** Deltas carry the stream only, so it is taken from the first message that has both. */
  isForgotten(ref, stream) {
    if (this.byRef.has(ref) || !(this.forgotten.has(ref) || this.forgotten.has(stream))) return false;
    this.ignore(ref, stream);
    return true;
  }

  ignore(...names) {
    for (const name of names) if (typeof name === 'string') this.forgotten.add(name);
    for (const name of this.forgotten) {
      if (this.forgotten.size <= limits.forgotten) break;
      this.forgotten.delete(name);
    }
  }

  /** The oldest go, but never an answer of ours that is still awaited. */
  trim() {
    while (this.answers.length > limits.answers || this.chars > limits.transcriptChars) {
      const oldest = this.answers.slice(0, -1).find((each) => each.status !== null || !each.own);
      if (!oldest) break;
      this.remove(oldest);
    }
  }

  note(message) {
    this.notifications.push(message);
    if (this.notifications.length > limits.notifications) this.notifications.shift();
  }
}

/**
 * The protocol as a state machine. Every method that takes `now` (ms, monotonic) may add to `actions`:
 * {kind: 'connect'}, {kind: 'send', text}, {kind: 'close', code}, {kind: 'event', name, detail}, {kind: 'save'}, {kind: 'abort', call}.
 * Whoever owns it performs them in order, and calls `tick` at `deadline()`.
 */
export class ClientCore {
  constructor({ caps = ['delta'], client = 'js/1.0', tools = [], random = Math.random, newId }) {
    Object.assign(this, { caps: tools.length && !caps.includes('tools') ? [...caps, 'tools'] : caps, client, tools, random, newId });
    this.actions = [];
    this.state = 'idle';
    this.transcript = new Transcript();
    this.session = null; // {id, token, epoch}: what a resume needs
    this.transcriptOf = null; // the session that the transcript belongs to; outlives `session`
    this.lastSeq = 0;
    this.outbox = []; // {id, kind, text, bytes, sent}
    this.dropped = new Map(); // id -> what is known of answers of ours that the server sends again after a reset
    this.accepted = new Map(); // id -> the same, for queries that the server has and has not answered
    this.openBytes = 0;
    this.requests = new Map(); // id -> a request for a decision that is open as far as is known here
    this.listed = null; // ids of the requests in a welcome, until live
    this.calls = new Map(); // id -> {ref, result}: tools that run here; `result` is the id of the message that brings it
    this.limits = {};
    this.heartbeatMs = 25000;
    this.timeoutMs = 8000;
    this.attempts = 0;
    this.retryAt = 0;
    this.retryAfterMs = null;
    this.stoppedBy = null;
    this.changed = false; // since the last save
    this.resetConnection(0);
  }

  // ---- what the application does

  start(now) {
    if (this.state === 'idle' || this.state === 'stopped' || this.state === 'waiting') this.connect(now);
  }

  stop() {
    if (this.state === 'stopped') return;
    if (this.state !== 'idle' && this.state !== 'waiting') this.actions.push({ kind: 'close', code: 1000 });
    this.end(1000, 'Stopped by the application');
  }

  /** The network is back, or a person looks at the page: a short, still random wait replaces the rest of a long one. */
  hurry(now) {
    const soon = now + limits.backoffMinMs * (1 + this.random());
    if (this.state === 'waiting' && !this.retryAsked && this.retryAt > soon) this.retryAt = soon;
  }

  query(content, options = {}) {
    if (!(typeof content === 'string' && content.trim()) && !(Array.isArray(content) && content.length)) {
      throw new AgentWebSocketError('bad_message', 'Message content is required');
    }
    const { id = this.newId('q'), ...fields } = options;
    const message = { type: 'query', id, content, ...given(fields) };
    const former = this.transcript.byRef.get(id);
    if (former && former.status === null) throw new AgentWebSocketError('bad_message', `The id ${id} is in use`);
    this.keep(id, 'query', message, () => {
      if (former) this.transcript.remove(former);
      this.transcript.add({ ref: id, own: true, question: content, meta: fields.meta ?? null });
    });
    return id;
  }

  feedback(fields) {
    const { id = this.newId('f') } = fields;
    this.keep(id, 'feedback', { type: 'human_feedback', ...given(fields), id });
    return id;
  }

  decide(ref, decision, fields = {}) {
    const has = (name) => fields[name] !== undefined;
    if ((decision === 'edit' && !has('data')) || (decision === 'answer' && !has('data') && !has('content'))) {
      throw new AgentWebSocketError('bad_message', 'The decision needs data');
    }
    return this.feedback({ ...fields, ref, decision });
  }

  /** `outcome`: {data} or {error: words}. */
  toolResult(ref, outcome) {
    const call = this.calls.get(ref);
    if (!call || call.result !== null) throw new AgentWebSocketError('not_found', 'Nobody waits for that result');
    const id = this.newId('t');
    this.keep(id, 'tool_result', { type: 'command', op: 'tool_result', id, ref, ...outcome });
    call.result = id;
  }

  command(op, fields = {}) {
    const { id = this.newId(op.slice(0, 20)) } = fields;
    const message = { type: 'command', op, ...given(fields), id };
    if (op === 'regenerate') this.keep(id, op, message, () => this.transcript.add({ ref: id, own: true, kind: op }));
    else if (keptOps.includes(op)) this.keep(id, op, message);
    else if (this.state === 'live') this.send(message);
    else throw new AgentWebSocketError('not_live', 'Not connected', true);
    return id;
  }

  /** True when the cancel is on its way, or when nothing had been sent yet and the query is cancelled here. */
  cancel(ref) {
    const waits = this.outbox.find((item) => item.id === ref && !item.sent);
    if (waits) {
      this.drop(ref);
      const answer = this.transcript.byRef.get(ref);
      if (answer) this.finish(answer, 'cancelled', {});
      return true;
    }
    if (this.state !== 'live') return false;
    this.send({ type: 'command', op: 'cancel', id: this.newId('c'), ...given({ ref }) });
    return true;
  }

  /** Empties the transcript and withdraws what has not been sent. */
  forget() {
    for (const answer of [...this.transcript.answers]) {
      if (answer.status === null) this.transcript.forget(answer);
      this.drop(answer.ref);
    }
    this.transcript.clear();
    this.changed = true;
  }

  /** Another tab that watches the same session was given a newer token; ours is about to end. */
  adopt({ session_id: id, epoch, token }) {
    if (this.session?.id !== id || this.session.epoch !== epoch || typeof token !== 'string') return;
    this.session.token = token;
    this.changed = true;
  }

  // ---- what the connection does

  /** The socket is open; `token` is what the application gave for this attempt. */
  opened(token, now) {
    this.enter('catching_up');
    this.hello(now, token);
  }

  received(text, now) {
    if (typeof text !== 'string') return;
    if (text.length > limits.frameChars) return this.abandon(4000, now);
    this.lastFrameAt = now;
    this.pingAt = null;
    let message = null;
    try { message = JSON.parse(text); } catch { /* not for this client */ }
    if (isObject(message)) this.take(message, now);
  }

  /** The connection ended. `code` as in the close frame, 1006 when there was none. */
  closed(code, reason, now) {
    this.leaveLive(now);
    const stops = [1000, 1002, 1003, 1007, 1008, 1009].includes(code) || (code >= 4400 && code <= 4499);
    if (stops) return this.end(code, reason);
    if (code >= 4100 && code <= 4199) {
      this.session = null;
      this.changed = true;
    }
    this.wait(code, reason, now);
  }

  /** The attempt failed before the socket opened; `status` is that of HTTP, 0 when nobody knows. */
  refused(status, now) {
    if (status === 401 || status === 403) this.closed(4000 + status, 'Refused', now);
    else if (status === 400 || status === 404 || status === 426) this.end(status, 'There is no Agent WebSocket at this address');
    else this.closed(status === 429 || status === 503 ? 1013 : 1006, '', now);
  }

  /** No attempt is possible at all, for instance because the address is none. */
  impossible(reason) { this.end(0, reason); }

  // ---- time

  /** When `tick` is due; Infinity when nothing is. */
  deadline() {
    if (this.state === 'waiting') return this.retryAt;
    if (this.state === 'connecting' || this.awaitsWelcome) return this.welcomeBy;
    if (this.state !== 'catching_up' && this.state !== 'live') return Infinity;
    if (!this.heartbeatMs) return this.state === 'live' ? Infinity : this.lastFrameAt + limits.welcomeMs;
    return this.state === 'live' && this.pingAt === null ? this.lastFrameAt + this.heartbeatMs : this.deadAt();
  }

  tick(now) {
    if (now < this.deadline()) return;
    if (this.state === 'waiting') {
      this.connect(now);
    } else if (this.state === 'live' && !this.awaitsWelcome && this.pingAt === null) {
      this.pingAt = now; // browsers hide WebSocket pings, so silence is broken by a ping of our own
      this.send({ type: 'command', op: 'ping' });
    } else {
      this.abandon(4001, now);
    }
  }

  /** A timer may come late (a page in the background): only a ping that had its time and no answer is proof. */
  deadAt() {
    const silence = this.lastFrameAt + this.heartbeatMs + this.timeoutMs + limits.silenceSlackMs;
    return this.pingAt === null ? silence : Math.max(silence, this.pingAt + this.timeoutMs);
  }

  // ---- states

  enter(state, detail = {}) {
    const previous = this.state;
    this.state = state;
    if (state !== previous) this.tell('state', { state, previous, ...detail });
  }

  connect(now) {
    this.resetConnection(now);
    this.stoppedBy = null;
    this.enter('connecting');
    this.actions.push({ kind: 'connect' });
  }

  resetConnection(now) {
    this.resumeAsked = false;
    this.awaitsWelcome = false;
    this.welcomeBy = now + limits.welcomeMs;
    this.lastFrameAt = now;
    this.pingAt = null;
    this.liveSince = null;
    this.resyncs = 0; // in a row, without progress
    this.unacked = 0;
    this.retryAfterMs = null;
    this.retryAsked = false;
  }

  end(code, reason) {
    this.awaitsWelcome = false;
    this.stoppedBy = { code, reason };
    this.enter('stopped', { code, reason });
    this.tell('stopped', { code, reason });
  }

  leaveLive(now) {
    if (this.liveSince !== null && now - this.liveSince >= limits.steadyMs) this.attempts = 0;
    this.liveSince = null;
  }

  /** Full jitter, so that the clients of a server that fell over do not come back as one. */
  wait(code, reason, now) {
    if (code === 1013) this.attempts = Math.max(this.attempts, 4); // overload: do not add to it
    const { backoffMinMs, backoffMaxMs } = limits;
    let delay = Math.min(backoffMaxMs, backoffMinMs + this.random() * Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(this.attempts, 20)));
    this.retryAsked = (code === 1012 || code === 4003) && this.retryAfterMs !== null;
    if (this.retryAsked) delay = Math.max(backoffMinMs, Math.min(this.retryAfterMs, limits.retryAfterMaxMs) * (0.5 + this.random()));
    this.attempts += 1;
    this.awaitsWelcome = false;
    this.retryAt = now + delay;
    this.enter('waiting', { delay_ms: delay, code, reason });
  }

  /** A dead peer answers no close either, so nobody waits for it. */
  abandon(code, now) {
    this.actions.push({ kind: 'close', code });
    this.closed(1006, '', now);
  }

  // ---- hello, welcome, live

  hello(now, token) {
    const message = { type: 'command', op: 'hello', v: 1, client: this.client, caps: this.caps };
    if (this.tools.length) message.tools = this.tools;
    if (typeof token === 'string' && token) message.auth = { token };
    this.resumeAsked = this.session !== null;
    if (this.session) {
      message.session_id = this.session.id;
      message.resume = { token: this.session.token, epoch: this.session.epoch, last_seq: this.lastSeq };
      const kept = [...this.asked(), ...this.outbox];
      if (kept.length) message.outbox = kept.map((item) => item.id);
    }
    this.awaitsWelcome = true;
    this.welcomeBy = now + limits.welcomeMs;
    this.send(message);
  }

  /** Something is missing. Once, a hello on this socket brings it; if that brought nothing, another connection has to. */
  resync(now) {
    if (this.resyncs > 0 || !this.session) return this.abandon(4000, now);
    this.resyncs += 1;
    this.leaveLive(now);
    this.enter('catching_up');
    this.hello(now);
  }

  onWelcome(m, now) {
    // A socket is greeted with a new session before its hello is read; who resumes waits for the verdict.
    if (this.resumeAsked && (m.reason === 'new' || !this.awaitsWelcome)) return;
    if (typeof m.session_id !== 'string') return;
    this.awaitsWelcome = false;
    this.lastFrameAt = now;
    const epoch = this.session?.epoch, former = this.transcriptOf, isSame = former === m.session_id;
    const isRepeated = !this.resumeAsked && isSame && this.session?.epoch === m.epoch;
    this.session = { id: m.session_id, token: stringOr(m.resume_token, ''), epoch: stringOr(m.epoch, '') };
    this.transcriptOf = m.session_id;
    this.limits = m.limits ?? {};
    this.heartbeatMs = isCount(m.heartbeat_ms) ? m.heartbeat_ms : this.heartbeatMs;
    this.timeoutMs = isCount(m.timeout_ms) ? m.timeout_ms : this.timeoutMs;
    const position = isCount(m.seq) ? m.seq : 0;
    for (const id of Array.isArray(m.accepted) ? m.accepted : []) {
      this.accept(id);
      if (this.accepted.has(id)) this.accepted.get(id).again = false; // its end comes, or has come
    }
    if (isRepeated) this.lastSeq = Math.max(this.lastSeq, position);
    else if (m.recovered !== true || !this.resumeAsked) {
      this.lastSeq = position;
      if (former !== null) this.reset(m.reason ?? 'new', isSame);
    }
    for (const each of Array.isArray(m.active) ? m.active : []) {
      const answer = this.transcript.byRef.get(each?.ref);
      if (answer && answer.status === null) this.bind(answer, each.ref, each.stream);
    }
    // Before the first ack, which ends the former token.
    this.actions.push({ kind: 'save' });
    this.tell('welcome', { message: m, recovered: m.recovered === true });
    // Another server, or another life of it: its names mean something else.
    if (!isSame || epoch !== this.session.epoch) {
      this.dropRequests(() => true);
      this.endCalls(() => true);
    }
    if (!Array.isArray(m.pending_feedback)) return;
    this.listed = new Set(m.pending_feedback.map((request) => request?.id));
    for (const request of m.pending_feedback) this.onRequest(request, true);
  }

  /** The server could not go on from where we are: what it has comes again, what it lost has to be asked again. */
  reset(reason, isSame) {
    const { answers } = this.transcript;
    const open = answers.filter((answer) => answer.own && answer.status === null);
    const lost = answers.filter((answer) => answer.own && answer.error?.code === 'session_expired'); // no server knows of these any more
    const again = answers.filter((answer) => isSame && answer.own && answer.status !== null);
    this.dropped = new Map(again.map(({ ref, question, kind }) => [ref, { own: true, question, kind }]));
    this.transcript.clear();
    for (const answer of lost) this.transcript.insert(answer);
    for (const answer of open) {
      Object.assign(answer, { stream: null, text: '', have: 0, reasoning: '', reasoning_have: 0, accepted: false, position: 0 });
      this.transcript.insert(answer);
    }
    this.tell('reset', { reason, same_session: isSame });
    for (const { ref } of open) {
      if (!this.accepted.has(ref)) continue;
      if (isSame) {
        this.accepted.get(ref).again = true;
        continue;
      }
      const answer = this.transcript.byRef.get(ref);
      this.finish(answer, 'failed', { error: { code: 'session_expired', content: 'The session ended before the answer was complete.', retryable: true } });
    }
  }

  onLive(now) {
    if (this.awaitsWelcome || this.state !== 'catching_up') return;
    this.liveSince = now;
    this.dropped.clear();
    this.enter('live');
    this.acknowledge();
    if (this.listed) this.dropRequests((id) => !this.listed.has(id));
    this.listed = null;
    for (const item of [...this.asked(), ...this.outbox]) this.transmit(item);
  }

  /** Queries that the server has, but whose end may have been lost: asked again until it is here. */
  asked() { return [...this.accepted.values()].filter((item) => item.again); }

  acknowledge() {
    this.unacked = 0;
    this.send({ type: 'command', op: 'ack', seq: this.lastSeq });
  }

  // ---- messages

  take(m, now) {
    if (m.op === 'welcome' && m.type === 'notification') return this.onWelcome(m, now);
    if (m.op === 'live' && m.type === 'status') return this.onLive(now);
    if (m.seq === undefined || m.seq === null) {
      if (this.awaitsWelcome && m.type !== 'status' && m.type !== 'error') return; // what came before the verdict counts for nothing
      return this.apply(m, now);
    }
    if (!Number.isSafeInteger(m.seq) || m.seq < 1 || this.awaitsWelcome) return;
    if (m.seq === this.lastSeq + 1) {
      this.lastSeq = m.seq;
      this.resyncs = 0;
      this.changed = true;
      this.apply(m, now);
      if (++this.unacked >= limits.ackEvery && this.state === 'live') this.acknowledge();
    } else if (this.answersRepeat(m)) {
      this.apply(m, now);
    } else if (m.seq > this.lastSeq) {
      this.resync(now);
    }
  }

  /** The server repeats an answer, under its old number, to who asks again with the same id. */
  answersRepeat(m) {
    const isTerminal = (m.type === 'response' && terminalPhases.includes(m.phase ?? 'full')) || m.type === 'error';
    return m.replay === true && isTerminal && this.transcript.byRef.get(m.ref)?.status === null;
  }

  apply(m, now) {
    if (m.type === 'response') return this.onResponse(m, now);
    if (m.type === 'status') return this.onStatus(m);
    if (m.type === 'error') return this.onError(m);
    if (m.type === 'human_feedback') return this.onRequest(m, !this.listed || this.listed.has(m.id));
    if (m.type !== 'notification') return;
    if (m.op === 'drain') return this.tell('status', { message: m });
    if (typeof m.content !== 'string' && m.data === undefined) return;
    this.transcript.note(m);
    this.changed = true;
    this.tell('notification', { message: m });
  }

  /** It may come three ways: live, by replay, in a welcome. `open` is false for one that was decided meanwhile. */
  onRequest(request, open) {
    const id = request?.id;
    if (typeof id !== 'string' || !validId.test(id) || this.requests.has(id)) return;
    if (this.requests.size >= limits.requests) this.requests.delete([...this.requests.keys()][0]);
    this.requests.set(id, request);
    this.tell('feedback_request', { request, open });
  }

  onResolved(id, { decision = null, reason = null }) {
    const request = this.requests.get(id);
    this.requests.delete(id);
    this.tell('feedback_resolved', { id, decision, reason, request });
  }

  /** The server does not know of these any more. */
  dropRequests(isGone) {
    for (const id of [...this.requests.keys()]) if (isGone(id)) this.onResolved(id, { reason: 'gone' });
  }

  onTool(m) {
    if (this.awaitsWelcome) return; // of a session that will be thrown away
    const answer = this.transcript.byRef.get(m.ref) ?? null, tool = { ...m.tool, call: stringOr(m.tool.call, m.id) };
    if (tool.state === 'done' || tool.state === 'failed') this.endCalls((id) => id === tool.call);
    this.tell('tool', { tool, message: m, answer });
    if (typeof m.id !== 'string' || !validId.test(m.id) || tool.state !== 'calling') return;
    // It comes again after a reconnect, and perhaps a reload, but must not run twice.
    const isAnswered = this.outbox.some((item) => item.kind === 'tool_result' && JSON.parse(item.text).ref === m.id);
    if (this.calls.has(m.id) || isAnswered) return;
    const [oldest] = this.calls.keys();
    if (this.calls.size >= limits.toolCalls) this.endCalls((id) => id === oldest);
    this.calls.set(m.id, { ref: m.ref, result: null });
    this.tell('tool_call', { call: { id: m.id, ref: m.ref, name: stringOr(tool.name, ''), arguments: tool.arguments ?? {} }, answer });
  }

  /** Nobody waits for these any more. */
  endCalls(isOver) {
    for (const [id, call] of [...this.calls]) {
      if (!isOver(id, call)) continue;
      this.calls.delete(id);
      if (call.result === null) this.actions.push({ kind: 'abort', call: id });
      else this.drop(call.result);
    }
  }

  /** The server has taken or refused the message with that id: true when it brought the result of a tool. */
  settleResult(id) {
    if (this.outbox.find((item) => item.id === id)?.kind !== 'tool_result') return false;
    this.drop(id);
    for (const [call, { result }] of this.calls) if (result === id) this.calls.delete(call);
    this.changed = true;
    return true;
  }

  onStatus(m) {
    if (m.op === 'tool' && isObject(m.tool)) return this.onTool(m);
    if (m.op === 'feedback_resolved' && this.requests.has(m.ref)) return this.onResolved(m.ref, m);
    if (m.op === 'ack' && this.settleResult(m.ref)) return;
    const answer = this.transcript.byRef.get(m.ref);
    const item = this.outbox.find((each) => each.id === m.ref);
    if (m.op === 'ack' || (item && item.kind !== 'query' && item.kind !== 'regenerate')) this.accept(m.ref); // a reply is proof as well
    // It had it before, so its end, which is sent behind, is on no log: until it is here, it is asked again.
    if (m.op === 'ack' && m.duplicate === true && this.accepted.has(m.ref)) this.accepted.get(m.ref).again = true;
    if (answer && answer.status === null) {
      this.bind(answer, m.ref, m.stream);
      if (isCount(m.position)) answer.position = m.position;
    }
    if (m.op === 'drain' && isCount(m.retry_after_ms)) this.retryAfterMs = m.retry_after_ms;
    if (m.op === 'auth_expiring') this.actions.push({ kind: 'renew' });
    this.tell('status', { message: m, answer: answer ?? null });
  }

  onError(m) {
    const answer = this.transcript.byRef.get(m.ref);
    if (this.settleResult(m.ref) && m.code === 'not_found') return; // it came too late to be of use
    this.drop(m.ref);
    if (answer && answer.status === null) this.finish(answer, 'failed', { ...m, content: undefined, error: m });
    this.tell('error', { message: m, answer: answer ?? null });
  }

  onResponse(m, now) {
    const { transcript } = this, phase = m.phase ?? (typeof m.content === 'string' ? 'full' : '');
    if (!phases.includes(phase) || (typeof m.ref !== 'string' && typeof m.stream !== 'string')) return;
    if (transcript.isForgotten(m.ref, m.stream)) return;
    const known = transcript.find(m.ref, m.stream);
    if (known && known.status !== null) return;
    const answer = known ?? this.addTold(m);
    this.bind(answer, m.ref, m.stream);
    if (typeof m.model === 'string') answer.model = m.model;
    if (phase === 'start') this.tell('status', { message: m, answer });
    else if (phase === 'delta' || phase === 'snapshot') this.onPiece(answer, m, now);
    else if (phase === 'reasoning') this.onReasoning(answer, m);
    else this.finish(answer, endings.includes(m.status) ? m.status : 'completed', m);
  }

  /** An answer that was not asked for here, or long ago; one that is replayed comes before what is still open. */
  addTold(m) {
    const { transcript } = this, firstOpen = transcript.answers.findIndex((each) => each.own && each.status === null);
    const fields = { ref: stringOr(m.ref, null), stream: stringOr(m.stream, null), ...this.dropped.get(m.ref) };
    return transcript.add(fields, m.replay === true && firstOpen >= 0 ? firstOpen : undefined);
  }

  bind(answer, ref, stream) {
    if (this.transcript.bind(answer, ref, stream)) this.tell('text', { answer, text: '', appended: null });
  }

  /** Drop what is known, replace from the start, append what follows, never paper over a hole. */
  onPiece(answer, { idx, n, content }, now) {
    if (!isCount(idx) || !isCount(n) || typeof content !== 'string') return;
    if (idx + n <= answer.have) return;
    if (idx === 0) this.write(answer, content, n);
    else if (idx === answer.have) this.write(answer, answer.text + content, idx + n, content);
    else return this.resync(now);
    this.resyncs = 0;
  }

  /** By a count of its own. What begins at 0 is all that counts; nothing else mends a hole. */
  onReasoning(answer, { idx, n, content }) {
    if (!isCount(idx) || !isCount(n) || typeof content !== 'string') return;
    const have = idx === 0 ? 0 : answer.reasoning_have;
    if (idx !== have || n === 0) return;
    const former = answer.reasoning, text = idx === 0 ? content : former + content;
    const appended = text.startsWith(former) ? text.slice(former.length) : null;
    this.transcript.setReasoning(answer, text, idx + n);
    this.changed = true;
    if (appended !== '') this.tell('reasoning', { answer, text: answer.reasoning, appended });
  }

  write(answer, text, have, appended = text.startsWith(answer.text) ? text.slice(answer.text.length) : null) {
    if (text === answer.text && have === answer.have) return;
    const isNew = text !== answer.text;
    this.transcript.setText(answer, text, have);
    this.changed = true;
    if (isNew) this.tell('text', { answer, text: answer.text, appended });
  }

  /** The only place where an answer ends, so that it ends once. */
  finish(answer, status, m) {
    if (answer.status !== null) return;
    if (typeof m.content === 'string' && m.content) this.write(answer, m.content, isCount(m.n) ? m.n : answer.have);
    answer.status = status;
    answer.accepted = true;
    answer.position = 0;
    if (status === 'failed') {
      const why = m.error ?? {};
      answer.error = given({
        code: stringOr(why.code, 'internal'), content: stringOr(why.content, 'Failed to generate response.'), retryable: why.retryable === true,
        retry_after_ms: isCount(why.retry_after_ms) ? why.retry_after_ms : undefined,
      });
    }
    for (const name of ['model', 'finish_reason', 'usage', 'meta', 'seq']) if (m[name] !== undefined) answer[name] = m[name];
    this.drop(answer.ref);
    this.endCalls((id, { ref }) => ref === answer.ref);
    this.changed = true;
    this.transcript.trim();
    this.tell('answer', { answer, message: m });
  }

  // ---- sending

  tell(name, detail) { this.actions.push({ kind: 'event', name, detail }); }

  send(message) { this.actions.push({ kind: 'send', text: JSON.stringify(message) }); }

  transmit(item) {
    item.sent = true;
    this.actions.push({ kind: 'send', text: item.text });
  }

  /** Takes a message into the outbox, or throws and has changed nothing. */
  keep(id, kind, message, onKept = () => {}) {
    if (!validId.test(id)) throw new AgentWebSocketError('bad_message', 'An id has 1 to 64 characters of A-Z a-z 0-9 _ . : -');
    if (this.outbox.some((item) => item.id === id)) throw new AgentWebSocketError('bad_message', `The id ${id} is in use`);
    const text = JSON.stringify(message), bytes = bytesOf(text);
    if (this.limits.max_message_bytes > 0 && bytes > this.limits.max_message_bytes) {
      throw new AgentWebSocketError('too_large', `The message has ${bytes} bytes; the server takes ${this.limits.max_message_bytes}`);
    }
    const waiting = this.outbox.reduce((sum, item) => sum + item.bytes, bytes);
    if (this.outbox.length >= limits.outboxMessages || waiting > limits.outboxBytes) {
      throw new AgentWebSocketError('outbox_full', 'Too much waits to be sent', true);
    }
    if (this.accepted.size >= limits.openQueries || this.openBytes + bytes > limits.openBytes) {
      throw new AgentWebSocketError('outbox_full', 'Too many answers are awaited', true);
    }
    const item = { id, kind, text, bytes, sent: false };
    this.outbox.push(item);
    this.changed = true;
    onKept();
    if (this.state === 'live') this.transmit(item);
  }

  /** The server has it: no need to send it again on this session. */
  accept(id) {
    const at = this.outbox.findIndex((item) => item.id === id);
    if (at < 0) return;
    const [item] = this.outbox.splice(at, 1);
    this.changed = true;
    const answer = this.transcript.byRef.get(id);
    if (!answer || answer.status !== null) return;
    answer.accepted = true;
    this.accepted.set(id, item);
    this.openBytes += item.bytes;
  }

  unaccept(id) {
    this.openBytes -= this.accepted.get(id)?.bytes ?? 0;
    this.accepted.delete(id);
  }

  drop(id) {
    this.unaccept(id);
    const at = this.outbox.findIndex((item) => item.id === id);
    if (at >= 0) this.outbox.splice(at, 1);
  }

  // ---- across a reload

  /** One value, so that position and transcript always belong together. A text that has grown since is sent again. */
  snapshot() {
    const answers = [];
    let room = limits.storedChars;
    for (const answer of [...this.transcript.answers].reverse()) {
      room -= JSON.stringify(answer).length;
      if (room > 0 || (answer.own && answer.status === null)) answers.unshift(answer);
    }
    const bare = ({ id, kind, text, again }) => ({ id, kind, text, ...(again && { again }) });
    return {
      v: 1, session: this.session, transcript_of: this.transcriptOf, last_seq: this.lastSeq, outbox: this.outbox.map(bare),
      accepted: [...this.accepted.values()].map(bare), answers, notifications: this.transcript.notifications.slice(-20), forgotten: [...this.transcript.forgotten],
    };
  }

  /** Before `start`. What is not a snapshot of ours is ignored. */
  restore(kept) {
    if (kept?.v !== 1 || !isCount(kept.last_seq) || ![kept.outbox, kept.accepted, kept.answers, kept.notifications, kept.forgotten].every(Array.isArray)) return false;
    if (typeof kept.session?.id === 'string') this.session = kept.session;
    this.transcriptOf = kept.transcript_of ?? null;
    this.lastSeq = kept.last_seq;
    for (const name of kept.forgotten) this.transcript.forgotten.add(name);
    for (const answer of kept.answers) this.transcript.add(answer);
    for (const message of kept.notifications) this.transcript.note(message);
    // It may be on the server already: only a hello can tell, so it counts as sent.
    const item = (each) => ({ ...each, bytes: bytesOf(each.text), sent: true });
    this.outbox = kept.outbox.map(item);
    for (const each of kept.accepted.map(item)) {
      this.accepted.set(each.id, each);
      this.openBytes += each.bytes;
    }
    return true;
  }
}

const systemClock = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  random: () => Math.random(),
};

/** Random, because an id is an idempotency key and another tab may watch the same session. */
function idMaker() {
  const bytes = new Uint8Array(6);
  if (globalThis.crypto) crypto.getRandomValues(bytes);
  else bytes.forEach((_, i) => { bytes[i] = Math.random() * 256; }); // node 18; an id is no secret
  const stem = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  let count = 0;
  return (kind) => `${kind}-${stem}-${++count}`;
}

/** One session with an agent, over as many connections as it takes. See agent-websocket.d.ts for options and events. */
export class AgentWebSocket {
  #options;
  #clock;
  #core;
  #socket = null;
  #attempt = 0;
  #renewing = 0; // the attempt of the connection whose new token is awaited
  #timer = null;
  #timerAt = Infinity;
  #saveTimer = null;
  #isPerforming = false;
  #listeners = new Map();
  #outcomes = new Map();
  #channel = null;
  #running = new Map(); // id of a call -> AbortController
  #save = () => this.save();

  /**
   * @param {object} options
   * @param {string} options.url  ws: or wss:, without a token in it
   * @param {string[]} [options.caps]  what the application can show: 'delta' (the default; streamed answers), 'reasoning', 'feedback'
   * @param {object} [options.tools]  name -> {description, parameters (JSON Schema), run: async (args, {signal, call}) => result}: what the
   *   model may call here. What `run` throws is told to the model, as words; `signal` is aborted when nobody waits any more.
   * @param {() => (string | Promise<string>)} [options.token]  asked before each attempt
   * @param {Function} [options.WebSocket]  the global one, or for instance that of the package ws
   * @param {{getItem: Function, setItem: Function, removeItem: Function}} [options.storage]  e.g. sessionStorage: survives a reload
   * @param {string} [options.storageKey]
   * @param {object} [options.clock]  {now, setTimeout, clearTimeout, random}, for tests
   */
  constructor(options) {
    this.#options = { WebSocket: globalThis.WebSocket, storageKey: `agent-websocket:${options.url}`, ...options };
    if (typeof this.#options.WebSocket !== 'function') throw new TypeError('There is no WebSocket here: pass one as option');
    this.#clock = { ...systemClock, ...options.clock };
    this.#core = this.#load();
  }

  get state() { return this.#core.state; }
  get sessionId() { return this.#core.session?.id ?? null; }
  get lastSeq() { return this.#core.lastSeq; }
  /** What the server said about its limits in the last welcome. */
  get limits() { return this.#core.limits; }
  /** {code, reason} of why it stopped, or null. */
  get stopped() { return this.#core.stoppedBy; }
  /** Failed attempts since it was live for a while. */
  get attempts() { return this.#core.attempts; }
  /** Milliseconds to the next attempt, 0 when none waits. */
  get retryInMs() { return this.state === 'waiting' ? Math.max(0, this.#core.retryAt - this.#clock.now()) : 0; }
  /** {answers, notifications}, oldest first; to be read, not changed. */
  get transcript() { return this.#core.transcript; }
  /** Ids of what waits to be taken by the server. */
  get outbox() { return this.#core.outbox.map((item) => item.id); }
  /** Requests for a decision that are open, oldest first. */
  get requests() { return [...this.#core.requests.values()]; }

  /** The answer to that query, or of that stream. */
  answer(name) { return this.#core.transcript.find(name, name) ?? null; }

  /** Connects, at once also when it was waiting. */
  start() {
    this.#watchTabs();
    this.#step((core, now) => core.start(now));
  }

  /** Closes the connection. The session goes on at the server for a while, and `start` resumes it. */
  stop() {
    this.#step((core) => core.stop());
    this.save();
    this.#channel?.close();
    this.#channel = null;
    globalThis.removeEventListener?.('pagehide', this.#save);
  }

  /** For the events `online` and `visibilitychange` of a page. */
  hurry() {
    this.#step((core, now) => {
      core.tick(now);
      core.hurry(now);
    });
  }

  /**
   * Asks. Gives the id of the query; waits in the outbox while there is no connection.
   * @throws {AgentWebSocketError} at once: outbox_full, too_large, bad_message
   */
  query(content, options) { return this.#step((core) => core.query(content, options)); }

  /** Cancels that query, without `ref` the running one. False when it cannot be done now. */
  cancel(ref) { return this.#step((core) => core.cancel(ref)); }

  /** A decision on a request, or a judgement of an answer: {ref, decision, data, rating, content, correction, id}. Gives its id. */
  feedback(fields) { return this.#step((core) => core.feedback(fields)); }

  /**
   * Decides on a request: 'approve', 'reject' (`content`: why, for the model), 'edit' (`data`: other arguments) or 'answer' (`content` or
   * `data`: the result in place of running it, or the answer to the question). Gives the id of the decision, for `outcome`.
   */
  decide(ref, decision, fields) { return this.#step((core) => core.decide(ref, decision, fields)); }

  /** The result of a tool that has no `run`, see the event tool_call. Throws not_found when nobody waits for it. */
  toolResult(call, data) { this.#step((core) => core.toolResult(call, { data: plain(data) })); }

  /** Why there is none, in words for the model. */
  toolError(call, words) { this.#step((core) => core.toolResult(call, { error: String(words) || 'The tool failed' })); }

  /** Any command, for instance ('set', {data: {...}}). Gives its id; throws not_live for those that are not kept. */
  command(op, fields) {
    if (this.#socket?.bufferedAmount > limits.bufferedBytes) throw new AgentWebSocketError('not_live', 'The connection is too slow', true);
    return this.#step((core) => core.command(op, fields));
  }

  /** A command and the message that answers it. */
  async request(op, fields, options) {
    return this.outcome(this.command(op, fields), { replies: !['cancel', 'auth', 'tool_result'].includes(op), ...options });
  }

  /**
   * What the server says to what was sent with that id: its acknowledgement or, with `replies`, the message after it. Rejects with the
   * server's error, after `timeoutMs`, and for what is not kept when the connection is lost.
   */
  outcome(id, { replies = false, timeoutMs = limits.outcomeMs } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#outcomes.size >= limits.outcomes) return reject(new AgentWebSocketError('outbox_full', 'Too many replies are awaited', true));
      const settle = (done, value) => {
        this.#clock.clearTimeout(entry.timer);
        this.#outcomes.delete(id);
        done(value);
      };
      const entry = { replies, ack: null, resolve: (m) => settle(resolve, m), reject: (error) => settle(reject, error), timer: null };
      entry.timer = this.#clock.setTimeout(() => {
        if (entry.ack) entry.resolve(entry.ack);
        else entry.reject(new AgentWebSocketError('no_answer', 'The server did not answer', true));
      }, timeoutMs);
      this.#outcomes.set(id, entry);
    });
  }

  /** Empties the transcript here and withdraws what was not sent; the server's memory is emptied by command('clear'). */
  forget() {
    this.#step((core) => core.forget());
    this.save();
  }

  /**
   * Listens to state, welcome, text, reasoning, answer, tool, tool_call, feedback_request, feedback_resolved, notification, status, error,
   * reset, stopped. Gives the way to stop that.
   */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.off(name, listener);
  }

  off(name, listener) { this.#listeners.get(name)?.delete(listener); }

  /** Writes what a reload needs. Happens by itself. */
  save() {
    const { storage, storageKey } = this.#options;
    if (!storage) return;
    this.#clock.clearTimeout(this.#saveTimer);
    this.#saveTimer = null;
    this.#core.changed = false;
    try {
      storage.setItem(storageKey, JSON.stringify(this.#core.snapshot()));
    } catch { // full or forbidden: an old position is worse than none
      try { storage.removeItem(storageKey); } catch { /* forbidden */ }
    }
  }

  // ---- between the core and the world

  #load() {
    const { storage, storageKey, caps, client } = this.#options;
    const tools = Object.entries(this.#options.tools ?? {}).map(([name, { description, parameters }]) => given({ name, description, parameters }));
    const make = () => new ClientCore(given({ caps, client, tools, random: this.#clock.random, newId: idMaker() }));
    const core = make();
    try {
      if (storage) core.restore(JSON.parse(storage.getItem(storageKey) ?? 'null'));
      return core;
    } catch { // forbidden, or not ours, of which a half is not taken either
      return make();
    }
  }

  /** A duplicated tab copies the storage: both then watch one session, but the resume token is rotated under whoever came first. */
  #watchTabs() {
    if (!this.#options.storage || this.#channel) return;
    globalThis.addEventListener?.('pagehide', this.#save);
    if (typeof BroadcastChannel !== 'function') return;
    this.#channel = new BroadcastChannel(this.#options.storageKey);
    this.#channel.unref?.();
    this.#channel.onmessage = ({ data }) => this.#step((core) => core.adopt(data ?? {}));
  }

  #step(change) {
    try {
      return change(this.#core, this.#clock.now());
    } finally {
      this.#perform();
    }
  }

  /** A listener may call the client again: what that adds is performed by the loop that is under way. */
  #perform() {
    if (this.#isPerforming) return;
    this.#isPerforming = true;
    const { actions } = this.#core;
    try {
      while (actions.length) this.#act(actions.shift());
    } finally {
      this.#isPerforming = false;
    }
    this.#schedule();
  }

  #act({ kind, text, code, name, detail, call }) {
    if (kind === 'send') this.#send(text);
    else if (kind === 'event' && name === 'tool_call') this.#onCall(detail);
    else if (kind === 'event') this.#tell(name, detail);
    else if (kind === 'abort') this.#running.get(call)?.abort();
    else if (kind === 'connect') this.#connect();
    else if (kind === 'renew') this.#renew();
    else if (kind === 'close') this.#close(code);
    else if (kind === 'save') this.#saveWelcome();
  }

  #onCall(detail) {
    const { id, name } = detail.call, tools = this.#options.tools ?? {};
    const run = Object.hasOwn(tools, name) ? tools[name].run : undefined;
    if (run) this.#run(detail.call, run);
    else if (this.#listeners.get('tool_call')?.size) this.#tell('tool_call', detail);
    else this.#answerCall(id, { error: `There is no tool ${name} here` });
  }

  #answerCall(id, ...outcomes) {
    for (const outcome of outcomes) {
      try {
        return this.#step((core) => core.toolResult(id, outcome));
      } catch (error) { // nobody waits, or it is too large, or too much waits to be sent
        if (error.code === 'not_found') return;
      }
    }
  }

  async #run(call, run) {
    const controller = new AbortController(), { signal } = controller;
    this.#running.set(call.id, controller);
    let outcome;
    try {
      outcome = { data: plain(await run(call.arguments, { signal, call })) };
    } catch (error) {
      outcome = { error: String(error?.message ?? error) || 'The tool failed' };
    }
    if (this.#running.get(call.id) === controller) this.#running.delete(call.id);
    if (!signal.aborted) this.#answerCall(call.id, outcome, { error: 'The result is too large to be sent' });
  }

  #saveWelcome() {
    this.save();
    const { session } = this.#core;
    this.#channel?.postMessage({ session_id: session.id, epoch: session.epoch, token: session.token });
  }

  #schedule() {
    const { storage } = this.#options;
    if (storage && this.#core.changed && this.#saveTimer === null) this.#saveTimer = this.#clock.setTimeout(() => this.save(), limits.saveMs);
    const at = this.#core.deadline();
    if (at === this.#timerAt) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Infinity) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timerAt = Infinity;
      this.#step((core, now) => core.tick(now));
    }, Math.max(0, at - this.#clock.now()));
  }

  #connect() {
    const attempt = ++this.#attempt, { token } = this.#options;
    const isCurrent = () => attempt === this.#attempt;
    if (!token) return this.#open(undefined);
    new Promise((resolve) => resolve(token())).then(
      (value) => { if (isCurrent()) this.#open(value); },
      (error) => {
        if (!isCurrent()) return;
        this.#tell('error', { message: { type: 'error', code: 'unauthorized', content: String(error?.message ?? error), retryable: true }, answer: null });
        this.#step((core, now) => core.refused(0, now));
      });
  }

  /** The token of this connection ends soon. Without a new one the server closes it, and the next attempt asks again. */
  #renew() {
    const attempt = this.#attempt, { token } = this.#options;
    if (!token || this.#renewing === attempt) return;
    this.#renewing = attempt;
    const done = (value) => {
      if (this.#renewing === attempt) this.#renewing = 0;
      if (attempt === this.#attempt && this.#socket && typeof value === 'string' && value) this.#step((core) => core.send({ type: 'command', op: 'auth', auth: { token: value } }));
    };
    new Promise((resolve) => resolve(token())).then(done, () => done(null));
  }

  #open(token) {
    let socket;
    try {
      socket = new this.#options.WebSocket(this.#options.url);
    } catch (error) {
      this.#step((core) => core.impossible(String(error?.message ?? error)));
      return;
    }
    this.#socket = socket;
    let isOpen = false, status = 0;
    /** Late events of a socket that was given up are nobody's business. */
    const listen = (name, handler) => socket.addEventListener(name, (event) => { if (socket === this.#socket) handler(event); });
    const ended = (change) => {
      this.#socket = null;
      this.#loseOutcomes();
      this.#step(change);
    };
    listen('open', () => {
      isOpen = true;
      this.#step((core, now) => core.opened(token, now));
    });
    listen('message', (event) => this.#step((core, now) => core.received(event.data, now)));
    listen('error', () => {}); // a close follows
    listen('close', (event) => {
      ended((core, now) => (isOpen ? core.closed(event.code, event.reason, now) : core.refused(status, now)));
    });
    // The package ws tells the status of a refusal; a browser does not.
    socket.on?.('unexpected-response', (request, response) => {
      status = response.statusCode;
      request.destroy();
      if (socket === this.#socket) ended((core, now) => core.refused(status, now));
    });
  }

  #send(text) {
    try { this.#socket?.send(text); } catch { /* not open any more: its close is on the way */ }
  }

  #close(code) {
    const socket = this.#socket;
    this.#socket = null;
    this.#attempt += 1; // a token that is still awaited is not used
    this.#loseOutcomes();
    try { socket?.close(code); } catch { /* was not open */ }
  }

  #tell(name, detail) {
    if (name === 'status' || name === 'error') this.#settle(name, detail.message);
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(detail);
      } catch (error) { // costs this call, not the session
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }

  #settle(name, message) {
    const entry = this.#outcomes.get(message.ref);
    if (!entry) return;
    if (name === 'error') entry.reject(new AgentWebSocketError(message.code, stringOr(message.content, 'Refused'), message.retryable === true));
    else if (message.op === 'ack' && entry.replies) entry.ack = message;
    else entry.resolve(message);
  }

  #loseOutcomes() {
    for (const [id, entry] of [...this.#outcomes]) {
      if (this.#core.outbox.some((item) => item.id === id)) continue;
      if (entry.ack) entry.resolve(entry.ack);
      else entry.reject(new AgentWebSocketError('connection_lost', 'The connection was lost', true));
    }
  }
}
