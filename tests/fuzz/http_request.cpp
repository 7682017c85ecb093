// SPDX-License-Identifier: MIT
//
// The HTTP side of the server's port: a request is read, refused or waited for in the same way
// wherever its bytes are cut, and what reaches the application is clean. The last byte of an input
// says where to cut.
#undef AGENT_WEBSOCKET_WITH_ADAPTERS
#define AGENT_WEBSOCKET_WITH_ADAPTERS 1  // needs websocketpp, neither Asio nor libcurl
#define AGENT_WEBSOCKET_WITH_CURL 0

#include <agent_websocket/adapters/websocketpp_opening.hpp>

#include "standalone.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

using agent_websocket::http::response;
using opening = agent_websocket::adapters::websocketpp_opening;

namespace {

constexpr std::size_t max_body_bytes = 300;
constexpr std::chrono::system_clock::time_point date;  // of all answers: they are compared

/// Every text without control characters may be the value of a field.
void check_value(std::string_view input) {
  std::string value;
  for (const char c : input.substr(0, 2000)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7F) value += c;
  }
  opening reader(max_body_bytes, "127.0.0.1");
  require(reader.feed("GET /x HTTP/1.1\r\nHost: a\r\nX-Text: \t" + value + " \r\n\r\n") ==
              opening::progress::complete,
          "a good request is taken", input);
  const agent_websocket::handshake asked = reader.take_request();
  require(asked.request.target == "/x" && asked.request.headers.find("x-text") == value,
          "a value is as it was", input);
}

/// What becomes of the bytes, and all that the application and the peer see of it.
std::string run(std::string_view bytes, std::size_t first, std::size_t piece) {
  opening reader(max_body_bytes, "127.0.0.1");
  std::string seen, answer;
  opening::progress now = opening::progress::more;
  for (std::size_t at = 0, size = first; at < bytes.size(); at += size, size = piece) {
    // A copy of its own: views into it that are used after this turn are seen by the sanitizer.
    const std::string part(bytes.substr(at, size));
    if (now == opening::progress::complete) {
      reader.early().append(part);
    } else if (now == opening::progress::more) {
      now = reader.feed(part);
      reader.take_continue();
    }
  }
  if (now == opening::progress::more) return "more";
  if (now == opening::progress::failed) {
    const response refusal = reader.refusal();
    const int known[] = {400, 413, 426, 431, 501, 505};
    require(std::find(std::begin(known), std::end(known), refusal.status) != std::end(known),
            "a refusal has one of these codes", bytes);
    require(!reader.append(answer, refusal, date), "a refusal ends the connection", bytes);
    return answer;
  }
  const agent_websocket::handshake asked = reader.take_request();
  require(asked.is_upgrade == reader.is_upgrade(), "an upgrade is told", bytes);
  require(!asked.request.method.empty(), "a request has a method", bytes);
  const std::string& target = asked.request.target;
  require(!target.empty() && (target[0] == '/' || target == "*"), "a target is a path", bytes);
  require(std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7F; }),
          "a target is plain ASCII", bytes);
  require(asked.request.body.size() <= max_body_bytes, "a body has a limit", bytes);
  std::size_t length = 0;
  if (const auto field = asked.request.headers.find("Content-Length")) {
    const auto [end, failure] =
        std::from_chars(field->data(), field->data() + field->size(), length);
    require(failure == std::errc() && end == field->data() + field->size(), "a length is a number",
            bytes);
  }
  require(asked.request.body.size() == length, "a body is as long as it says", bytes);
  require(!asked.request.headers.contains("Transfer-Encoding"), "there are no chunks", bytes);
  seen = asked.request.method + " " + target + "\n";
  for (const auto& [name, value] : asked.request.headers) {
    require(!name.empty() && name.find_first_of(": \t\r\n") == std::string::npos,
            "a name is a name", bytes);
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      require((byte >= 0x20 && byte != 0x7F) || c == '\t', "a value has no control characters",
              bytes);
    }
    seen += name + ": " + value + "\n";
  }
  seen += asked.request.body + "\n";
  response reply;
  reply.status = asked.is_upgrade ? 101 : 200;
  reply.headers.add("X-Echo", target);
  require(reader.append(answer, reply, date) == asked.is_upgrade, "an upgrade can be accepted",
          bytes);
  const std::size_t end = answer.find("\r\n\r\n");
  require(end != std::string::npos && answer.find('\n') == answer.find("\r\n") + 1,
          "an answer has a head", bytes);
  // The split of early bytes is none of the peer's business, their order is.
  return seen + answer + reader.early();
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  return {
      "GET / HTTP/1.1\r\n", "POST /x?y HTTP/1.1\r\n", "GET ", "HEAD ", "OPTIONS * ", "/", "/ws",
      "http://a/", " HTTP/1.1", " HTTP/1.0\r\n", " HTTP/2.0", "\r\n", "\r\n\r\n", "\r", "\n", " ",
      "\t", ":", ",", "Host: a\r\n", "Host:", "Upgrade: websocket\r\n", "Connection: Upgrade\r\n",
      "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
      "Sec-WebSocket-Protocol: agent-websocket.v1\r\n", "Sec-WebSocket-Extensions: x\r\n",
      "Content-Length: 5\r\n", "Content-Length:", "Transfer-Encoding: chunked\r\n",
      "Expect: 100-continue\r\n", "Connection: ", "keep-alive", "hello", "5", "0", "300", "301",
      "X: y\r\n", "x", "\x7F", "\xFF", std::string_view("\0", 1), "\x81\x80",
      "GET / HTTP/1.1\r\nHost: a\r\n", "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"};
}
// clang-format on

void fuzz(std::string_view input) {
  if (input.empty()) return;
  const std::size_t cut = static_cast<unsigned char>(input.back());
  const std::string_view bytes = input.substr(0, input.size() - 1);
  const std::size_t all = bytes.size() + 1;
  const std::string whole = run(bytes, all, all);
  if (bytes.size() <= 4096) {
    require(run(bytes, 1, 1) == whole, "byte by byte as whole", bytes);
  }
  require(run(bytes, cut + 1, all) == whole, "in two as whole", bytes);
  require(run(bytes, 1 + cut % 7, 1 + cut % 50) == whole, "in pieces as whole", bytes);
  check_value(bytes);
}
