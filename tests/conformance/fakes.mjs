// SPDX-License-Identifier: MIT
//
// The world of a client under test: a clock that stands until it is moved, dice that always show 0.5, and WebSockets that do what
// the test says.

/** Timers run one by one, at their time, and in the order in which they were set. */
export class VirtualClock {
  time = 0;
  timers = [];
  now = () => this.time;
  random = () => 0.5;
  setTimeout = (run, ms) => {
    const timer = { run, at: this.time + Math.max(0, ms) };
    this.timers.push(timer);
    return timer;
  };
  clearTimeout = (timer) => { this.timers = this.timers.filter((each) => each !== timer); };
  async advance(ms) {
    const end = this.time + ms;
    for (;;) {
      const due = this.timers.filter((each) => each.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.time = due.at;
      this.clearTimeout(due);
      due.run();
      await settled();
    }
    this.time = end;
  }
}

/** Promises that the client waits for (the token) have been kept after this. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** What the network does, and what the client did to it and no line expected yet. */
export class Network {
  attempts = [];
  frames = [];
  closes = [];
  current = null;
  socketClass() {
    const network = this;
    return class FakeWebSocket extends EventTarget {
      #refusals = [];
      isOver = false;
      isOpen = false;
      constructor(url) {
        super();
        this.url = url;
        network.current = this;
        network.attempts.push(this);
      }
      /** As the package ws, which tells what a browser hides. */
      on(name, listener) { if (name === 'unexpected-response') this.#refusals.push(listener); }
      send(text) {
        if (!this.isOpen || this.isOver) throw new Error('the client sent on a socket that is not open');
        network.frames.push(JSON.parse(text));
      }
      close(code = 1000) {
        if (this.isOver) return;
        this.isOver = true;
        network.closes.push(code);
      }
      happen(name, fields = {}) {
        if (this.isOver) return;
        if (name === 'close') this.isOver = true;
        if (name === 'open') this.isOpen = true;
        this.dispatchEvent(Object.assign(new Event(name), fields));
      }
      refuse(status) {
        if (status) for (const listener of this.#refusals) listener({ destroy() {} }, { statusCode: status, headers: {} });
        this.happen('error');
        this.happen('close', { code: 1006, reason: '' });
      }
    };
  }
}
