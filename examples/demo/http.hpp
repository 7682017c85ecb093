// SPDX-License-Identifier: MIT
//
// Takes HTTP/1.1 requests (RFC 9112) out of a stream of bytes: any number on one connection, in any
// pieces, with a Content-Length or a chunked body. For the demo upstream only: no trailers, no
// continuation lines, no 100-continue, no HTTP/1.0.
#pragma once

#include <agent_websocket.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace demo {

namespace http = agent_websocket::http;

/// Feed bytes, take requests. After `refused()` the connection is to be answered and closed.
class request_parser {
 public:
  static constexpr std::size_t max_head_bytes = 64 * 1024;
  static constexpr std::size_t max_body_bytes = 16 * 1024 * 1024;

  void feed(std::string_view bytes) { buffer_.append(bytes); }

  /// The next whole request, or nullopt when more bytes are needed or the rest is refused.
  std::optional<http::request> next() {
    while (refused_ == 0) {
      if (state_ == state::complete) {
        state_ = state::head;
        buffer_.erase(0, std::exchange(at_, 0));
        return std::move(request_);
      }
      if (!step()) break;
    }
    return std::nullopt;
  }

  /// The status to refuse the connection with: 400, 413, 431, 501 or 505; 0 while all is well.
  int refused() const noexcept { return refused_; }
  /// Bytes that wait for `next()`.
  std::size_t waiting() const noexcept { return buffer_.size() - at_; }

 private:
  enum class state { head, body, chunk_size, chunk, chunk_end, trailers, complete };

  std::string_view rest() const noexcept { return std::string_view(buffer_).substr(at_); }

  bool refuse(int status) {
    refused_ = status;
    return false;
  }

  /// Goes one part on; false when that takes more bytes or the request is refused.
  bool step() {
    switch (state_) {
      case state::head: return take_head();
      case state::body:
      case state::chunk: return take_body();
      case state::chunk_size: return take_chunk_size();
      case state::chunk_end: return take_chunk_end();
      case state::trailers: return take_trailers();
      case state::complete: return true;
    }
    return false;
  }

  std::optional<std::string_view> take_line(std::size_t limit) {
    const std::size_t end = rest().substr(0, limit).find("\r\n");
    if (end == std::string_view::npos) {
      if (rest().size() >= limit) refuse(state_ == state::head ? 431 : 400);
      return std::nullopt;
    }
    const std::string_view line = rest().substr(0, end);
    at_ += end + 2;
    return line;
  }

  bool take_head() {
    while (rest().substr(0, 2) == "\r\n") at_ += 2;  // RFC 9112 section 2.2
    const std::size_t end = rest().substr(0, max_head_bytes).find("\r\n\r\n");
    if (end == std::string_view::npos) {
      return rest().size() >= max_head_bytes ? refuse(431) : false;
    }
    const std::size_t behind = at_ + end + 4;
    request_ = {};
    const std::string_view line = *take_line(max_head_bytes);
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last || first == 0) return refuse(400);
    if (line.substr(last + 1) != "HTTP/1.1") return refuse(505);
    request_.method = std::string(line.substr(0, first));
    request_.target = std::string(line.substr(first + 1, last - first - 1));
    if (request_.target.empty() || request_.target.front() != '/') return refuse(400);
    while (at_ + 2 < behind) {
      const std::string_view field = *take_line(max_head_bytes);
      const std::size_t colon = field.find(':');
      if (colon == std::string_view::npos || colon == 0 || field.front() == ' ') return refuse(400);
      request_.headers.add(std::string(field.substr(0, colon)),
                           std::string(http::trim(field.substr(colon + 1))));
    }
    at_ = behind;
    return begin_body();
  }

  bool begin_body() {
    const auto encoding = request_.headers.find("Transfer-Encoding");
    const auto length = request_.headers.find("Content-Length");
    if (encoding && length) return refuse(400);
    if (encoding) {
      if (!http::iequals(*encoding, "chunked")) return refuse(501);
      state_ = state::chunk_size;
      return true;
    }
    if (length && !read_number(*length, 10)) return refuse(400);
    if (!length) missing_ = 0;
    if (missing_ > max_body_bytes) return refuse(413);
    state_ = state::body;
    return true;
  }

  bool take_body() {
    const std::string_view part = rest().substr(0, missing_);
    request_.body.append(part);
    at_ += part.size();
    missing_ -= part.size();
    if (at_ > max_head_bytes) buffer_.erase(0, std::exchange(at_, 0));
    if (missing_ > 0) return false;
    state_ = state_ == state::body ? state::complete : state::chunk_end;
    return true;
  }

  bool take_chunk_size() {
    const auto line = take_line(256);
    if (!line) return false;
    if (!read_number(http::trim(line->substr(0, line->find(';'))), 16)) return refuse(400);
    if (missing_ > max_body_bytes - request_.body.size()) return refuse(413);
    state_ = missing_ == 0 ? state::trailers : state::chunk;
    return true;
  }

  bool take_chunk_end() {
    if (rest().size() < 2) return false;
    if (rest().substr(0, 2) != "\r\n") return refuse(400);
    at_ += 2;
    state_ = state::chunk_size;
    return true;
  }

  bool take_trailers() {
    const auto line = take_line(8192);
    if (!line) return false;
    if (line->empty()) state_ = state::complete;
    return true;
  }

  bool read_number(std::string_view text, int base) {
    std::uint32_t number = 0;
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), number, base);
    missing_ = number;
    return !text.empty() && failure == std::errc() && end == text.data() + text.size();
  }

  std::string buffer_;
  std::size_t at_ = 0;       // what of the buffer is used up
  std::size_t missing_ = 0;  // bytes of the body or the chunk that have not come yet
  state state_ = state::head;
  int refused_ = 0;
  http::request request_;
};

}  // namespace demo
