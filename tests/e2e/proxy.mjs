// SPDX-License-Identifier: MIT
// A TCP proxy on the loopback interface that can lose its connections, as a network does.
import net from 'node:net';

export class Proxy {
  #pairs = new Set();
  #server;
  isDown = false;

  /** `target` is a port of 127.0.0.1. */
  static async before(target) {
    const proxy = new Proxy();
    proxy.#server = net.createServer((near) => proxy.#join(near, target));
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port() { return this.#server.address().port; }

  #join(near, target) {
    if (this.isDown) return near.destroy();
    const far = net.connect(target, '127.0.0.1');
    const pair = [near, far];
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#pairs.delete(pair);
        pair.forEach((each) => each.destroy());
      });
    }
    near.pipe(far).pipe(near);
  }

  /** Every connection breaks, with a reset to both sides and what was under way lost. */
  cut() { for (const pair of this.#pairs) pair.forEach((socket) => socket.resetAndDestroy()); }

  /** Breaks what there is, and what comes, until `up`. */
  down() {
    this.isDown = true;
    this.cut();
  }

  up() { this.isDown = false; }

  close() {
    this.down();
    this.#server.close();
  }
}
