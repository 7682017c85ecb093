// SPDX-License-Identifier: MIT
//
// What a scripted HTTP server answers to one request, step by step: for mock_http_client and for
// tests that want to say an answer in one line. Data only; nothing here delivers anything.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/http/headers.hpp>

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace testing {

/// One thing that a sink sees.
struct http_step {
  enum class kind { head, body, complete };

  kind what = kind::complete;
  int status = 0;             ///< of a head
  http::header_list headers;  ///< of a head
  std::string bytes;          ///< of a body; of a completion: its detail
  std::error_code failure;    ///< of a completion

  static http_step head(int status, http::header_list headers);
  static http_step piece_of_body(std::string bytes);
  static http_step completion(std::error_code failure, std::string detail);
};

/// The steps of one answer. A script without completion leaves its call open, as a server does
/// that goes silent.
class http_script {
 public:
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

  http_script& head(int status, http::header_list headers = {});
  /// Empty bytes are no step: a real client never shows any.
  http_script& body(std::string bytes);
  http_script& complete(std::error_code failure = {}, std::string detail = "");
  http_script& fail(errc failure, std::string detail = "failed by the test");
  /// After so many bytes of the body the call ends with connection_failed, whatever follows.
  http_script& cut_after(std::size_t bytes);

  const std::vector<http_step>& steps() const noexcept { return steps_; }
  std::size_t cut() const noexcept { return cut_; }

 private:
  http_script& add(http_step step);

  std::vector<http_step> steps_;
  std::size_t cut_ = never;
};

/// A server-sent event with that data: "data: ...\n\n", one data line per line of `text`.
std::string sse(std::string_view text);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE http_step http_step::head(int status, http::header_list headers) {
  return {kind::head, status, std::move(headers), "", {}};
}

AGENT_WEBSOCKET_INLINE http_step http_step::piece_of_body(std::string bytes) {
  return {kind::body, 0, {}, std::move(bytes), {}};
}

AGENT_WEBSOCKET_INLINE http_step http_step::completion(std::error_code failure,
                                                       std::string detail) {
  return {kind::complete, 0, {}, std::move(detail), failure};
}

AGENT_WEBSOCKET_INLINE http_script& http_script::head(int status, http::header_list headers) {
  return add(http_step::head(status, std::move(headers)));
}

AGENT_WEBSOCKET_INLINE http_script& http_script::body(std::string bytes) {
  if (bytes.empty()) return *this;
  return add(http_step::piece_of_body(std::move(bytes)));
}

AGENT_WEBSOCKET_INLINE http_script& http_script::complete(std::error_code failure,
                                                          std::string detail) {
  return add(http_step::completion(failure, std::move(detail)));
}

AGENT_WEBSOCKET_INLINE http_script& http_script::fail(errc failure, std::string detail) {
  return complete(failure, std::move(detail));
}

AGENT_WEBSOCKET_INLINE http_script& http_script::cut_after(std::size_t bytes) {
  cut_ = bytes;
  return *this;
}

AGENT_WEBSOCKET_INLINE http_script& http_script::add(http_step step) {
  steps_.push_back(std::move(step));
  return *this;
}

AGENT_WEBSOCKET_INLINE std::string sse(std::string_view text) {
  std::string event = "data: ";
  for (const char c : text) {
    event.push_back(c);
    if (c == '\n') event += "data: ";
  }
  return event += "\n\n";
}

#endif

}  // namespace testing
}  // namespace agent_websocket
