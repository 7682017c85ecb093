// SPDX-License-Identifier: MIT
// The ES module of the client in node, on the package ws:
//   node resume_client.mjs PORT PATH cuts|reload|tabs|upgrade
// Between it and the server is a proxy that breaks the connection.
import { AgentWebSocket } from '../../examples/web/agent-websocket.js';
import { check, require, run } from './packages.mjs';
import { Proxy } from './proxy.mjs';

const [port, path, mode] = process.argv.slice(2);
const { WebSocket } = require('ws');
const proxy = await Proxy.before(Number(port));
const url = `ws://127.0.0.1:${proxy.port}${path}`;
const counted = (n) => Array.from({ length: n }, (_, i) => i + 1).join(' ');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class MemoryStorage {
  #items = new Map();
  getItem(key) { return this.#items.get(key) ?? null; }
  setItem(key, value) { this.#items.set(key, value); }
  removeItem(key) { this.#items.delete(key); }
  copy() {
    const twin = new MemoryStorage();
    for (const [key, value] of this.#items) twin.setItem(key, value);
    return twin;
  }
}

/** A client that is judged all the time: its texts only grow, every answer ends once, the session stays. */
class Watched {
  ends = new Map();
  shown = new Map();
  faults = [];
  constructor(options = {}) {
    this.client = new AgentWebSocket({ url, WebSocket, ...options });
    this.client.on('text', ({ answer, text, appended }) => {
      if (appended === null) this.faults.push(`"${text}" replaced "${this.shown.get(answer.ref)}"`);
      this.shown.set(answer.ref, text);
    });
    this.client.on('answer', ({ answer }) => this.ends.set(answer.ref, (this.ends.get(answer.ref) ?? 0) + 1));
    this.client.on('reset', ({ reason }) => this.faults.push(`reset: ${reason}`));
    this.client.start();
  }
  async until(condition, words, timeoutMs = 20000) {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      check(Date.now() < deadline, () => `${words} did not come; the client is ${this.client.state}`);
      await pause(5);
    }
  }
  async live() { await this.until(() => this.client.state === 'live', 'live'); }
  text(id) { return this.client.answer(id)?.text ?? ''; }
  async end(id, wanted) {
    await this.until(() => this.client.answer(id)?.status, `the end of ${id}`, 40000);
    const { status, text } = this.client.answer(id);
    check(status === 'completed', () => `${id} is ${status}`);
    check(text === wanted, () => `${id} has "${text}"`);
    check(this.ends.get(id) === 1, () => `${id} ended ${this.ends.get(id)} times`);
    check(this.faults.length === 0, () => this.faults.join('; '));
  }
}

const modes = {
  /** Ten cuts in one answer, two of them with a question of their own in the outbox. */
  async cuts() {
    const watched = new Watched(), { client } = watched;
    await watched.live();
    const session = client.sessionId;
    const id = client.query('count to 600');
    const asked = [];
    for (let round = 0; round < 10; ++round) {
      const had = watched.text(id).length;
      await watched.until(() => watched.text(id).length > had + 20, `more text in round ${round}`);
      proxy.down();
      await watched.until(() => client.state === 'waiting', 'the loss');
      if (round % 5 === 1) asked.push(client.query(`count to ${round + 2}`));
      await pause(20 * round);
      proxy.up();
      client.start(); // as a person who does not wait for the next attempt
      await watched.live();
      check(client.answer(id).status === null, () => `round ${round} came after the end of the answer`);
    }
    await watched.end(id, counted(600));
    await watched.end(asked[0], counted(3));
    await watched.end(asked[1], counted(8));
    check(client.sessionId === session, 'the session is another one');
    check(client.outbox.length === 0, () => `still in the outbox: ${client.outbox}`);
    check(watched.ends.size === 3, () => `${watched.ends.size} answers`);
  },

  /** A program that ends in mid-answer, and its successor. */
  async reload() {
    const storage = new MemoryStorage();
    const first = new Watched({ storage });
    await first.live();
    const before = first.client.query('count to 3');
    await first.end(before, counted(3));
    const id = first.client.query('count to 200');
    await first.until(() => first.text(id).length > 30, 'some text');
    const had = first.text(id);
    first.client.stop();
    await pause(300);
    const second = new Watched({ storage });
    check(second.text(before) === counted(3), 'the transcript is not there before the connection');
    check(second.text(id) === had, 'the unfinished text is not there before the connection');
    await second.end(id, counted(200));
    check(!second.ends.has(before), 'an answer that was there came again');
    check(second.client.sessionId === first.client.sessionId, 'the session is another one');
  },

  /** A copied storage: two sockets on one session, each with its own position. */
  async tabs() {
    const storage = new MemoryStorage();
    const one = new Watched({ storage });
    await one.live();
    const id = one.client.query('count to 200');
    await one.until(() => one.text(id).length > 30, 'some text');
    one.client.save();
    const two = new Watched({ storage: storage.copy() });
    await two.live();
    for (let round = 0; round < 3; ++round) {
      proxy.down();
      for (const each of [one, two]) await each.until(() => each.client.state === 'waiting', 'the loss');
      proxy.up();
      for (const each of [one, two]) {
        each.client.start();
        await each.live();
      }
    }
    for (const each of [one, two]) await each.end(id, counted(200));
    check(one.client.sessionId === two.client.sessionId, 'two sessions');
    const other = two.client.query('count to 4');
    for (const each of [one, two]) await each.end(other, counted(4));
    check(one.client.answer(other).own === false, 'whose question it was');
  },

  /** What the package ws can see of a refused upgrade. */
  async upgrade() {
    const client = new AgentWebSocket({ url: `${url}/nowhere`, WebSocket });
    const stopped = new Promise((resolve) => client.on('stopped', resolve));
    client.start();
    const { code } = await stopped;
    check(code === 404, () => `stopped with ${code}`);
  },
};

await run(modes[mode]);
