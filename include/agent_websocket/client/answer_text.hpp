// SPDX-License-Identifier: MIT
//
// The text of an answer, put together from deltas, snapshots and its end by the rule of the wire
// protocol, section 4: what is known is dropped, what goes on is appended, what begins anew
// replaces, and a hole is reported. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent_websocket {

/// What has happened to the text of an answer.
enum class text_change { none, appended, rewritten, hole };

class answer_text {
 public:
  struct outcome {
    text_change what = text_change::none;
    /// appended: what has come behind; rewritten: all of it. Valid until the next change.
    std::string_view text;
  };

  /// Longer texts are cut: no end could bring them, because no message is that large.
  static constexpr std::size_t max_bytes = 16 * 1024 * 1024;

  /// A delta or a snapshot: source chunks `idx` to `idx + n - 1`.
  outcome add(std::int64_t idx, std::int64_t n, std::string_view content);

  /// A piece of reasoning, which no end brings whole: one that begins at 0 is all that counts, and
  /// what stands behind a hole is dropped until then.
  outcome add_reasoning(std::int64_t idx, std::int64_t n, std::string_view content);

  /// The end brings the whole text.
  outcome replace(std::string_view whole);

  const std::string& text() const noexcept { return text_; }

 private:
  outcome append(std::string_view more);

  std::int64_t have_ = 0;  // chunks
  std::string text_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE answer_text::outcome answer_text::add(std::int64_t idx, std::int64_t n,
                                                             std::string_view content) {
  constexpr std::int64_t most = std::int64_t{1} << 53;
  if (idx < 0 || n < 0 || idx > most || n > most) return {};
  if (idx + n <= have_) return {};
  if (idx == 0) {
    have_ = n;
    return replace(content);
  }
  if (idx != have_) return {text_change::hole, {}};
  have_ += n;
  return append(content);
}

AGENT_WEBSOCKET_INLINE answer_text::outcome answer_text::add_reasoning(std::int64_t idx,
                                                                       std::int64_t n,
                                                                       std::string_view content) {
  if (idx == 0 && n > 0) have_ = 0;
  const outcome made = add(idx, n, content);
  return made.what == text_change::hole ? outcome() : made;
}

AGENT_WEBSOCKET_INLINE answer_text::outcome answer_text::replace(std::string_view whole) {
  whole = cut_utf8(whole, max_bytes);
  if (whole.substr(0, text_.size()) == text_) return append(whole.substr(text_.size()));
  text_.assign(whole);
  return {text_change::rewritten, text_};
}

AGENT_WEBSOCKET_INLINE answer_text::outcome answer_text::append(std::string_view more) {
  more = cut_utf8(more, max_bytes - text_.size());
  if (more.empty()) return {};
  const std::size_t before = text_.size();
  text_.append(more);
  return {text_change::appended, std::string_view(text_).substr(before)};
}

#endif

}  // namespace agent_websocket
