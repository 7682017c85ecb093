// SPDX-License-Identifier: MIT
// A Node server on uWebSockets.js: the C++ library uWebSockets with its own loop inside Node's. Of npm's
// unofficial build, whose own entry would put a server on the package ws in its place where it has no
// binary for this Node: the binary is loaded itself.
//
//   node uws.mjs PORT_OF_MODEL      NODE_PATH names the folder of the npm packages
import { createRequire } from 'node:module';

import { model } from './node_model.mjs';
import { maxMessageBytes, Session } from './session.mjs';

const { platform, arch, versions } = process;
const binary = `uws_${platform}_${arch}_${versions.modules}.node`;
const uws = createRequire(import.meta.url)(`@trufflesuite/uws-js-unofficial/binaries/${binary}`);
const ask = model(Number(process.argv[2]));
const decoder = new TextDecoder();

uws
  .App()
  .ws('/ws', {
    compression: uws.DISABLED,
    maxPayloadLength: maxMessageBytes,
    maxBackpressure: 0, // the session pauses its model instead
    idleTimeout: 0,
    sendPingsAutomatically: false,
    open(socket) {
      socket.isClosed = false;
      const line = {
        isOpen: () => !socket.isClosed,
        say: (text) => socket.isClosed || socket.send(text, false, false),
        together: (work) => socket.isClosed || socket.cork(work),
        waiting: () => (socket.isClosed ? 0 : socket.getBufferedAmount()),
      };
      socket.session = new Session(line, ask);
    },
    message(socket, data, isBinary) {
      if (!isBinary) socket.session.onMessage(decoder.decode(data));
    },
    drain(socket) {
      socket.session.onDrained();
    },
    close(socket) {
      socket.isClosed = true;
      socket.session.onClose();
    },
  })
  .listen('127.0.0.1', 0, (door) => {
    if (!door) throw new Error('cannot listen');
    console.log(`listening on http://127.0.0.1:${uws.us_socket_local_port(door)}/`);
  });
