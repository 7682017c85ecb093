// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/http_tunnel.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>

using agent_websocket::errc;
using agent_websocket::adapters::http_tunnel;

namespace {

/// "more", "open" or why there is none, of bytes that come as they are or one by one.
std::string verdict_on(std::string_view answer, bool has_asked = true) {
  std::string words;
  for (const bool whole : {true, false}) {
    http_tunnel tunnel;
    std::string now = "more";
    const std::size_t step = whole ? answer.size() : 1;
    for (std::size_t i = 0; i < answer.size() && now == "more"; i += step) {
      const auto is_open = tunnel.feed(answer.substr(i, step), has_asked);
      if (!is_open) CHECK(is_open.error().code == errc::connection_failed);
      now = !is_open ? is_open.error().message : *is_open ? "open" : "more";
    }
    if (!whole) CHECK(now == words);
    words = now;
  }
  return words;
}

}  // namespace

TEST_CASE("http tunnel: opens by any answer of success, also behind an interim one") {
  CHECK(verdict_on("HTTP/1.1 200 Connection established\r\n\r\n") == "open");
  CHECK(verdict_on("HTTP/1.0 204 Go\r\nVia: someone\r\n\r\n") == "open");
  CHECK(verdict_on("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") == "open");  // RFC 9110: ignored
  CHECK(verdict_on("HTTP/1.1 103 Soon\r\n\r\nHTTP/1.1 200 OK\r\n\r\n") == "open");
  CHECK(verdict_on("HTTP/1.1 200 Connection established\r\n") == "more");
}

TEST_CASE("http tunnel: a refusal is told with its status") {
  CHECK(verdict_on("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") ==
        "the proxy refused the tunnel with status 407");
  CHECK(verdict_on("HTTP/1.1 302 Elsewhere\r\nLocation: /\r\n\r\n") ==
        "the proxy refused the tunnel with status 302");
}

TEST_CASE("http tunnel: what is no answer, or has no end") {
  CHECK(verdict_on("SSH-2.0-OpenSSH\r\n") == "the proxy's answer to CONNECT is malformed");
  CHECK(verdict_on("HTTP/1.1 200 OK\r\nX: " + std::string(http_tunnel::max_head_bytes, 'x') +
                   "\r\n\r\n") == "the proxy's answer to CONNECT is malformed");
}

TEST_CASE("http tunnel: nothing may come from within before anything was said into it") {
  http_tunnel early;
  const auto spoke = early.feed("HTTP/1.1 200 OK\r\n\r\nhello", true);
  REQUIRE_FALSE(spoke);
  CHECK(spoke.error().message == "the proxy spoke into the tunnel");
  CHECK(verdict_on("HTTP/1.1 200 OK\r\n\r\n", false) == "the proxy spoke into the tunnel");
}
