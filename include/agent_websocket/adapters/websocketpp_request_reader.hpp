// SPDX-License-Identifier: MIT
//
// One HTTP/1.1 request (RFC 9112) from bytes that come in pieces. A head may have 16 000 bytes, a
// body needs a Content-Length. No chunked bodies, no second request on a connection.
#pragma once

#include <agent_websocket/adapters/websocketpp_handshake.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/http/request_head.hpp>
#include <agent_websocket/http/url.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Why a request is not served: the status of the answer and its text.
struct request_refusal {
  int status = 400;
  const char* words = "Bad request";
};

/// Reads one request. Feed it until it is complete or failed; it keeps at most a head and a body.
class request_reader {
 public:
  enum class progress { more, complete, failed };

  static constexpr std::size_t max_head_bytes = 16'000;

  explicit request_reader(std::size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  /// Takes all of `bytes`; what lies behind the request is in rest().
  progress feed(std::string_view bytes);

  /// After `complete`.
  http::request& request() noexcept { return request_; }
  upgrade_request upgrade() const noexcept { return upgrade_; }
  /// The value for Sec-WebSocket-Accept; only of a well-formed upgrade.
  const std::string& accept_key() const noexcept { return accept_key_; }
  /// Bytes that came behind the request.
  std::string& rest() noexcept { return bytes_; }

  /// What the body takes so far; 0 unless it has an allocation of its own.
  std::size_t body_memory() const noexcept;

  /// After `failed`.
  const request_refusal& refusal() const noexcept { return refusal_; }

  /// True when the head is there and the client waits for "100 Continue" before it sends the body.
  bool wants_continue() const noexcept;

 private:
  progress fail(int status, const char* words);
  bool refuse(int status, const char* words);

  bool take_head(std::string_view head);

  bool take_request_line(const http::request_head& parsed);

  bool take_length(const http::header_list& headers);

  bool take_upgrade(const http::request_head& parsed);

  progress take_body(std::string_view bytes);

  http::request request_;
  std::string bytes_;  // of an unfinished head; behind the end, what follows the request
  std::string accept_key_;
  std::size_t max_body_bytes_;
  std::size_t body_size_ = 0;
  request_refusal refusal_;
  upgrade_request upgrade_ = upgrade_request::none;
  bool has_head_ = false;
  bool expects_continue_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE request_reader::progress request_reader::feed(std::string_view bytes) {
  if (!has_head_) {
    const std::size_t seen = bytes_.size();
    if (seen != 0) {
      bytes_.append(bytes);
      bytes = bytes_;
    }
    // The end of the head may have begun in what was there before.
    const std::size_t end = bytes.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
    const std::size_t head_size = end == std::string_view::npos ? bytes.size() : end + 4;
    if (head_size > max_head_bytes) return fail(431, "Request header too large");
    if (end == std::string_view::npos) {
      if (seen == 0) bytes_ = std::string(bytes);
      return progress::more;
    }
    has_head_ = true;
    if (!take_head(bytes.substr(0, head_size))) return progress::failed;
    const std::string behind(bytes.substr(head_size));
    std::string().swap(bytes_);
    return take_body(behind);
  }
  return take_body(bytes);
}

AGENT_WEBSOCKET_INLINE std::size_t request_reader::body_memory() const noexcept {
  return request_.body.empty() ? 0 : request_.body.capacity();
}

AGENT_WEBSOCKET_INLINE bool request_reader::wants_continue() const noexcept {
  return expects_continue_ && request_.body.empty() && body_size_ > 0;
}

AGENT_WEBSOCKET_INLINE request_reader::progress request_reader::fail(int status,
                                                                     const char* words) {
  refusal_ = {status, words};
  return progress::failed;
}

AGENT_WEBSOCKET_INLINE bool request_reader::refuse(int status, const char* words) {
  fail(status, words);
  return false;
}

AGENT_WEBSOCKET_INLINE bool request_reader::take_head(std::string_view head) {
  http::request_head parsed;
  if (const char* wrong = http::request_head_parser().parse(head, parsed))
    return refuse(400, wrong);
  const std::string_view host = parsed.headers.find("Host").value_or(std::string_view());
  // Only HTTP/1.1 demands a Host; the probes of some load balancers still speak 1.0.
  if (host.empty() && parsed.version != "HTTP/1.0") return refuse(400, "Malformed request");
  if (!take_request_line(parsed)) return false;
  if (host.find(',') != std::string_view::npos) return refuse(400, "More than one Host");
  if (!host.empty() && !http::is_host_field(host)) return refuse(400, "Malformed Host");
  if (!take_length(parsed.headers) || !take_upgrade(parsed)) return false;
  const auto expected = parsed.headers.find("Expect");
  // A client of HTTP/1.0 would take 100 for the answer (RFC 9110 section 10.1.1).
  expects_continue_ =
      expected && http::iequals(*expected, "100-continue") && parsed.version != "HTTP/1.0";
  request_.headers = std::move(parsed.headers);
  return true;
}

AGENT_WEBSOCKET_INLINE bool request_reader::take_request_line(const http::request_head& parsed) {
  // A later 1.x is read as the one that is known (RFC 9110 section 2.5).
  const bool is_known = parsed.version.size() == 8 && parsed.version.substr(0, 7) == "HTTP/1." &&
                        parsed.version[7] >= '0' && parsed.version[7] <= '9';
  if (!is_known) {
    return parsed.version.substr(0, 5) == "HTTP/" ? refuse(505, "Only HTTP/1.1 is supported")
                                                  : refuse(400, "Malformed request");
  }
  request_.method = parsed.method;
  std::string_view target = parsed.target;
  for (const std::string_view scheme : {"http://", "https://"}) {  // RFC 9112 section 3.2.2
    if (http::iequals(target.substr(0, scheme.size()), scheme)) {
      const std::size_t slash = target.find('/', scheme.size());
      target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
      break;
    }
  }
  const bool has_form =
      target.substr(0, 1) == "/" || (target == "*" && request_.method == "OPTIONS");
  if (!has_form) return refuse(400, "Malformed request target");
  for (const char c : target) {
    if (c <= 0x20 || c > 0x7E || c == '#') return refuse(400, "Malformed request target");
  }
  request_.target = target;
  return true;
}

AGENT_WEBSOCKET_INLINE bool request_reader::take_length(const http::header_list& headers) {
  if (headers.contains("Transfer-Encoding")) return refuse(501, "Bodies need a Content-Length");
  const auto length = headers.find("Content-Length");
  if (!length) return true;
  const char* const last = length->data() + length->size();
  const auto [end, failure] = std::from_chars(length->data(), last, body_size_);
  if (failure == std::errc::result_out_of_range) return refuse(413, "Request body too large");
  if (failure != std::errc() || end != last) return refuse(400, "Malformed Content-Length");
  if (body_size_ > max_body_bytes_) return refuse(413, "Request body too large");
  return true;
}

AGENT_WEBSOCKET_INLINE bool request_reader::take_upgrade(const http::request_head& parsed) {
  upgrade_ = upgrade_of(parsed);
  switch (upgrade_) {
    case upgrade_request::none: return true;
    case upgrade_request::wrong_version: return refuse(426, "WebSocket version 13 is required");
    case upgrade_request::malformed: return refuse(400, "Malformed WebSocket handshake");
    case upgrade_request::well_formed: break;
  }
  if (body_size_ != 0) return refuse(400, "Malformed WebSocket handshake");
  accept_key_ = accept_key_of(*parsed.headers.find("Sec-WebSocket-Key"));
  return true;
}

AGENT_WEBSOCKET_INLINE request_reader::progress request_reader::take_body(std::string_view bytes) {
  const std::string_view part = bytes.substr(0, body_size_ - request_.body.size());
  request_.body.append(part);
  if (request_.body.size() < body_size_) return progress::more;
  bytes_.append(bytes.substr(part.size()));
  return progress::complete;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
