// SPDX-License-Identifier: MIT
//
// Keeps thoughts apart that a server leaves in the content, as `<think>...</think>` at its very
// beginning (LM Studio, older vLLM and llama.cpp). Content in, cut anywhere; text and reasoning
// out. A tag that stands elsewhere is text. Holds back only what may still become a tag.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace openrouter {

enum class content_kind { text, reasoning };

/// The content of one answer.
class think_tags {
 public:
  /// More blanks than this in front of `<think>`, and it is text: they are held back until then.
  static constexpr std::size_t max_blanks = 64;

  /// Not `enabled`: all of the content is text.
  explicit think_tags(bool enabled = true) noexcept;

  /// Takes the next piece. `take(content_kind, std::string_view)` gets what is certain now, in
  /// order and never empty; what is whole UTF-8 stays so.
  template <typename Take>
  void feed(std::string_view piece, Take&& take) {
    if (state_ == state::text) {  // to the end, with nothing held back
      if (!piece.empty()) take(content_kind::text, piece);
      return;
    }
    std::string joined;
    if (!held_.empty()) {
      joined = std::exchange(held_, {}).append(piece);
      piece = joined;
    }
    if (state_ == state::begin) piece = look_at_begin(piece);
    if (state_ == state::thought_begin) {
      piece = without_blanks(piece);
      if (!piece.empty()) state_ = state::thought;
    }
    if (state_ == state::thought) piece = read_thought(piece, take);
    if (state_ == state::text_begin) {
      piece = without_blanks(piece);
      if (!piece.empty()) state_ = state::text;
    }
    if (state_ == state::text && !piece.empty()) take(content_kind::text, piece);
  }

  /// The content has ended: what was held back is no tag.
  template <typename Take>
  void finish(Take&& take) {
    const bool is_text = state_ == state::begin;
    state_ = state::text;
    const std::string held = std::exchange(held_, {});
    if (!held.empty()) take(is_text ? content_kind::text : content_kind::reasoning, held);
  }

 private:
  enum class state { begin, thought_begin, thought, text_begin, text };

  static constexpr std::string_view opening = "<think>";
  static constexpr std::string_view closing = "</think>";

  static std::string_view without_blanks(std::string_view text) noexcept;

  /// Returns what is behind the tag, all of it when there is none, or nothing while that is open.
  std::string_view look_at_begin(std::string_view piece);

  /// Returns what is behind the tag that ends the thought.
  template <typename Take>
  std::string_view read_thought(std::string_view piece, Take& take) {
    const std::size_t at = piece.find(closing);
    std::string_view thought = piece.substr(0, at);
    if (at == std::string_view::npos) {
      const std::size_t last = piece.rfind('<');
      const std::string_view tail =
          last == std::string_view::npos ? std::string_view() : piece.substr(last);
      if (closing.substr(0, tail.size()) == tail) {
        held_ = tail;
        thought.remove_suffix(tail.size());
      }
    }
    if (!thought.empty()) take(content_kind::reasoning, thought);
    if (at == std::string_view::npos) return {};
    state_ = state::text_begin;
    return piece.substr(at + closing.size());
  }

  std::string held_;
  state state_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE think_tags::think_tags(bool enabled) noexcept
    : state_(enabled ? state::begin : state::text) {}

AGENT_WEBSOCKET_INLINE std::string_view think_tags::without_blanks(std::string_view text) noexcept {
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

AGENT_WEBSOCKET_INLINE std::string_view think_tags::look_at_begin(std::string_view piece) {
  const std::string_view rest = without_blanks(piece);
  const bool far = piece.size() - rest.size() > max_blanks;
  if (!far && rest.substr(0, opening.size()) == opening) {
    state_ = state::thought_begin;
    return rest.substr(opening.size());
  }
  if (!far && opening.substr(0, rest.size()) == rest) {
    held_ = piece;
    return {};
  }
  state_ = state::text;
  return piece;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
