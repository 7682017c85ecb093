// SPDX-License-Identifier: MIT
//
// One HTTP/1.1 request (RFC 9112) from bytes that come in pieces, by websocketpp's
// http::parser::request, with the checks that this parser leaves out. A head may have 16 000 bytes
// (websocketpp's constant, whose count takes each line for one byte longer), a body needs a
// Content-Length. No chunked bodies, no second request on a connection.
#pragma once

#include <agent_websocket/adapters/websocketpp_handshake.hpp>
#include <agent_websocket/http/message.hpp>

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

  explicit request_reader(std::size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  /// Takes all of `bytes`; what lies behind the request is in rest().
  progress feed(std::string_view bytes) {
    if (!has_head_) {
      const std::size_t seen = bytes_.size();
      if (seen != 0) {
        bytes_.append(bytes);
        bytes = bytes_;
      }
      // The end of the head may have begun in what was there before.
      const std::size_t end = bytes.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
      const std::size_t head_size = end == std::string_view::npos ? bytes.size() : end + 4;
      if (head_size > websocketpp::http::max_header_size)
        return fail(431, "Request header too large");
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

  /// After `complete`.
  http::request& request() noexcept { return request_; }
  upgrade_request upgrade() const noexcept { return upgrade_; }
  /// The value for Sec-WebSocket-Accept; only of a well-formed upgrade.
  const std::string& accept_key() const noexcept { return accept_key_; }
  /// Bytes that came behind the request.
  std::string& rest() noexcept { return bytes_; }

  /// What the body takes so far; 0 unless it has an allocation of its own.
  std::size_t body_memory() const noexcept {
    return request_.body.empty() ? 0 : request_.body.capacity();
  }

  /// After `failed`.
  const request_refusal& refusal() const noexcept { return refusal_; }

  /// True when the head is there and the client waits for "100 Continue" before it sends the body.
  bool wants_continue() const noexcept {
    return expects_continue_ && request_.body.empty() && body_size_ > 0;
  }

 private:
  progress fail(int status, const char* words) {
    refusal_ = {status, words};
    return progress::failed;
  }
  bool refuse(int status, const char* words) {
    fail(status, words);
    return false;
  }

  /// What websocketpp lets pass: control characters, folded lines, a space or nothing before the
  /// colon.
  static bool is_clean(std::string_view head) noexcept {
    bool in_name = false;  // the first line is the request line
    for (std::size_t i = 0; i < head.size(); ++i) {
      const char c = head[i];
      if (c == '\r') {
        if (i + 1 == head.size() || head[i + 1] != '\n') return false;
        ++i;
        if (i + 1 < head.size() && (head[i + 1] == ' ' || head[i + 1] == '\t')) return false;
        in_name = true;
      } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) {
        return false;
      } else if (in_name) {
        if (c == ' ' || c == '\t' || (c == ':' && head[i - 1] == '\n')) return false;
        if (c == ':') in_name = false;
      }
    }
    return true;
  }

  /// How many lines of the head begin with this name and a colon.
  static int count_fields(std::string_view head, std::string_view name) noexcept {
    int count = 0;
    for (std::size_t end = head.find("\r\n"); end != std::string_view::npos;
         end = head.find("\r\n", end + 2)) {
      const std::string_view line = head.substr(end + 2, name.size() + 1);
      if (line.size() == name.size() + 1 && line.back() == ':' &&
          http::iequals(line.substr(0, name.size()), name)) {
        ++count;
      }
    }
    return count;
  }

  /// Fields of which a request has one at most. The parser joins repeated ones, but it drops an
  /// empty one in front of another, which a proxy before us may have understood in its own way.
  static bool has_repeated(std::string_view head) noexcept {
    for (const std::string_view single : {"Host", "Content-Length", "Origin", "Authorization",
                                          "Sec-WebSocket-Key", "Sec-WebSocket-Version"}) {
      if (count_fields(head, single) > 1) return true;
    }
    return false;
  }

  bool take_head(std::string_view head) {
    if (!is_clean(head)) return refuse(400, "Malformed request");
    if (has_repeated(head)) return refuse(400, "A field that must stand alone is repeated");
    websocketpp::http::parser::request parsed;
    parsed.set_max_body_size(
        static_cast<std::size_t>(-1));  // the length is checked below, as a number
    try {
      parsed.consume(head.data(), head.size());
    } catch (const websocketpp::http::exception& failure) {
      if (failure.m_error_code == websocketpp::http::status_code::request_header_fields_too_large) {
        return refuse(431, "Request header too large");
      }
      // Only HTTP/1.1 demands a Host; the probes of some load balancers still speak 1.0. This is
      // the parser's last check: it has read everything.
      if (failure.m_msg != "Incomplete Request" || parsed.get_version() != "HTTP/1.0") {
        return refuse(400, "Malformed request");
      }
    }
    return take_request_line(parsed) && take_fields(parsed) && take_length() &&
           take_upgrade(parsed);
  }

  bool take_request_line(const websocketpp::http::parser::request& parsed) {
    const std::string& version = parsed.get_version();
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
      return version.compare(0, 5, "HTTP/") == 0 ? refuse(505, "Only HTTP/1.1 is supported")
                                                 : refuse(400, "Malformed request");
    }
    request_.method = parsed.get_method();
    std::string_view target = parsed.get_uri();
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
    request_.target = std::string(target);
    return true;
  }

  bool take_fields(const websocketpp::http::parser::request& parsed) {
    // Repeated fields were joined with commas; a second Host shows itself by one.
    if (parsed.get_header("Host").find(',') != std::string::npos)
      return refuse(400, "More than one Host");
    for (const auto& [name, value] : parsed.get_headers()) request_.headers.add(name, value);
    expects_continue_ = http::iequals(parsed.get_header("Expect"), "100-continue");
    return true;
  }

  bool take_length() {
    if (request_.headers.contains("Transfer-Encoding")) {
      return refuse(501, "Bodies need a Content-Length");
    }
    const auto length = request_.headers.find("Content-Length");
    if (!length) return true;
    const char* const last = length->data() + length->size();
    const auto [end, failure] = std::from_chars(length->data(), last, body_size_);
    if (failure == std::errc::result_out_of_range) return refuse(413, "Request body too large");
    if (failure != std::errc() || end != last) return refuse(400, "Malformed Content-Length");
    if (body_size_ > max_body_bytes_) return refuse(413, "Request body too large");
    return true;
  }

  bool take_upgrade(const websocketpp::http::parser::request& parsed) {
    upgrade_ = upgrade_of(parsed);
    switch (upgrade_) {
      case upgrade_request::none: return true;
      case upgrade_request::wrong_version: return refuse(426, "WebSocket version 13 is required");
      case upgrade_request::malformed: return refuse(400, "Malformed WebSocket handshake");
      case upgrade_request::well_formed: break;
    }
    if (body_size_ != 0) return refuse(400, "Malformed WebSocket handshake");
    accept_key_ = accept_key_of(parsed);
    return true;
  }

  progress take_body(std::string_view bytes) {
    const std::string_view part = bytes.substr(0, body_size_ - request_.body.size());
    request_.body.append(part);
    if (request_.body.size() < body_size_) return progress::more;
    bytes_.append(bytes.substr(part.size()));
    return progress::complete;
  }

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

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
