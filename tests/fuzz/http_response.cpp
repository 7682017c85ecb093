// SPDX-License-Identifier: MIT
//
// What asio_http_client reads: an answer is taken or refused in the same way wherever its bytes are
// cut, and what comes of it is what one more reader would see. The last two bytes of an input say
// where to cut and whom it answers.
#include <agent_websocket/http/response_reader.hpp>

#include "standalone.hpp"

#include <string>

using agent_websocket::http::body_framing;
using agent_websocket::http::response_head;
using agent_websocket::http::response_reader;

namespace {

constexpr std::size_t max_header_bytes = 600;

/// All that the user of a connection sees of the bytes, up to the end of the connection.
std::string run(std::string_view bytes, bool to_head_request, std::size_t first,
                std::size_t piece) {
  response_reader reader(to_head_request, max_header_bytes);
  response_head head;
  std::string body;
  for (std::size_t at = 0, size = first; at < bytes.size(); at += size, size = piece) {
    std::string part(bytes.substr(at, size));
    std::size_t used = 0;
    if (!reader.has_head()) {
      used = reader.feed_head(part, head);
      require(used <= part.size(), "no more is taken than there is", bytes);
      if (reader.failure()) break;
      require(reader.has_head() || used == part.size(), "all is taken up to a head", bytes);
    }
    if (!reader.has_head() || used == part.size()) continue;
    const std::string_view content = reader.feed_body(&part[0] + used, part.size() - used);
    require(content.size() <= part.size() - used, "content is not more than its bytes", bytes);
    body += content;
    if (reader.failure()) break;
  }
  const bool has_head = reader.has_head();
  reader.end();
  require(reader.is_complete() != bool(reader.failure()), "an answer is whole or it is not", bytes);
  require(!reader.is_persistent() || reader.is_complete(), "half an answer keeps nothing", bytes);
  if (!has_head) {
    require(body.empty() && !reader.is_complete(), "without a head there is nothing", bytes);
    return reader.failure_words();
  }
  require(head.status >= 200 && head.status <= 999, "a status is final", bytes);
  const bool chunked = head.headers.contains("Transfer-Encoding");
  const bool has_length = head.headers.contains("Content-Length");
  require(!chunked || !has_length, "there is one kind of length", bytes);
  switch (head.framing) {
    case body_framing::none:
      require(to_head_request || head.status == 204 || head.status == 304, "none is none", bytes);
      require(body.empty(), "no body is none", bytes);
      break;
    case body_framing::length:
      require(has_length && body.size() <= head.length, "a length is kept", bytes);
      require(!reader.is_complete() || body.size() == head.length, "a length is reached", bytes);
      break;
    case body_framing::chunked: require(chunked, "chunks were told", bytes); break;
    case body_framing::until_close:
      require(!chunked && !has_length && !reader.is_persistent(), "the end is the end", bytes);
      break;
  }
  std::string seen = std::to_string(head.status) + (reader.is_persistent() ? " kept\n" : "\n");
  for (const auto& [name, value] : head.headers) {
    require(!name.empty() && name.find_first_of(": \t\r\n") == std::string::npos, "a name is a name",
            bytes);
    require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
            "a value is one line", bytes);
    seen += name + ": " + value + "\n";
  }
  return seen + body + "\n" + reader.failure_words();
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  return {
      "HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\n", "HTTP/1.1 204 No\r\n", "HTTP/1.1 304 No\r\n",
      "HTTP/1.1 100 Go\r\n\r\n", "HTTP/1.1 103 Hint\r\nA: b\r\n\r\n", "HTTP/1.1 101 S\r\n", "HTTP/1.",
      "HTTP/2 200\r\n", " 200", "\r\n", "\r\n\r\n", "\r", "\n", "\n\n", " ", "\t", ":", ",", ";",
      "Content-Length: 5\r\n", "Content-Length: 0\r\n", "Content-Length: 5, 5\r\n", "Content-Length:",
      "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding:",
      "Connection: close\r\n", "Connection: keep-alive\r\n", "X: y\r\n", " folded\r\n", "hello", "5",
      "0", "5\r\nhello\r\n", "1;a=b\r\nx\r\n", "0\r\n\r\n", "0\r\nX: y\r\n\r\n", "ffffffffffffffff\r\n",
      "A\r\n0123456789\r\n", "5 \r\n", "x", "\x7F", "\xFF", std::string_view("\0", 1),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"};
}
// clang-format on

void fuzz(std::string_view input) {
  if (input.size() < 2) return;
  const std::size_t cut = static_cast<unsigned char>(input[input.size() - 1]);
  const bool to_head_request = input[input.size() - 2] == 'H';
  const std::string_view bytes = input.substr(0, input.size() - 2);
  const std::size_t all = bytes.size() + 1;
  const std::string whole = run(bytes, to_head_request, all, all);
  if (bytes.size() <= 4096) {
    require(run(bytes, to_head_request, 1, 1) == whole, "byte by byte as whole", bytes);
  }
  require(run(bytes, to_head_request, cut + 1, all) == whole, "in two as whole", bytes);
  require(run(bytes, to_head_request, 1 + cut % 7, 1 + cut % 50) == whole, "in pieces as whole",
          bytes);
}
