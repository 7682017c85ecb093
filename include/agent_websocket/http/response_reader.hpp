// SPDX-License-Identifier: MIT
//
// Reads one HTTP/1.1 response from the pieces in which it arrives: interim answers are skipped, the
// head comes as a whole, the body piece by piece without its framing. Keeps bytes only of a head
// that is not complete. No sockets.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/http/chunked_decoder.hpp>
#include <agent_websocket/http/response_head.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace http {

class response_reader {
 public:
  response_reader() = default;
  /// `to_head_request`: the answer to a HEAD, without body. `max_header_bytes`: of all heads
  /// together, interim ones too.
  response_reader(bool to_head_request, std::size_t max_header_bytes);

  /// Takes bytes up to the end of the head; how many these were. More belong to the body when
  /// has_head() is true then. Precondition: !has_head() and !failure().
  std::size_t feed_head(std::string_view bytes, response_head& into);

  /// Decodes the body's bytes where they lie: what comes back are those of the content, also when
  /// it fails behind them. Precondition: has_head() and !is_complete().
  std::string_view feed_body(char* data, std::size_t size);

  /// The connection has ended in order: completes a body that ends so, and is a failure else.
  void end();

  bool has_head() const noexcept { return has_head_; }
  /// The whole answer was read.
  bool is_complete() const noexcept { return is_complete_; }
  /// Complete, and the connection may serve the next request.
  bool is_persistent() const noexcept { return is_complete_ && is_persistent_; }
  std::error_code failure() const noexcept { return failure_; }
  /// In words for a log; no bytes of the peer.
  const char* failure_words() const noexcept { return failure_words_; }

 private:
  static constexpr std::string_view protocol = "HTTP/1.";

  void fail(errc failure, const char* words);

  /// The whole head lies in `bytes`, or what there is of it is kept.
  std::size_t take_head(std::string_view bytes, response_head& into);

  std::size_t continue_head(std::string_view bytes, response_head& into);

  static bool begins_well(std::string_view bytes) noexcept;

  std::size_t too_large();

  bool parse(std::string_view text, response_head& into);

  std::string partial_;  // of an unfinished head
  std::size_t header_bytes_ = 0;
  std::size_t max_header_bytes_ = 0;
  std::uint64_t left_ = 0;  // of a body with a length
  chunked_decoder chunks_;
  std::error_code failure_;
  const char* failure_words_ = "";
  body_framing framing_ = body_framing::none;
  bool to_head_request_ = false;
  bool has_head_ = false;
  bool is_complete_ = false;
  bool is_persistent_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE response_reader::response_reader(bool to_head_request,
                                                        std::size_t max_header_bytes)
    : max_header_bytes_(max_header_bytes), to_head_request_(to_head_request) {}

AGENT_WEBSOCKET_INLINE std::size_t response_reader::feed_head(std::string_view bytes,
                                                              response_head& into) {
  std::size_t consumed = 0;
  while (consumed < bytes.size() && !has_head_ && !failure_) {
    const std::string_view rest = bytes.substr(consumed);
    consumed += partial_.empty() ? take_head(rest, into) : continue_head(rest, into);
  }
  return consumed;
}

AGENT_WEBSOCKET_INLINE std::string_view response_reader::feed_body(char* data, std::size_t size) {
  std::size_t content = size;
  std::size_t consumed = size;
  switch (framing_) {
    case body_framing::none: content = consumed = 0; break;
    case body_framing::until_close: break;
    case body_framing::length:
      content = consumed = left_ < size ? static_cast<std::size_t>(left_) : size;
      left_ -= content;
      is_complete_ = left_ == 0;
      break;
    case body_framing::chunked: {
      const chunked_decoder::outcome done = chunks_.feed(data, size);
      content = done.payload;
      consumed = done.consumed;
      is_complete_ = chunks_.is_complete();
      if (chunks_.has_failed()) fail(errc::protocol_error, "a chunk of the body is malformed");
      break;
    }
  }
  if (consumed != size) is_persistent_ = false;  // bytes that belong to no answer
  return {data, content};
}

AGENT_WEBSOCKET_INLINE void response_reader::end() {
  if (is_complete_ || failure_) return;
  if (!has_head_) {
    // What was no whole line may have been cut anywhere before it became an answer.
    if (partial_.find('\n') == std::string::npos) {
      return fail(errc::connection_failed, "the connection ended before the answer");
    }
    return fail(errc::protocol_error,
                "the connection ended within the header section of the answer");
  }
  if (framing_ == body_framing::until_close) {
    is_complete_ = true;
  } else {
    fail(errc::protocol_error, "the connection ended before the end of the body");
  }
}

AGENT_WEBSOCKET_INLINE void response_reader::fail(errc failure, const char* words) {
  failure_ = failure;
  failure_words_ = words;
  std::string().swap(partial_);
}

AGENT_WEBSOCKET_INLINE std::size_t response_reader::take_head(std::string_view bytes,
                                                              response_head& into) {
  const std::size_t end = head_end(bytes);
  // What is beyond the limit is not looked at, however the bytes come.
  if (!begins_well(bytes.substr(0, max_header_bytes_ - header_bytes_))) {
    fail(errc::protocol_error, "the answer does not begin with a status line of HTTP/1.1");
    return 0;
  }
  if (end == std::string_view::npos) {
    if (bytes.size() > max_header_bytes_ - header_bytes_) return too_large();
    partial_ = bytes;
    return bytes.size();
  }
  return parse(bytes.substr(0, end), into) ? end : 0;
}

AGENT_WEBSOCKET_INLINE std::size_t response_reader::continue_head(std::string_view bytes,
                                                                  response_head& into) {
  const std::size_t had = partial_.size();
  // The end may have begun in what was there: at most two bytes of it.
  const std::size_t from = had < 2 ? 0 : had - 2;
  const std::size_t room = max_header_bytes_ - header_bytes_ - had;
  partial_.append(bytes.substr(0, std::min(bytes.size(), room)));
  const std::size_t end = head_end(partial_, from);
  if (!begins_well(partial_)) {
    fail(errc::protocol_error, "the answer does not begin with a status line of HTTP/1.1");
    return 0;
  }
  if (end == std::string::npos) return bytes.size() > room ? too_large() : bytes.size();
  const std::string whole = std::exchange(partial_, std::string());
  return parse(std::string_view(whole).substr(0, end), into) ? end - had : 0;
}

AGENT_WEBSOCKET_INLINE bool response_reader::begins_well(std::string_view bytes) noexcept {
  return bytes.substr(0, protocol.size()) == protocol.substr(0, bytes.size());
}

AGENT_WEBSOCKET_INLINE std::size_t response_reader::too_large() {
  fail(errc::too_large, "the header section of the answer is too large");
  return 0;
}

AGENT_WEBSOCKET_INLINE bool response_reader::parse(std::string_view text, response_head& into) {
  header_bytes_ += text.size();
  if (header_bytes_ > max_header_bytes_) return too_large() != 0;
  if (const char* wrong = response_head_parser().parse(text, to_head_request_, into)) {
    fail(errc::protocol_error, wrong);
    return false;
  }
  if (into.status == 101) {
    fail(errc::protocol_error, "the server switched protocols, which nobody asked for");
    return false;
  }
  if (into.status < 200) return true;  // the answer itself is still to come
  has_head_ = true;
  framing_ = into.framing;
  left_ = into.length;
  is_persistent_ = into.is_persistent;
  is_complete_ = framing_ == body_framing::none || (framing_ == body_framing::length && left_ == 0);
  return true;
}

#endif

}  // namespace http
}  // namespace agent_websocket
