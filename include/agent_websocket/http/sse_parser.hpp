// SPDX-License-Identifier: MIT
//
// Server-sent events, as the WHATWG HTML standard has them (section 9.2.6, "Interpreting an event
// stream"): bytes in, events out, wherever the bytes were cut. Linear in the bytes; an event that
// lies in one read is not copied. Differs from the standard in two things, both for model servers:
// an event without its blank line at the end is given out (marked), and so is a line `error: ...`.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace http {

/// One event. The views are valid during the call that shows it only.
struct sse_event {
  std::string_view event_type;  ///< of the field `event`; empty when there was none
  std::string_view data;        ///< the fields `data`, joined by LF
  /// Where the event's first data line begins: the number of bytes of the stream before it.
  std::uint64_t position = 0;
  /// A line `error: data` (llama.cpp before September 2025), which the standard would ignore.
  bool is_error_field = false;
  /// The stream ended before the event's blank line.
  bool unterminated = false;
};

/// An incremental parser of one stream. `OnEvent` is called as bool(const sse_event&): false means
/// that nothing more is wanted, and all further bytes are dropped. It must not call the parser.
class sse_parser {
 public:
  static constexpr std::size_t default_max_event_bytes = 8u << 20;

  explicit sse_parser(std::size_t max_event_bytes = default_max_event_bytes) noexcept;

  /// Takes the next bytes. errc::too_large once an event is above the limit; the parser then drops
  /// what follows.
  template <typename OnEvent>
  std::error_code feed(std::string_view bytes, OnEvent&& on_event) {
    const std::uint64_t begin = position_;
    position_ += bytes.size();
    if (stopped_) return {};
    std::size_t at = skip_mark(bytes);
    // Of carriage returns the next one, so that no byte is searched twice.
    std::size_t carriage_return = bytes.find('\r', at);
    while (at < bytes.size()) {
      if (std::exchange(after_carriage_return_, false) && bytes[at] == '\n') {
        ++at;
        continue;
      }
      const std::size_t end = line_end(bytes, at, carriage_return);
      if (end == std::string_view::npos) {
        if (!begin_line(bytes.substr(at), begin + at)) return fail();
        break;
      }
      // The events of a model are one line each, and need nothing of what is kept between lines.
      if (is_whole_event(bytes, at, end)) {
        sse_event event;
        event.data = bytes.substr(at + data_begin.size(), end - at - data_begin.size());
        event.position = begin + std::exchange(at, end + 2);
        if (!show(event, on_event)) return {};
        continue;
      }
      const std::string_view piece(bytes.data() + at, end - at);
      if (!end_line(piece, begin + at, on_event)) return stopped_ ? std::error_code() : fail();
      at = end + 1;
      if (end == carriage_return) {
        after_carriage_return_ = true;
        carriage_return = bytes.find('\r', at);
      }
    }
    keep_seen();
    return {};
  }

  /// The stream has ended: shows an event that lacks its end. The parser is then done.
  template <typename OnEvent>
  std::error_code finish(OnEvent&& on_event) {
    if (stopped_) return {};
    const bool has_line = in_comment_ || !line_.empty();
    if (has_line && !end_line({}, line_position_, on_event)) {
      return stopped_ ? std::error_code() : fail();
    }
    if (has_data_) dispatch(on_event, true);
    stopped_ = true;
    return {};
  }

  /// How many comments there were: servers send them to keep connections alive.
  std::size_t comments() const noexcept { return comments_; }
  /// How many bytes were fed.
  std::uint64_t position() const noexcept { return position_; }

 private:
  static constexpr std::size_t kept_capacity = 64 * 1024;
  static constexpr std::string_view data_begin = "data: ";

  /// Skips the byte order mark, which may come in pieces; returns where the text begins.
  std::size_t skip_mark(std::string_view bytes);

  /// Where the line that `at` is in ends, or npos. `carriage_return`: the next one, or npos.
  static std::size_t line_end(std::string_view bytes, std::size_t at,
                              std::size_t carriage_return) noexcept;

  /// The line that lies in [at, end) is one of data, is the whole event, and its blank line is
  /// there.
  bool is_whole_event(std::string_view bytes, std::size_t at, std::size_t end) const noexcept;

  /// Keeps the first part of a line whose end is not there yet. False above the limit.
  bool begin_line(std::string_view piece, std::uint64_t position);

  /// A line is whole. False when the event is above the limit or nothing more is wanted.
  template <typename OnEvent>
  bool end_line(std::string_view piece, std::uint64_t position, OnEvent& on_event) {
    if (in_comment_) {
      in_comment_ = false;
      ++comments_;
      return true;
    }
    if (line_.empty()) return process(piece, position, false, on_event);
    if (!fits(line_.size() + piece.size())) return false;
    line_.append(piece);
    const bool go_on = process(line_, line_position_, true, on_event);
    line_.clear();
    if (line_.capacity() > kept_capacity) std::string().swap(line_);
    return go_on;
  }

  bool fits(std::size_t line) const noexcept;
  std::size_t data_bytes() const noexcept;

  template <typename OnEvent>
  bool process(std::string_view line, std::uint64_t position, bool is_kept, OnEvent& on_event) {
    if (line.empty()) {
      if (has_data_) return dispatch(on_event, false);
      event_type_.clear();
      return true;
    }
    if (line.front() == ':') {
      ++comments_;
      return true;
    }
    if (!fits(line.size())) return false;
    // Nearly all of them are, and need no search.
    const bool is_data = line.size() > 4 && std::memcmp(line.data(), "data:", 5) == 0;
    const std::size_t colon = is_data ? 4 : line.find(':');
    std::size_t value_at = colon == std::string_view::npos ? line.size() : colon + 1;
    if (value_at < line.size() && line[value_at] == ' ') ++value_at;
    const std::string_view value(line.data() + value_at, line.size() - value_at);
    if (is_data) {
      add_data(value, position, is_kept ? value_at : std::string_view::npos);
      return true;
    }
    const std::string_view name = line.substr(0, colon);
    if (name == "data") {
      add_data(value, position, is_kept ? value_at : std::string_view::npos);
    } else if (name == "event") {
      event_type_.assign(value);
    } else if (name == "error" && !value.empty()) {
      sse_event event;
      event.event_type = name;
      event.data = value;
      event.position = position;
      event.is_error_field = true;
      return show(event, on_event);
    }
    return true;
  }

  /// `kept_at`: where the value begins in line_, when it is there.
  void add_data(std::string_view value, std::uint64_t position, std::size_t kept_at);

  /// What is seen in the bytes of this feed() has to outlive it.
  void keep_seen();

  template <typename OnEvent>
  bool dispatch(OnEvent& on_event, bool unterminated) {
    sse_event event;
    event.event_type = event_type_;
    event.data = seen_.data() != nullptr ? seen_ : std::string_view(data_);
    event.position = data_position_;
    event.unterminated = unterminated;
    const bool go_on = show(event, on_event);
    has_data_ = false;
    seen_ = {};
    data_.clear();
    if (data_.capacity() > kept_capacity) std::string().swap(data_);
    event_type_.clear();
    return go_on;
  }

  template <typename OnEvent>
  bool show(const sse_event& event, OnEvent& on_event) {
    if (!on_event(event)) stopped_ = true;
    return !stopped_;
  }

  std::error_code fail();

  std::size_t max_event_bytes_;
  std::uint64_t position_ = 0;
  std::uint64_t line_position_ = 0;
  std::uint64_t data_position_ = 0;
  std::size_t comments_ = 0;
  std::string line_;       // the beginning of a line that is not whole yet
  std::string data_;       // data of earlier reads, or of several lines
  std::string_view seen_;  // data in the bytes of this read
  std::string event_type_;
  std::size_t mark_bytes_ = 0;
  bool has_data_ = false;
  bool in_comment_ = false;
  bool after_carriage_return_ = false;
  bool stopped_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE sse_parser::sse_parser(std::size_t max_event_bytes) noexcept
    : max_event_bytes_(max_event_bytes) {}

AGENT_WEBSOCKET_INLINE std::size_t sse_parser::skip_mark(std::string_view bytes) {
  static constexpr char mark[] = "\xEF\xBB\xBF";
  std::size_t at = 0;
  while (mark_bytes_ < 3 && at < bytes.size()) {
    if (bytes[at] != mark[mark_bytes_]) {
      line_.assign(mark, mark_bytes_);  // it was none
      mark_bytes_ = 3;
      return at;
    }
    ++at;
    ++mark_bytes_;
  }
  return at;
}

AGENT_WEBSOCKET_INLINE std::size_t sse_parser::line_end(std::string_view bytes, std::size_t at,
                                                        std::size_t carriage_return) noexcept {
  if (bytes[at] == '\n') return at;
  const std::string_view before = bytes.substr(0, carriage_return);
  const std::size_t line_feed = before.find('\n', at);
  return line_feed != std::string_view::npos ? line_feed : carriage_return;
}

AGENT_WEBSOCKET_INLINE bool sse_parser::is_whole_event(std::string_view bytes, std::size_t at,
                                                       std::size_t end) const noexcept {
  return end - at >= data_begin.size() && end + 1 < bytes.size() && bytes[end] == '\n' &&
         bytes[end + 1] == '\n' && end - at <= max_event_bytes_ && !has_data_ && !in_comment_ &&
         line_.empty() && event_type_.empty() &&
         std::memcmp(bytes.data() + at, data_begin.data(), data_begin.size()) == 0;
}

AGENT_WEBSOCKET_INLINE bool sse_parser::begin_line(std::string_view piece, std::uint64_t position) {
  if (piece.empty() || in_comment_) return true;
  if (line_.empty()) {
    line_position_ = position;
    if (piece.front() == ':') {
      in_comment_ = true;  // its text is not needed
      return true;
    }
  }
  if (!fits(line_.size() + piece.size())) return false;
  line_.append(piece);
  return true;
}

AGENT_WEBSOCKET_INLINE bool sse_parser::fits(std::size_t line) const noexcept {
  return line <= max_event_bytes_ && data_bytes() <= max_event_bytes_ - line;
}

AGENT_WEBSOCKET_INLINE std::size_t sse_parser::data_bytes() const noexcept {
  return data_.size() + seen_.size();
}

AGENT_WEBSOCKET_INLINE void sse_parser::add_data(std::string_view value, std::uint64_t position,
                                                 std::size_t kept_at) {
  if (has_data_) {
    keep_seen();
    data_.push_back('\n');
    data_.append(value);
    return;
  }
  has_data_ = true;
  data_position_ = position;
  if (kept_at == std::string_view::npos) {
    seen_ = value;
  } else {  // without a second copy of what may be megabytes
    line_.erase(0, kept_at);
    data_.swap(line_);
  }
}

AGENT_WEBSOCKET_INLINE void sse_parser::keep_seen() {
  if (seen_.data() == nullptr) return;
  data_.assign(seen_);
  seen_ = {};
}

AGENT_WEBSOCKET_INLINE std::error_code sse_parser::fail() {
  stopped_ = true;
  seen_ = {};
  std::string().swap(line_);
  std::string().swap(data_);
  return errc::too_large;
}

#endif

}  // namespace http
}  // namespace agent_websocket
