// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/http_answer.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using agent_websocket::adapters::append_answer;
using agent_websocket::adapters::append_upgrade;
using agent_websocket::http::response;

namespace {
const std::string date = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

std::string answered(const response& answer, bool head_only = false) {
  std::string out;
  append_answer(out, answer, head_only, std::chrono::system_clock::time_point());
  return out;
}
}  // namespace

TEST_CASE("http answer: whole, with its length, for a connection that is closed behind it") {
  CHECK(answered(response::text(404, "gone")) ==
        "HTTP/1.1 404 Not Found\r\n" + date +
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 4\r\nConnection: close\r\n\r\ngone");
  CHECK(answered({200, {}, ""}) ==
        "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST_CASE("http answer: an application's own Date counts") {
  CHECK(answered({200, {{"date", "Sun, 06 Nov 1994 08:49:37 GMT"}}, ""}) ==
        "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n");
}

TEST_CASE("http answer: no body to a HEAD, nor where a status has none") {
  CHECK(answered({200, {}, "body"}, true) ==
        "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 4\r\nConnection: close\r\n\r\n");
  CHECK(answered({204, {}, "body"}) ==
        "HTTP/1.1 204 No Content\r\n" + date + "Connection: close\r\n\r\n");
  CHECK(answered({304, {}, "body"}) ==
        "HTTP/1.1 304 Not Modified\r\n" + date + "Connection: close\r\n\r\n");
}

TEST_CASE("http answer: an application cannot contradict the transport or begin a second header") {
  CHECK(answered({200,
                  {{"content-length", "99"},
                   {"Connection", "keep-alive"},
                   {"Transfer-Encoding", "chunked"},
                   {"X", "a\r\nY: b"}},
                  "z"}) == "HTTP/1.1 200 OK\r\n" + date +
                               "X: aY: b\r\nContent-Length: 1\r\nConnection: close\r\n\r\nz");
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
