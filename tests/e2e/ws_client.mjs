// SPDX-License-Identifier: MIT
// The npm package `ws` as client:  node ws_client.mjs URL plain|stream|fragments|crowd|refused [N]
import { check, require, run } from './packages.mjs';

const [url, mode, count = '200'] = process.argv.slice(2);
const { WebSocket } = require('ws');

class Client {
  static async open() {
    const client = new Client();
    client.waiting = [];
    client.seen = [];
    client.taken = 0;
    client.socket = new WebSocket(url, { perMessageDeflate: true, origin: process.env.E2E_ORIGIN });
    client.socket.on('message', (data, binary) => {
      check(!binary, 'a binary frame came');
      client.seen.push(JSON.parse(data));
      client.waiting.splice(0).forEach((wake) => wake());
    });
    client.socket.on('close', (code) => {
      client.closed = code;
      client.waiting.splice(0).forEach((wake) => wake());
    });
    await new Promise((resolve, reject) => {
      client.socket.once('open', resolve);
      client.socket.once('error', reject);
    });
    client.welcome = await client.next();
    return client;
  }
  async next(timeoutMs = 30000) {
    const deadline = Date.now() + timeoutMs;
    while (this.taken === this.seen.length) {
      check(this.closed === undefined, () => `closed with ${this.closed}`);
      check(Date.now() < deadline, 'no message in time');
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.waiting.push(() => { clearTimeout(timer); resolve(); });
      });
    }
    return this.seen[this.taken++];
  }
  send(message) { this.socket.send(JSON.stringify(message)); }
  async until(wanted) {
    for (;;) {
      const message = await this.next();
      if (wanted(message)) return message;
    }
  }
  async ask(content, fields = {}) {
    this.send({ type: 'query', content, ...fields });
    return this.until((m) => m.type === 'error' || (m.type === 'response' && ['full', 'end'].includes(m.phase)));
  }
  /** The text of a stream by the rule for deltas, which has to be the end's. */
  async stream(content, fields = {}) {
    const from = this.taken;
    const end = await this.ask(content, { stream: true, ...fields });
    check(end.phase === 'end', () => `no end of a stream: ${JSON.stringify(end)}`);
    let have = 0, text = '';
    for (const m of this.seen.slice(from)) {
      if (m.phase !== 'delta' && m.phase !== 'snapshot') continue;
      if (m.idx + m.n <= have) continue;
      if (m.idx === 0 && m.n >= have) text = m.content;
      else if (m.idx === have) text += m.content;
      else throw new Error(`a hole: have ${have}, got ${m.idx} + ${m.n}`);
      have = m.idx + m.n;
    }
    check(text === end.content, () => `deltas "${text}", end "${end.content}"`);
    check(have === end.n, () => `chunks: ${have}, end says ${end.n}`);
    return end;
  }
  close() { this.socket.terminate(); }
}

const modes = {
  async plain() {
    const client = await Client.open();
    check(client.welcome.content.startsWith('Connected to Agent WebSocket. Session ID: '), 'no welcome');
    check(client.socket.extensions === '', `extensions: ${client.socket.extensions}`);
    const answer = await client.ask('Tell me about WebSocket technology.');
    check(client.seen[1].type === 'status' && client.seen[1].content === 'Thinking...', 'not thinking');
    check(answer.content.includes('Tell me about WebSocket technology.'), `answer ${answer.content}`);
    check(client.seen.length === 3, `${client.seen.length} messages`);
    client.socket.close(1000);
    await new Promise((resolve) => client.socket.once('close', resolve));
    check(client.closed === 1000, `close code ${client.closed}`);
  },
  async stream() {
    const client = await Client.open();
    const end = await client.stream('long answer 150 words');
    check(end.content.includes('```js\nconst socket'), 'no code block');
    check(end.content.replace(/```[^]*```/, '').trim().split(/\s+/).length === 150, 'not 150 words');
    await client.stream('unicode');
    client.close();
  },
  async fragments() {
    const client = await Client.open();
    const bytes = Buffer.from(JSON.stringify({ type: 'query', content: 'count to 4 – żółć 🦀' }));
    for (let i = 0; i < bytes.length; ++i) { // characters are cut as well
      client.socket.send(bytes.subarray(i, i + 1), { binary: false, fin: i + 1 === bytes.length });
      if (i % 9 === 0) client.socket.ping();
    }
    const answer = await client.until((m) => m.type !== 'status');
    check(answer.content === '1 2 3 4', `answer ${JSON.stringify(answer)}`);
    client.close();
  },
  async refused() {
    const status = await new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { origin: process.env.E2E_ORIGIN });
      socket.on('unexpected-response', (_, response) => resolve(response.statusCode));
      socket.on('open', () => reject(new Error('the server let it in')));
      socket.on('error', reject);
    });
    check(status === Number(count), `status ${status}`);
  },
  async crowd() {
    const clients = await Promise.all(Array.from({ length: Number(count) }, () => Client.open()));
    check(new Set(clients.map((c) => c.welcome.session_id)).size === clients.length, 'sessions are shared');
    await Promise.all(clients.map(async (client, i) => {
      const word = `word${i}word`;
      const first = i % 2 ? await client.stream(`my own is ${word}`) : await client.ask(`my own is ${word}`);
      check(first.content?.includes(`"my own is ${word}"`), () => `${word}: ${JSON.stringify(first)}`);
      const told = await client.stream('what did I say before?');
      const words = told.content.match(/word\d+word/g) ?? [];
      check(words.length === 1 && words[0] === word, () => `${word} was told ${told.content}`);
    }));
    clients.forEach((client) => client.close());
  },
};

await run(modes[mode]);
