// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/http_answer.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::adapters::append_answer;
using agent_websocket::adapters::append_upgrade;
using agent_websocket::http::response;

namespace {
std::string answered(const response& answer, bool head_only = false) {
  std::string out;
  append_answer(out, answer, head_only);
  return out;
}
}  // namespace

TEST_CASE("http answer: whole, with its length, for a connection that is closed behind it") {
  CHECK(answered(response::text(404, "gone")) ==
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 4\r\nConnection: close\r\n\r\ngone");
  CHECK(answered({200, {}, ""}) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST_CASE("http answer: no body to a HEAD, nor where a status has none") {
  CHECK(answered({200, {}, "body"}, true) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
  CHECK(answered({204, {}, "body"}) == "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  CHECK(answered({304, {}, "body"}) == "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
}

TEST_CASE("http answer: an application cannot contradict the transport or begin a second header") {
  CHECK(answered({200,
                  {{"content-length", "99"},
                   {"Connection", "keep-alive"},
                   {"Transfer-Encoding", "chunked"},
                   {"X", "a\r\nY: b"}},
                  "z"}) ==
        "HTTP/1.1 200 OK\r\nX: aY: b\r\nContent-Length: 1\r\nConnection: close\r\n\r\nz");
}

TEST_CASE("http answer: 426 says what to upgrade to (RFC 9110 section 15.5.22)") {
  const std::string out = answered(response::text(426, ""));
  CHECK(out.find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(out.find("\r\nUpgrade: websocket\r\n") != std::string::npos);
  CHECK(out.find("\r\nConnection: close, Upgrade\r\n") != std::string::npos);
}

TEST_CASE("http answer: the end of HTTP") {
  std::string out;
  append_upgrade(out, {101, {{"Sec-WebSocket-Protocol", "chat"}, {"Upgrade", "other"}}, "body"},
                 "KEY");
  CHECK(out ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: KEY\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
}
