// SPDX-License-Identifier: MIT
//
// What the scripts cannot say about the JavaScript client: the storage that outlives a reload, a second tab, replies to commands,
// listeners that fail, and what it bounds.
import assert from 'node:assert/strict';
import { AgentWebSocket, limits } from '../../examples/web/agent-websocket.js';
import { Network, VirtualClock, settled } from './fakes.mjs';

class MemoryStorage {
  items = new Map();
  isFull = false;
  getItem(key) { return this.items.get(key) ?? null; }
  setItem(key, value) {
    if (this.isFull) throw new Error('quota');
    this.items.set(key, value);
  }
  removeItem(key) { this.items.delete(key); }
}

class World {
  constructor(options = {}) {
    this.clock = new VirtualClock();
    this.network = new Network();
    this.events = [];
    this.client = new AgentWebSocket({ url: 'ws://server.test/ws', WebSocket: this.network.socketClass(), clock: this.clock, ...options });
    for (const name of ['state', 'text', 'answer', 'error', 'reset', 'stopped', 'notification', 'reasoning', 'tool', 'tool_call', 'feedback_request', 'feedback_resolved']) {
      this.client.on(name, (detail) => this.events.push([name, detail]));
    }
  }
  get frames() { return this.network.frames; }
  accept() { this.network.current.happen('open'); }
  cut(code = 1006) { this.network.current.happen('close', { code, reason: '' }); }
  send(message) { this.network.current.happen('message', { data: JSON.stringify(message) }); }
  welcome(fields = {}) {
    this.send({ type: 'notification', op: 'welcome', session_id: 's1', resume_token: 't1', epoch: 'e1', seq: 0, recovered: false, reason: 'new', heartbeat_ms: 25000, timeout_ms: 8000, ...fields });
    this.send({ type: 'status', op: 'live' });
  }
  live(fields) {
    this.client.start();
    this.accept();
    this.welcome(fields);
    assert.equal(this.client.state, 'live');
    this.frames.length = 0;
    return this;
  }
  begin(id, text) {
    this.client.query('Hello', { id });
    this.send({ type: 'status', op: 'ack', ref: id, stream: `r_${id}` });
    this.send({ type: 'response', seq: this.client.lastSeq + 1, ref: id, stream: `r_${id}`, phase: 'start', model: 'm' });
    this.send({ type: 'response', stream: `r_${id}`, phase: 'delta', idx: 0, n: 1, content: text });
  }
  told(name) { return this.events.filter(([each]) => each === name).map(([, detail]) => detail); }
}

const tests = {
  async 'a reload: position, transcript, what was accepted and what was not'() {
    const storage = new MemoryStorage();
    const first = new World({ storage }).live();
    first.begin('q1', 'Hel');
    first.client.query('And then?', { id: 'q2' });
    first.client.stop();

    const second = new World({ storage });
    assert.deepEqual(second.client.transcript.answers.map(({ ref, question, text, status }) => [ref, question, text, status]),
      [['q1', 'Hello', 'Hel', null], ['q2', 'And then?', '', null]]);
    second.client.start();
    second.accept();
    assert.deepEqual(second.frames.shift(), { type: 'command', op: 'hello', v: 1, client: 'js/1.0', caps: ['delta'], session_id: 's1',
      resume: { token: 't1', epoch: 'e1', last_seq: 1 }, outbox: ['q2'] });
    second.send({ type: 'notification', op: 'welcome', session_id: 's1', resume_token: 't2', epoch: 'e1', seq: 1, recovered: true, reason: 'ok', accepted: [] });
    second.send({ type: 'response', seq: 2, ref: 'q1', stream: 'r_q1', phase: 'full', content: 'Hello you', status: 'completed', replay: true });
    second.send({ type: 'status', op: 'live', seq: 2 });
    assert.deepEqual(second.frames.map((frame) => frame.op ?? frame.id), ['ack', 'q2']);
    assert.equal(second.client.answer('q1').text, 'Hello you');
    assert.deepEqual(second.told('text').map(({ appended }) => appended), ['lo you']);
  },

  async 'the token of a welcome is stored before the ack that ends the former one'() {
    const storage = new MemoryStorage();
    const world = new World({ storage });
    world.client.start();
    world.accept();
    world.send({ type: 'notification', op: 'welcome', session_id: 's1', resume_token: 't7', epoch: 'e1', seq: 0, reason: 'new' });
    assert.equal(JSON.parse([...storage.items.values()][0]).session.token, 't7');
    assert.ok(!world.frames.some((frame) => frame.op === 'ack'));
    world.client.stop();
  },

  async 'a full storage leaves no old position behind, and a strange one is ignored'() {
    const storage = new MemoryStorage();
    const world = new World({ storage }).live();
    assert.equal(storage.items.size, 1);
    storage.isFull = true;
    world.begin('q1', 'a');
    await world.clock.advance(limits.saveMs);
    assert.equal(storage.items.size, 0);
    world.client.stop();
    for (const text of ['{', '[]', '{"v":1}', '{"v":1,"last_seq":0,"session":{"id":"s1"},"outbox":[null],"accepted":[],"answers":[],"notifications":[],"forgotten":[]}', '{"v":2,"last_seq":5}']) {
      storage.getItem = () => text;
      assert.equal(new World({ storage }).client.sessionId, null);
    }
  },

  async 'what is stored is bounded, and the newest answers are in it'() {
    const storage = new MemoryStorage();
    const world = new World({ storage }).live();
    for (let i = 1; i <= 8; ++i) world.send({ type: 'response', seq: i, ref: `x${i}`, stream: `r${i}`, phase: 'full', content: 'y'.repeat(200000), status: 'completed' });
    world.client.stop();
    const [text] = storage.items.values();
    assert.ok(text.length < limits.storedChars + 10000);
    const kept = JSON.parse(text).answers.map(({ ref }) => ref);
    assert.deepEqual(kept, ['x4', 'x5', 'x6', 'x7', 'x8']);
  },

  async 'another tab of the session was given a newer token: it is taken'() {
    const one = new World({ storage: new MemoryStorage(), storageKey: 'shared' }).live();
    const two = new World({ storage: new MemoryStorage(), storageKey: 'shared' }).live({ resume_token: 't2' });
    for (let i = 0; i < 20; ++i) await settled();
    one.cut();
    await one.clock.advance(1000);
    one.accept();
    assert.equal(one.frames.shift().resume.token, 't2');
    one.client.stop();
    two.client.stop();
  },

  async 'another tab asks: its answer is here as well, with no question'() {
    const world = new World().live();
    world.send({ type: 'response', seq: 1, ref: 'other', stream: 'r_1', phase: 'start' });
    world.send({ type: 'response', stream: 'r_1', phase: 'delta', idx: 0, n: 1, content: 'Hi' });
    world.send({ type: 'response', seq: 2, ref: 'other', stream: 'r_1', phase: 'end', n: 1, content: 'Hi', status: 'completed' });
    const { own, question, text, status } = world.client.answer('other');
    assert.deepEqual({ own, question, text, status }, { own: false, question: null, text: 'Hi', status: 'completed' });
    assert.equal(world.told('answer').length, 1);
  },

  async 'a gap: what comes again stands before what is open, with the question it had'() {
    const world = new World().live();
    world.begin('q1', 'a');
    world.send({ type: 'response', seq: 2, ref: 'q1', stream: 'r_q1', phase: 'end', n: 1, content: 'a', status: 'completed' });
    world.begin('q2', 'b');
    world.cut();
    await world.clock.advance(1000);
    world.accept();
    world.send({ type: 'notification', op: 'welcome', session_id: 's1', resume_token: 't2', epoch: 'e2', seq: 1, recovered: false, reason: 'epoch_changed', accepted: [] });
    assert.deepEqual(world.client.transcript.answers.map(({ ref, text }) => [ref, text]), [['q2', '']]);
    world.send({ type: 'response', seq: 2, ref: 'q1', stream: 'r_q1', phase: 'full', content: 'a', status: 'completed', replay: true });
    world.send({ type: 'response', seq: 3, ref: 'far', stream: 'r_far', phase: 'full', content: 'f', status: 'completed', replay: true });
    assert.deepEqual(world.client.transcript.answers.map(({ ref, own, question }) => [ref, own, question]),
      [['q1', true, 'Hello'], ['far', false, null], ['q2', true, 'Hello']]);
    world.frames.length = 0;
    world.send({ type: 'status', op: 'live', seq: 3 });
    assert.deepEqual(world.frames.map((frame) => frame.op ?? frame.id), ['ack', 'q2']);
  },

  async 'request: the reply and not the ack before it; refusal; no answer; a lost connection'() {
    const world = new World().live();
    const reply = world.client.request('info', { id: 'i1' });
    world.send({ type: 'status', op: 'ack', ref: 'i1' });
    world.send({ type: 'status', op: 'info', ref: 'i1', data: { model: 'm' } });
    assert.deepEqual((await reply).data, { model: 'm' });
    const refused = world.client.request('set', { id: 's1', data: {} });
    world.send({ type: 'error', ref: 's1', code: 'forbidden', content: 'No' });
    await assert.rejects(refused, { code: 'forbidden', message: 'No' });
    const silent = assert.rejects(world.client.request('help'), { code: 'no_answer' });
    await world.clock.advance(limits.outcomeMs);
    await silent;
    const lost = assert.rejects(world.client.request('history'), { code: 'connection_lost' });
    const kept = world.client.outcome(world.client.feedback({ id: 'f1', ref: 'r_1', rating: 1 }));
    world.cut();
    await lost;
    await assert.rejects(world.client.request('info'), { code: 'not_live' });
    await world.clock.advance(2000);
    world.accept();
    world.frames.length = 0;
    world.welcome({ recovered: true, reason: 'ok', resume_token: 't2' });
    assert.deepEqual(world.frames.map((frame) => frame.op ?? frame.type), ['ack', 'human_feedback']);
    world.send({ type: 'status', op: 'ack', ref: 'f1' });
    assert.equal((await kept).op, 'ack');
  },

  async 'forget: what still comes for an open answer is not shown, but counted'() {
    const world = new World().live();
    world.begin('q1', 'Hel');
    world.client.forget();
    world.send({ type: 'response', stream: 'r_q1', phase: 'delta', idx: 1, n: 1, content: 'lo' });
    world.send({ type: 'response', seq: 2, ref: 'q1', stream: 'r_q1', phase: 'end', n: 2, content: 'Hello', status: 'cancelled' });
    assert.equal(world.client.transcript.answers.length, 0);
    assert.equal(world.told('answer').length, 0);
    assert.equal(world.client.lastSeq, 2);
    world.begin('q2', 'a');
    assert.equal(world.client.answer('q2').text, 'a');
  },

  async 'hurry: a long wait becomes a short one, but not when the server said how long'() {
    const world = new World();
    world.client.start();
    for (let i = 0; i < 5; ++i) {
      world.network.current.refuse(0);
      await world.clock.advance(i < 4 ? 30000 : 0);
    }
    assert.ok(world.client.retryInMs > 2000);
    world.client.hurry();
    assert.equal(world.client.retryInMs, 750);
    const asked = new World().live();
    asked.send({ type: 'status', op: 'drain', retry_after_ms: 9000 });
    asked.cut(1012);
    asked.client.hurry();
    assert.equal(asked.client.retryInMs, 9000);
  },

  async 'a token that cannot be had is a failed attempt; a late one is not used after stop'() {
    let give;
    const answers = [() => Promise.reject(new Error('login server is down')), () => 'fresh', () => new Promise((resolve) => { give = resolve; })];
    const world = new World({ token: () => answers.shift()() });
    world.client.start();
    await settled();
    assert.equal(world.client.state, 'waiting');
    assert.equal(world.told('error')[0].message.content, 'login server is down');
    await world.clock.advance(750);
    world.accept();
    assert.deepEqual(world.frames.shift().auth, { token: 'fresh' });
    assert.ok(!world.network.current.url.includes('fresh'));
    world.cut();
    await world.clock.advance(2000);
    assert.equal(world.client.state, 'connecting');
    world.client.stop();
    give('late');
    await settled();
    assert.equal(world.network.attempts.length, 1);
    assert.equal(world.client.state, 'stopped');
  },

  async 'a listener that throws costs nothing but its call; one that asks is served'() {
    const world = new World().live(), reported = [];
    globalThis.reportError = (error) => reported.push(error.message);
    world.client.on('text', () => { throw new Error('mine'); });
    world.client.on('answer', ({ answer }) => { if (answer.ref === 'q1') world.client.query('Next', { id: 'q2' }); });
    world.begin('q1', 'a');
    world.send({ type: 'response', seq: 2, ref: 'q1', stream: 'r_q1', phase: 'end', n: 1, content: 'a', status: 'completed' });
    assert.deepEqual(reported, ['mine']);
    assert.deepEqual(world.frames.map((frame) => frame.id), ['q1', 'q2']);
  },

  async 'a tool with run: result, words of what it throws, what is no JSON, what is too large'() {
    const tools = {
      add: { description: 'Adds', parameters: { type: 'object' }, run: async ({ a, b }) => a + b },
      fail: { run() { throw new Error('no speaker'); } },
      nothing: { run: async () => undefined },
      date: { run: () => new Date(0) },
      cycle: { run: () => { const it = {}; it.it = it; return it; } },
      large: { run: () => 'x'.repeat(5000) },
    };
    const world = new World({ tools });
    world.client.start();
    world.accept();
    assert.deepEqual(world.frames[0].tools[0], { name: 'add', description: 'Adds', parameters: { type: 'object' } });
    assert.deepEqual(world.frames[0].caps, ['delta', 'tools']);
    world.welcome({ limits: { max_message_bytes: 1000 } });
    world.frames.length = 0;
    const outcomeOf = async (name, args = {}) => {
      world.send({ type: 'status', op: 'tool', id: `t_${name}`, ref: 'q1', tool: { call: `t_${name}`, name, arguments: args, state: 'calling' } });
      await settled();
      const { type, op, ref, id, ...outcome } = world.frames.shift();
      assert.deepEqual([type, op, ref], ['command', 'tool_result', `t_${name}`]);
      world.send({ type: 'status', op: 'ack', ref: id });
      return outcome;
    };
    assert.deepEqual(await outcomeOf('add', { a: 1, b: 2 }), { data: 3 });
    assert.deepEqual(await outcomeOf('fail'), { error: 'no speaker' });
    assert.deepEqual(await outcomeOf('nothing'), { data: null });
    assert.deepEqual(await outcomeOf('date'), { data: '1970-01-01T00:00:00.000Z' });
    assert.match((await outcomeOf('cycle')).error, /circular/i);
    assert.deepEqual(await outcomeOf('large'), { error: 'The result is too large to be sent' });
    assert.deepEqual(world.client.outbox, []);
    assert.deepEqual(world.told('tool_call'), []);
    assert.equal(world.told('tool').length, 6);
  },

  async 'a tool is told when nobody waits any more, and what it gives then is not sent'() {
    const signals = [], ends = [];
    const world = new World({ tools: { wait: { run: (args, { signal, call }) => { signals.push([call.id, signal]); return new Promise((resolve) => ends.push(resolve)); } } } }).live();
    const call = (id, state = 'calling', ref = 'q1') => world.send({ type: 'status', op: 'tool', ...(state === 'calling' && { id }), ref, tool: { call: id, name: 'wait', arguments: {}, state } });
    const aborted = () => signals.filter(([, signal]) => signal.aborted).map(([id]) => id);
    world.begin('q1', 'a');
    world.begin('q2', 'b');
    for (const [id, ref] of [['t_1', 'q1'], ['t_2', 'q1'], ['t_3', 'q2']]) call(id, 'calling', ref);
    assert.equal(signals.length, 3);
    world.frames.length = 0;
    call('t_1', 'failed');
    assert.deepEqual(aborted(), ['t_1']);
    world.send({ type: 'response', seq: 3, ref: 'q1', stream: 'r_q1', phase: 'end', n: 1, content: 'a', status: 'cancelled' });
    assert.deepEqual(aborted(), ['t_1', 't_2']);
    world.cut();
    await world.clock.advance(1000);
    world.accept();
    world.welcome({ recovered: true, reason: 'ok', seq: 3, resume_token: 't2' });
    assert.deepEqual(aborted(), ['t_1', 't_2']);
    world.frames.length = 0;
    for (const end of ends) end('done');
    await settled();
    assert.deepEqual(world.frames.map(({ op, ref, data }) => [op, ref, data]), [['tool_result', 't_3', 'done']]);
  },

  async 'another epoch: what the former call of that name gives is not sent for the new one'() {
    const ends = [];
    const world = new World({ tools: { wait: { run: () => new Promise((resolve) => ends.push(resolve)) } } }).live();
    const call = { type: 'status', op: 'tool', id: 't_1', ref: 'q1', tool: { call: 't_1', name: 'wait', arguments: {}, state: 'calling' } };
    world.send(call);
    world.cut();
    await world.clock.advance(1000);
    world.accept();
    world.welcome({ reason: 'epoch_changed', epoch: 'e2', resume_token: 't2' });
    world.send(call);
    world.frames.length = 0;
    ends[0]('old');
    await settled();
    assert.equal(world.frames.length, 0);
    ends[1]('new');
    await settled();
    const { id, data } = world.frames[0];
    assert.equal(data, 'new');
    world.send({ type: 'error', ref: id, code: 'not_found', content: 'Too late' });
    assert.deepEqual(world.told('error'), []);
    assert.deepEqual(world.client.outbox, []);
  },

  async 'a tool without run: the listener answers; without a listener the client does'() {
    const world = new World({ tools: { beep: {} } }).live();
    const call = { type: 'status', op: 'tool', id: 't_1', ref: 'q1', tool: { call: 't_1', name: 'beep', arguments: { times: 2 }, state: 'calling' } };
    world.send(call);
    assert.deepEqual(world.told('tool_call').map((each) => each.call), [{ id: 't_1', ref: 'q1', name: 'beep', arguments: { times: 2 } }]);
    assert.equal(world.frames.length, 0);
    world.client.toolError('t_1', 'no speaker');
    assert.equal(world.frames.shift().error, 'no speaker');
    assert.throws(() => world.client.toolResult('t_1', 1), { code: 'not_found' });
    const bare = new AgentWebSocket({ url: 'ws://server.test/ws', WebSocket: world.network.socketClass(), clock: world.clock, tools: { beep: {} } });
    bare.start();
    world.accept();
    world.welcome();
    world.frames.length = 0;
    world.send(call);
    assert.equal(world.frames.shift().error, 'There is no tool beep here');
    world.send({ ...call, id: 't_2', tool: { ...call.tool, call: 't_2', name: 'toString' } });
    assert.equal(world.frames.shift().error, 'There is no tool toString here');
  },

  async 'a reload: a result that waits is sent, and its call does not run again; an open call does'() {
    const storage = new MemoryStorage(), ran = [];
    const tools = { beep: { run: async (args, { call }) => { ran.push(call.id); return call.id === 't_1' ? 1 : new Promise(() => {}); } } };
    const call = (world, id) => world.send({ type: 'status', op: 'tool', id, ref: 'q1', tool: { call: id, name: 'beep', arguments: {}, state: 'calling' } });
    const first = new World({ storage, tools }).live();
    first.begin('q1', 'a');
    call(first, 't_1');
    call(first, 't_2');
    await settled();
    first.client.stop();
    const second = new World({ storage, tools });
    second.client.start();
    second.accept();
    second.frames.length = 0;
    second.send({ type: 'notification', op: 'welcome', session_id: 's1', resume_token: 't2', epoch: 'e1', seq: 1, recovered: true, reason: 'ok', accepted: [] });
    call(second, 't_1');
    call(second, 't_2');
    second.send({ type: 'status', op: 'live', seq: 1 });
    await settled();
    assert.deepEqual(ran, ['t_1', 't_2', 't_2']);
    assert.deepEqual(second.frames.map(({ op, ref }) => [op, ref]), [['ack', undefined], ['tool_result', 't_1']]);
    second.client.stop();
  },

  async 'a decision: its outcome is the ack, or why it does not count'() {
    const world = new World({ caps: ['delta', 'feedback'] }).live();
    world.send({ type: 'human_feedback', seq: 1, id: 'f_1', ref: 'q1', kind: 'approval', content: 'Run?', tool: { name: 'x', arguments: {} } });
    assert.equal(world.told('feedback_request')[0].request.tool.name, 'x');
    assert.equal(world.client.requests[0].id, 'f_1');
    const taken = world.client.outcome(world.client.decide('f_1', 'approve', { id: 'd1' }));
    world.send({ type: 'status', op: 'ack', ref: 'd1' });
    assert.equal((await taken).op, 'ack');
    const late = world.client.outcome(world.client.decide('f_1', 'reject', { content: 'no' }));
    const { id, ...sent } = world.frames.at(-1);
    assert.deepEqual(sent, { type: 'human_feedback', content: 'no', ref: 'f_1', decision: 'reject' });
    world.send({ type: 'error', ref: id, code: 'feedback_unknown', content: 'Decided already' });
    await assert.rejects(late, { code: 'feedback_unknown', message: 'Decided already' });
    assert.throws(() => world.client.decide('f_1', 'edit', { content: 'x' }), { code: 'bad_message' });
    assert.throws(() => world.client.decide('f_1', 'answer'), { code: 'bad_message' });
    world.send({ type: 'status', seq: 2, op: 'feedback_resolved', ref: 'f_1', decision: 'approve' });
    assert.deepEqual(world.told('feedback_resolved').map(({ id: of, decision, reason, request }) => [of, decision, reason, request.id]), [['f_1', 'approve', null, 'f_1']]);
    assert.deepEqual(world.client.requests, []);
  },

  async 'bounds: requests, calls, the reasoning of one answer'() {
    const world = new World({ caps: ['delta', 'reasoning'], tools: { beep: {} } }).live();
    for (let i = 1; i <= limits.requests + 5; ++i) world.send({ type: 'human_feedback', seq: i, id: `f_${i}`, kind: 'question', content: '?' });
    assert.equal(world.client.requests.length, limits.requests);
    assert.equal(world.client.requests[0].id, 'f_6');
    for (let i = 0; i < limits.toolCalls + 5; ++i) world.send({ type: 'status', op: 'tool', id: `t_${i}`, ref: 'q1', tool: { call: `t_${i}`, name: 'beep', state: 'calling' } });
    assert.throws(() => world.client.toolResult('t_4', 1), { code: 'not_found' });
    world.client.toolResult('t_5', 1);
    world.begin('long', '');
    const piece = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 6; ++i) world.send({ type: 'response', stream: 'r_long', phase: 'reasoning', idx: i, n: 1, content: piece });
    assert.equal(world.client.answer('long').reasoning.length, limits.answerChars);
  },

  async 'bounds: notifications, answers, the text of one answer, a frame'() {
    const world = new World().live();
    let seq = 0;
    for (let i = 0; i < limits.notifications + 5; ++i) world.send({ type: 'notification', seq: ++seq, content: `n${i}` });
    assert.equal(world.client.transcript.notifications.length, limits.notifications);
    assert.equal(world.client.transcript.notifications[0].content, 'n5');
    for (let i = 0; i < limits.answers + 5; ++i) world.send({ type: 'response', seq: ++seq, ref: `a${i}`, stream: `s${i}`, phase: 'full', content: 'x', status: 'completed' });
    assert.equal(world.client.transcript.answers.length, limits.answers);
    assert.equal(world.client.answer('a0'), null);
    world.begin('long', '');
    const piece = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 6; ++i) world.send({ type: 'response', stream: 'r_long', phase: 'delta', idx: i, n: 1, content: piece });
    assert.equal(world.client.answer('long').text.length, limits.answerChars);
    world.network.current.happen('message', { data: 'x'.repeat(limits.frameChars + 1) });
    assert.equal(world.client.state, 'waiting');
  },

  async 'without a WebSocket it says so; an address that is none stops it'() {
    assert.throws(() => new AgentWebSocket({ url: 'ws://server.test/', WebSocket: undefined }), /There is no WebSocket/);
    const world = new World({ WebSocket: class { constructor() { throw new SyntaxError('not an address'); } } });
    world.client.start();
    assert.deepEqual(world.told('stopped'), [{ code: 0, reason: 'not an address' }]);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${name}\n${error.stack}`);
  }
}
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
