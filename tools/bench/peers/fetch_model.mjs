// SPDX-License-Identifier: MIT
// How a server asks the model by fetch(), which is fastest in Bun. See session.mjs for what is given and
// called.

const headers = { 'Content-Type': 'application/json', Accept: 'text/event-stream' };

/** The function ask() of session.mjs. */
export function model(port) {
  const url = `http://127.0.0.1:${port}/v1/chat/completions`;
  return (body, sink) => {
    const stop = new AbortController();
    let goOn = null; // resolves a pause
    let pause = null;

    async function read() {
      try {
        const response = await fetch(url, { method: 'POST', headers, body, signal: stop.signal });
        if (response.status !== 200) throw new Error(`status ${response.status}`);
        const decoder = new TextDecoder();
        const reader = response.body.getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          sink.onData(decoder.decode(value, { stream: true }));
          if (pause) await pause;
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        stop.abort();
        sink.onFail(error);
        return;
      }
      sink.onEnd();
    }

    read();
    return {
      pause: () => {
        pause = new Promise((resolve) => (goOn = resolve));
      },
      resume: () => {
        pause = null;
        goOn?.();
      },
      abort: () => {
        stop.abort();
        goOn?.();
      },
    };
  };
}
