// SPDX-License-Identifier: MIT
//
// The head of an HTTP/1.1 response (RFC 9112 sections 4 to 6) as a client reads it: status line,
// fields, and what they say of the body and of the connection. Strict where a lenient reader and
// another one on the way could disagree about where the body ends. No sockets.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/headers.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace http {

/// How the end of a response's body is found.
enum class body_framing : std::uint8_t { none, length, chunked, until_close };

struct response_head {
  int status = 0;
  header_list headers;
  body_framing framing = body_framing::none;
  std::uint64_t length = 0;    ///< of a body with body_framing::length
  bool is_persistent = false;  ///< the connection may serve the next request
};

/// The number in a Content-Length field: digits only, and it fits.
constexpr std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

/// Reads one whole head: from the status line up to and with the empty line. Nothing of it is kept.
class response_head_parser {
 public:
  /// Null when it went well, else what is wrong, in words for a log. `to_head_request`: the answer
  /// to a HEAD, which never has a body.
  const char* parse(std::string_view text, bool to_head_request, response_head& into);

 private:
  /// Without its end, which is CRLF or (RFC 9112 section 2.2) LF alone.
  static std::string_view take_line(std::string_view& text) noexcept;

  static bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

  const char* status_line(std::string_view line);

  const char* field_line(std::string_view line, header_list::field& last);

  void add(header_list::field& last);

  /// RFC 9112 section 6.3. Both kinds of length at once, two lengths, and codings that nobody asked
  /// for are refused: this is what response splitting looks like.
  const char* framing(bool to_head_request);

  response_head* head_ = nullptr;
  bool is_old_ = false;  // HTTP/1.0
};

/// Where the head ends that begins `text`: the position behind its empty line, or npos. `from`: a
/// place before which was no end the last time.
std::size_t head_end(std::string_view text, std::size_t from = 0) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const char* response_head_parser::parse(std::string_view text,
                                                               bool to_head_request,
                                                               response_head& into) {
  head_ = &into;
  into = response_head();
  into.headers.reserve(16);
  if (const char* wrong = status_line(take_line(text))) return wrong;
  header_list::field last;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    if (const char* wrong = field_line(line, last)) return wrong;
  }
  add(last);
  return framing(to_head_request);
}

AGENT_WEBSOCKET_INLINE std::string_view response_head_parser::take_line(
    std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

AGENT_WEBSOCKET_INLINE const char* response_head_parser::status_line(std::string_view line) {
  // "HTTP/1.1 200" and, for some servers, no phrase and not even the space before it.
  if (line.size() < 12 || line.substr(0, 7) != "HTTP/1." || !is_digit(line[7]) || line[8] != ' ' ||
      !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) ||
      (line.size() > 12 && line[12] != ' ') || line[9] == '0') {
    return "the answer does not begin with a status line of HTTP/1.1";
  }
  is_old_ = line[7] == '0';
  head_->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  return nullptr;
}

AGENT_WEBSOCKET_INLINE const char* response_head_parser::field_line(std::string_view line,
                                                                    header_list::field& last) {
  // A NUL or a CR inside of a line: readers disagree about where such a line ends.
  if (line.find('\0') != std::string_view::npos || line.find('\r') != std::string_view::npos) {
    return "a field of the answer holds a control character";
  }
  if (line.front() == ' ' || line.front() == '\t') {  // obs-fold, RFC 9112 section 5.2
    if (last.first.empty()) return "the first field of the answer has no name";
    last.second.append(" ").append(trim(line));
    return nullptr;
  }
  add(last);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return "a line of the answer's header section is no field";
  }
  last.first = line.substr(0, colon);
  last.second = trim(line.substr(colon + 1));
  return nullptr;
}

AGENT_WEBSOCKET_INLINE void response_head_parser::add(header_list::field& last) {
  if (last.first.empty()) return;
  head_->headers.add(std::move(last.first), std::move(last.second));
  last = {};
}

AGENT_WEBSOCKET_INLINE const char* response_head_parser::framing(bool to_head_request) {
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
  std::optional<std::uint64_t> length;
  for (const auto& [name, value] : head_->headers) {
    if (iequals(name, "Content-Length")) {
      std::string_view list = value;
      while (true) {  // "5, 5" is what some proxies make of two equal fields
        const std::size_t comma = std::min(list.find(','), list.size());
        const auto number = parse_length(trim(list.substr(0, comma)));
        if (!number) return "the answer's Content-Length is no number";
        if (length && *length != *number) return "the answer has two values of Content-Length";
        length = number;
        if (comma == list.size()) break;
        list.remove_prefix(comma + 1);
      }
    } else if (iequals(name, "Transfer-Encoding")) {
      if (chunked || !iequals(value, "chunked")) {
        return "the answer's Transfer-Encoding is not \"chunked\"";
      }
      chunked = true;
    } else if (iequals(name, "Connection")) {
      std::string_view list = value;
      while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view word = trim(list.substr(0, comma));
        close = close || iequals(word, "close");
        keep_alive = keep_alive || iequals(word, "keep-alive");
        list.remove_prefix(std::min(comma + 1, list.size()));
      }
    }
  }
  if (chunked && length) return "the answer has both Content-Length and Transfer-Encoding";
  if (chunked && is_old_) return "the answer is of HTTP/1.0 and has a Transfer-Encoding";
  const int status = head_->status;
  if (to_head_request || status < 200 || status == 204 || status == 304) {
    head_->framing = body_framing::none;
  } else if (chunked) {
    head_->framing = body_framing::chunked;
  } else if (length) {
    head_->framing = body_framing::length;
    head_->length = *length;
  } else {
    head_->framing = body_framing::until_close;
  }
  head_->is_persistent =
      !close && (!is_old_ || keep_alive) && head_->framing != body_framing::until_close;
  return nullptr;
}

AGENT_WEBSOCKET_INLINE std::size_t head_end(std::string_view text, std::size_t from) noexcept {
  while (true) {
    const std::size_t feed = text.find('\n', from);
    if (feed == std::string_view::npos || feed + 1 >= text.size()) return std::string_view::npos;
    if (text[feed + 1] == '\n') return feed + 2;
    if (text[feed + 1] == '\r') {
      if (feed + 2 >= text.size()) return std::string_view::npos;
      if (text[feed + 2] == '\n') return feed + 3;
    }
    from = feed + 1;
  }
}

#endif

}  // namespace http
}  // namespace agent_websocket
