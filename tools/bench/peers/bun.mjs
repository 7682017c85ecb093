// SPDX-License-Identifier: MIT
// A server on Bun's own WebSockets and fetch.
//
//   BUN_CONFIG_MAX_HTTP_REQUESTS=20000 bun bun.mjs PORT_OF_MODEL
import { model } from './fetch_model.mjs';
import { maxMessageBytes, Session } from './session.mjs';

const ask = model(Number(process.argv[2]));

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request, server) {
    if (new URL(request.url).pathname === '/ws' && server.upgrade(request, { data: {} })) return undefined;
    return new Response(null, { status: 404 });
  },
  websocket: {
    perMessageDeflate: false,
    maxPayloadLength: maxMessageBytes,
    backpressureLimit: 1 << 30, // the session pauses its model instead
    idleTimeout: 0,
    sendPings: false,
    open(socket) {
      const line = {
        isOpen: () => socket.readyState === WebSocket.OPEN,
        say: (text) => socket.sendText(text),
        together: (work) => socket.cork(work),
        waiting: () => socket.getBufferedAmount(),
      };
      socket.data.session = new Session(line, ask);
    },
    message(socket, data) {
      if (typeof data === 'string') socket.data.session.onMessage(data);
    },
    drain(socket) {
      socket.data.session.onDrained();
    },
    close(socket) {
      socket.data.session.onClose();
    },
  },
});
console.log(`listening on http://127.0.0.1:${server.port}/`);
