// SPDX-License-Identifier: MIT
// How servers ask the model with what Node has: undici where there is one, else node:http (Deno has that
// too), with connections that are kept. See session.mjs for what is given and called.
import http from 'node:http';
import { createRequire } from 'node:module';

const headers = { 'Content-Type': 'application/json', Accept: 'text/event-stream' };
const path = '/v1/chat/completions';

function optional(name) {
  try {
    return createRequire(import.meta.url)(name);
  } catch {
    return null;
  }
}

/** Reads an answer to its end. */
function read(status, stream, sink) {
  let ended = false;
  stream.on('error', () => {});
  if (status !== 200) {
    stream.destroy();
    sink.onFail(new Error(`status ${status}`));
    return;
  }
  stream.setEncoding('utf8');
  stream.on('data', sink.onData);
  stream.on('end', () => {
    ended = true;
    sink.onEnd();
  });
  stream.on('close', () => ended || sink.onFail(new Error('the answer was cut off')));
}

/** The function ask() of session.mjs. */
export function model(port) {
  const undici = optional('undici');
  const agent = undici
    ? new undici.Pool(`http://127.0.0.1:${port}`, { connections: null, pipelining: 1 })
    : new http.Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 20_000, noDelay: true });

  function send(body, onResponse, onError) {
    if (undici) {
      agent
        .request({ path, method: 'POST', headers, body })
        .then(({ statusCode, body: stream }) => onResponse(statusCode, stream), onError);
      return;
    }
    const words = { ...headers, 'Content-Length': Buffer.byteLength(body) };
    const request = http.request({ agent, host: '127.0.0.1', port, path, method: 'POST', headers: words });
    request.on('response', (response) => onResponse(response.statusCode, response));
    request.on('error', onError);
    request.end(body);
  }

  return (body, sink) => {
    let stream = null;
    let aborted = false;
    send(
      body,
      (status, response) => {
        stream = response;
        if (aborted) stream.on('error', () => {}).destroy();
        else read(status, stream, sink);
      },
      (error) => sink.onFail(error),
    );
    return {
      pause: () => stream?.pause(),
      resume: () => stream?.resume(),
      abort: () => {
        aborted = true;
        stream?.destroy();
      },
    };
  };
}
