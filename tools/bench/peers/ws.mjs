// SPDX-License-Identifier: MIT
// A Node server on the package ws, as somebody writes it who knows Node: without compression.
//
//   node ws.mjs PORT_OF_MODEL      NODE_PATH names the folder of the npm packages
import http from 'node:http';
import { createRequire } from 'node:module';

import { model } from './node_model.mjs';
import { maxMessageBytes, Session } from './session.mjs';

const { WebSocketServer } = createRequire(import.meta.url)('ws');
const ask = model(Number(process.argv[2]));

function serve(socket) {
  const tcp = socket._socket;
  const line = {
    isOpen: () => socket.readyState === socket.OPEN,
    say: (text) => socket.send(text),
    together: (work) => {
      tcp.cork();
      work();
      tcp.uncork();
    },
    waiting: () => socket.bufferedAmount,
  };
  const session = new Session(line, ask);
  socket.on('message', (data, isBinary) => isBinary || line.together(() => session.onMessage(data)));
  socket.on('error', () => {});
  socket.on('close', () => session.onClose());
  tcp.on('drain', () => session.onDrained());
}

const server = http.createServer((_, response) => response.writeHead(404).end());
const sockets = new WebSocketServer({
  server,
  path: '/ws',
  perMessageDeflate: false,
  maxPayload: maxMessageBytes,
});
sockets.on('connection', serve);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/`);
});
