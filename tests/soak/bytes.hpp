// SPDX-License-Identifier: MIT
//
// The formats that the soak tests need, and no more of them: WebSocket frames (RFC 6455 section 5)
// as a client writes and reads them, and the members of one JSON object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace soak {

enum opcode : unsigned { text = 1, close = 8, ping = 9, pong = 10 };

/// A whole masked frame.
inline void append_frame(std::string& out, unsigned op, std::string_view payload,
                         std::uint32_t key) {
  out += static_cast<char>(0x80 | op);
  const auto put_length = [&](unsigned mark, unsigned bytes) {
    out += static_cast<char>(0x80 | mark);
    while (bytes-- > 0) out += static_cast<char>((payload.size() >> (8 * bytes)) & 0xFF);
  };
  if (payload.size() < 126) {
    put_length(static_cast<unsigned>(payload.size()), 0);
  } else if (payload.size() < 65'536) {
    put_length(126, 2);
  } else {
    put_length(127, 8);
  }
  char mask[4];
  for (unsigned i = 0; i < 4; ++i) mask[i] = static_cast<char>((key >> (8 * i)) & 0xFF);
  out.append(mask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i)
    out += static_cast<char>(payload[i] ^ mask[i % 4]);
}

/// The next whole frame of a server at `at`, which goes behind it; false when more bytes are
/// needed. Servers mask nothing, and this one makes no fragments.
struct frame {
  unsigned op = 0;
  std::string_view payload;
};
inline bool take_frame(std::string_view bytes, std::size_t& at, frame& next) {
  const std::string_view rest = bytes.substr(at);
  if (rest.size() < 2) return false;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  std::size_t length = byte(1) & 0x7FU;
  const std::size_t more = length == 127 ? 8 : length == 126 ? 2 : 0;
  if (rest.size() < 2 + more) return false;
  if (more != 0) length = 0;
  for (std::size_t i = 0; i < more; ++i) length = (length << 8) | byte(2 + i);
  if (rest.size() - 2 - more < length) return false;
  next.op = byte(0) & 0x0FU;
  next.payload = rest.substr(2 + more, length);
  at += 2 + more + length;
  return true;
}

/// The members of one JSON object, with views into its text. Values within values stay text.
class json_object {
 public:
  explicit json_object(std::string_view text) : text_(text) {
    skip_to('{');
    while (at_ < text_.size() && text_[at_] == '"') {
      const std::string_view name = take_value();
      skip_to(':');
      members_.emplace_back(name.substr(1, name.size() - 2), take_value());
      skip_to(',');
    }
  }

  /// As it stands there; empty when there is none.
  std::string_view raw(std::string_view name) const {
    for (const auto& [each, value] : members_) {
      if (each == name) return value;
    }
    return {};
  }
  bool has(std::string_view name) const { return !raw(name).empty(); }
  bool is_true(std::string_view name) const { return raw(name) == "true"; }
  std::uint64_t number(std::string_view name) const {
    return std::strtoull(std::string(raw(name)).c_str(), nullptr, 10);
  }
  /// A string; what is asked for here has no escapes, or it differs from what is expected.
  std::string_view string(std::string_view name) const {
    const std::string_view value = raw(name);
    return value.size() < 2 ? std::string_view() : value.substr(1, value.size() - 2);
  }

 private:
  void skip_to(char mark) {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == mark)) ++at_;
  }

  std::string_view take_value() {
    const std::size_t begin = at_;
    int depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) at_ += text_[at_] == '\\';
        if (depth == 0) {
          ++at_;
          break;
        }
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && depth > 0) {
        if (--depth == 0) {
          ++at_;
          break;
        }
      } else if (depth == 0 && (c == ',' || c == '}' || c == ':')) {
        break;
      }
    }
    return text_.substr(begin, at_ - begin);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::pair<std::string_view, std::string_view>> members_;
};

/// What is asked of the upstream of these tests, and what it has to answer: the tag, then `count`
/// tokens, each a space and its number, `width` bytes wide.
struct question {
  std::size_t count = 0;
  std::size_t delay_us = 0;  ///< between two tokens
  std::size_t width = 8;
  std::string tag;

  std::string words() const {
    return "soak " + std::to_string(count) + " " + std::to_string(delay_us) + " " +
           std::to_string(width) + " " + tag;
  }
  std::string token(std::size_t index) const {
    const std::string number = std::to_string(index);
    return " " + std::string(width - 1 > number.size() ? width - 1 - number.size() : 0, '0') +
           number;
  }
  std::string answer() const {
    std::string whole = tag;
    for (std::size_t i = 0; i < count; ++i) whole += token(i);
    return whole;
  }

  /// The last one in a request's body.
  static question last_in(std::string_view body) {
    question found;
    const std::size_t at = body.rfind("soak ");
    if (at == std::string_view::npos) return found;
    const std::string from(body.substr(at + 5, 100));
    char* next = nullptr;
    found.count = std::strtoull(from.c_str(), &next, 10);
    found.delay_us = std::strtoull(next, &next, 10);
    found.width = std::strtoull(next, &next, 10);
    for (++next; *next != '\0' && *next != '"'; ++next) found.tag += *next;
    return found;
  }
};

}  // namespace soak
