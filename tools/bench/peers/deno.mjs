// SPDX-License-Identifier: MIT
// A server on Deno's own WebSockets, which asks the model with Deno's node:http: its fetch gives one chunk
// a read. Messages cannot be put together to one write, and nothing tells when all was written: who waits
// for it has to look.
//
//   deno run --allow-net --allow-env deno.mjs PORT_OF_MODEL
import { model } from './node_model.mjs';
import { Session } from './session.mjs';

const ask = model(Number(Deno.args[0]));
const lookEveryMs = 5;

function serve(socket) {
  let session = null;
  const line = {
    isOpen: () => socket.readyState === WebSocket.OPEN,
    say: (text) => line.isOpen() && socket.send(text),
    together: (work) => work(),
    waiting: () => socket.bufferedAmount,
    expectDrain: () => {
      const look = setInterval(() => {
        if (line.isOpen() && socket.bufferedAmount > 0) return;
        clearInterval(look);
        session.onDrained();
      }, lookEveryMs);
    },
  };
  socket.onopen = () => (session = new Session(line, ask));
  socket.onmessage = ({ data }) => typeof data === 'string' && session.onMessage(data);
  socket.onerror = () => {};
  socket.onclose = () => session?.onClose();
}

const options = {
  hostname: '127.0.0.1',
  port: 0,
  onListen: ({ port }) => console.log(`listening on http://127.0.0.1:${port}/`),
};
Deno.serve(options, (request) => {
  if (new URL(request.url).pathname !== '/ws') return new Response(null, { status: 404 });
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  serve(socket);
  return response;
});
