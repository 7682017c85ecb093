// SPDX-License-Identifier: MIT
//
// Model of the requirement Logger (policy/logger.hpp): one line per record to standard error or
// another file descriptor, as text for people or as a JSON object (RFC 8259) for machines. No
// files, no rotation, no thread of its own: that is the service manager's business.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/timestamp.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/escape.hpp>
#include <agent_websocket/policy/logger.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace agent_websocket {
namespace adapters {

enum class log_format { text, json };

/// Lines are cut here: what POSIX writes to a pipe in one piece, so that lines of several processes
/// do not mix (PIPE_BUF).
inline constexpr std::size_t max_log_line_bytes = 4096;

namespace detail {

/// Appends `text` a character at a time, each as `escape` writes it, while the line stays shorter
/// than `limit`; what is cut off is marked by "...".
template <typename Escape>
void append_within(std::string& line, std::string_view text, std::size_t limit, Escape escape) {
  constexpr std::string_view mark = "...";
  std::size_t fits = line.size();  // the longest length that leaves space for the mark
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    const std::size_t taken = length == 0 ? 1 : length;
    if (line.size() + mark.size() <= limit) fits = line.size();
    escape(line, text.substr(0, taken), length != 0);
    if (line.size() > limit) {
      line.resize(fits);
      line += mark;
      return;
    }
    text.remove_prefix(taken);
  }
}

}  // namespace detail

/// One record as a line, with its '\n', of at most max_log_line_bytes. Text:
///
///     2026-01-01T00:00:00.000Z info session_opened session=4f0c... resumed=false
///
/// JSON: an object with time, level and event, and with session and text where there are any.
std::string format_log_line(const log_record& record, wall_time when, log_format format);

/// Writes each record by one write(2). May be used from any thread. A line that cannot be written
/// is dropped; nobody waits for a log.
class stderr_logger {
 public:
  explicit stderr_logger(log_level least = log_level::info, log_format format = log_format::text,
                         int file_descriptor = 2);

  bool enabled(log_level level) const noexcept;

  void write(const log_record& record) const noexcept;

 private:
  void put(std::string_view rest) const noexcept;

  log_level least_;
  log_format format_;
  int file_descriptor_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// The code point of a character that is not seen and yet moves what is: C1 controls, line and
/// paragraph separators, and marks that change the direction of writing, by which a line could be
/// made to look like another one. 0 for all others.
inline unsigned unseen_code_point(std::string_view character) noexcept {
  const auto bits = [character](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(character[i]) & 0x3F);
  };
  if (character.size() == 2) {
    const unsigned point = ((bits(0) & 0x1F) << 6) | bits(1);
    return point < 0xA0 || point == 0x061C ? point : 0;
  }
  if (character.size() != 3) return 0;
  const unsigned point = ((bits(0) & 0x0F) << 12) | (bits(1) << 6) | bits(2);
  const bool moves = point == 0x200E || point == 0x200F || (point >= 0x2028 && point <= 0x202E) ||
                     (point >= 0x2066 && point <= 0x2069);
  return moves ? point : 0;
}

inline void append_code_point(std::string& line, unsigned point) {
  static constexpr char digits[] = "0123456789abcdef";
  line += "\\u";
  for (const unsigned shift : {12u, 8u, 4u, 0u}) line += digits[(point >> shift) & 0xF];
}

/// For a terminal: control characters (C0, DEL) as \n, \t or \x1b, others that are not seen as
/// \u009b, invalid bytes as \xff.
inline void escape_for_people(std::string& line, std::string_view character, bool valid) {
  static constexpr char digits[] = "0123456789abcdef";
  if (const unsigned point = valid ? unseen_code_point(character) : 0; point != 0)
    return append_code_point(line, point);
  const auto first = static_cast<unsigned char>(character.front());
  if (valid && first >= 0x20 && first != 0x7F && first != '\\') {
    line += character;
    return;
  }
  switch (first) {
    case '\n': line += "\\n"; return;
    case '\r': line += "\\r"; return;
    case '\t': line += "\\t"; return;
    case '\\': line += "\\\\"; return;
    default:
      line += "\\x";
      line += digits[first >> 4];
      line += digits[first & 0xF];
  }
}

inline void escape_for_json(std::string& line, std::string_view character, bool valid) {
  const unsigned point = valid ? unseen_code_point(character) : 0;
  point != 0 ? append_code_point(line, point) : json::append_escaped(line, character);
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE std::string format_log_line(const log_record& record, wall_time when,
                                                   log_format format) {
  std::string line;
  const auto add = [&line, format](std::string_view text, std::size_t limit) {
    if (format == log_format::json) {
      detail::append_within(line, text, limit, detail::escape_for_json);
    } else {
      detail::append_within(line, text, limit, detail::escape_for_people);
    }
  };
  const bool json = format == log_format::json;
  const std::size_t end = max_log_line_bytes - (json ? 3 : 1);  // "}\n and \n
  line += json ? "{\"time\":\"" : "";
  line += to_iso8601(when);
  line += json ? "\",\"level\":\"" : " ";
  line += to_string(record.level);
  line += json ? "\",\"event\":\"" : " ";
  add(record.event, end / 4);
  if (!record.session.empty()) {
    line += json ? "\",\"session\":\"" : " session=";
    add(record.session, end / 2);
  }
  if (!record.text.empty()) {
    line += json ? "\",\"text\":\"" : " ";
    add(record.text, end);
  }
  line += json ? "\"}\n" : "\n";
  return line;
}

AGENT_WEBSOCKET_INLINE stderr_logger::stderr_logger(log_level least, log_format format,
                                                    int file_descriptor)
    : least_(least), format_(format), file_descriptor_(file_descriptor) {}

AGENT_WEBSOCKET_INLINE bool stderr_logger::enabled(log_level level) const noexcept {
  return level >= least_ && level != log_level::off;
}

AGENT_WEBSOCKET_INLINE void stderr_logger::write(const log_record& record) const noexcept {
  try {
    const std::string line = format_log_line(record, std::chrono::system_clock::now(), format_);
    put(line);
  } catch (...) {  // out of memory: without this line
  }
}

AGENT_WEBSOCKET_INLINE void stderr_logger::put(std::string_view rest) const noexcept {
  while (!rest.empty()) {
#ifdef _WIN32
    const auto done = ::_write(file_descriptor_, rest.data(), static_cast<unsigned>(rest.size()));
#else
    const auto done = ::write(file_descriptor_, rest.data(), rest.size());
#endif
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(done));
  }
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
