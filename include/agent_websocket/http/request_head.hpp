// SPDX-License-Identifier: MIT
//
// The head of an HTTP/1.1 request (RFC 9112 sections 3 and 5) as a server reads it, in one pass:
// request line and fields. Strict where a lenient reader and a proxy before us could disagree about
// where a line ends, what a field is called, or which of two counts. Of what the fields say it
// knows nothing. No sockets.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/headers.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {
namespace http {

struct request_head {
  // Views into the text that was read.
  std::string_view method;
  std::string_view target;   ///< as sent, not checked; may be empty
  std::string_view version;  ///< what stands behind the target, such as "HTTP/1.1"; not checked
  /// In the order of their first appearance. Repeated ones are one, joined by ", " (RFC 9110
  /// section 5.2); an empty value is left out where another one follows.
  header_list headers;
};

/// Reads one whole head: from the request line up to and with the empty line. Nothing of it is kept
/// but the fields.
class request_head_parser {
 public:
  /// Null when it went well, else what is wrong, in words for the peer.
  const char* parse(std::string_view text, request_head& into);

 private:
  static constexpr const char* malformed = "Malformed request";
  static constexpr std::size_t usual_fields = 16;

  /// Has no control characters but tabs and what ends lines. Without a branch, for the compiler to
  /// look at many at once.
  static bool is_clean(std::string_view text) noexcept;

  /// Takes a line out; CRLF ends it and nothing else. False: it has another end, or none.
  static bool take_line(std::string_view& text, std::string_view& line) noexcept;

  bool request_line(std::string_view line) noexcept;

  /// A folded line, and a space before the colon, make a name that is none.
  const char* field_line(std::string_view line);

  /// Where the field of that name is; the number of fields when there is none.
  std::size_t find(std::string_view name, std::uint32_t mark) const noexcept;

  /// The same for names that differ in case alone, so that a head of thousands of fields does not
  /// have all their names compared with each other.
  static std::uint32_t mark_of(std::string_view name) noexcept;

  /// Fields of which a request has one at most, not even an empty one beside it: a proxy before us
  /// may have understood two in its own way.
  static bool must_stand_alone(std::string_view name) noexcept;

  request_head* head_ = nullptr;
  std::vector<std::uint32_t> marks_;  // of the fields, in their order
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const char* request_head_parser::parse(std::string_view text,
                                                              request_head& into) {
  head_ = &into;
  into = request_head();
  marks_.clear();
  into.headers.reserve(usual_fields);
  marks_.reserve(usual_fields);
  std::string_view line;
  if (!is_clean(text) || !take_line(text, line) || !request_line(line)) return malformed;
  while (!text.empty()) {
    if (!take_line(text, line)) return malformed;
    if (line.empty()) break;
    if (const char* wrong = field_line(line)) return wrong;
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE bool request_head_parser::is_clean(std::string_view text) noexcept {
  unsigned char found = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = (byte < 0x20) | (byte == 0x7F);
    const bool is_allowed = (c == '\t') | (c == '\r') | (c == '\n');
    found |= static_cast<unsigned char>(is_control & !is_allowed);
  }
  return found == 0;
}

AGENT_WEBSOCKET_INLINE bool request_head_parser::take_line(std::string_view& text,
                                                           std::string_view& line) noexcept {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || end == 0 || text[end - 1] != '\r') return false;
  line = text.substr(0, end - 1);
  text.remove_prefix(end + 1);
  return line.find('\r') == std::string_view::npos;
}

AGENT_WEBSOCKET_INLINE bool request_head_parser::request_line(std::string_view line) noexcept {
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return false;
  const std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return false;
  head_->method = line.substr(0, first);
  head_->target = line.substr(first + 1, second - first - 1);
  head_->version = line.substr(second + 1);
  return is_token(head_->method);
}

AGENT_WEBSOCKET_INLINE const char* request_head_parser::field_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return malformed;
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) return malformed;
  const std::string_view value = trim(line.substr(colon + 1));
  const std::uint32_t mark = mark_of(name);
  const std::size_t position = find(name, mark);
  if (position == marks_.size()) {
    head_->headers.add(std::string(name), std::string(value));
    marks_.push_back(mark);
    return nullptr;
  }
  if (must_stand_alone(name)) return "A field that must stand alone is repeated";
  std::string& before = head_->headers.value_at(position);
  if (!before.empty()) before.append(", ");
  before.append(value);
  return nullptr;
}

AGENT_WEBSOCKET_INLINE std::size_t request_head_parser::find(std::string_view name,
                                                             std::uint32_t mark) const noexcept {
  auto found = marks_.begin();
  while ((found = std::find(found, marks_.end(), mark)) != marks_.end()) {
    const auto position = static_cast<std::size_t>(found - marks_.begin());
    if (iequals((head_->headers.begin() + (found - marks_.begin()))->first, name)) return position;
    ++found;
  }
  return marks_.size();
}

AGENT_WEBSOCKET_INLINE std::uint32_t request_head_parser::mark_of(std::string_view name) noexcept {
  std::uint32_t mark = 0;
  for (const char c : name) mark = mark * 31 + (static_cast<unsigned char>(c) | 0x20u);
  return mark;
}

AGENT_WEBSOCKET_INLINE bool request_head_parser::must_stand_alone(std::string_view name) noexcept {
  for (const std::string_view single : {"Host", "Content-Length", "Origin", "Authorization",
                                        "Sec-WebSocket-Key", "Sec-WebSocket-Version"}) {
    if (iequals(name, single)) return true;
  }
  return false;
}

#endif

}  // namespace http
}  // namespace agent_websocket
