// SPDX-License-Identifier: MIT
//
// The chunks of one stream are the same text but for what stands in "content". A pattern keeps what
// was around it in a chunk that was parsed; a later chunk that fits holds nothing new but its text,
// which alone is looked at. Costs a tenth of a parse and is only ever sure or silent.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/escape.hpp>
#include <agent_websocket/json/reader.hpp>

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

class chunk_pattern {
 public:
  /// `chunk` is the JSON text of a chunk that gave `text`, a string that begins at `position`, and
  /// nothing else. What cannot be learned from leaves the pattern as it is.
  void learn(std::string_view chunk, std::size_t position, std::string_view text);

  /// The text of `chunk` when all the rest of it is as it was learned. Good until the next call.
  std::optional<std::string_view> match(std::string_view chunk);

 private:
  static constexpr std::size_t max_chunk_bytes = 4096;

  std::string around_;      // what stands before and behind the text; empty when nothing was learned
  std::size_t before_ = 0;  // bytes of it before the text, with the quote that opens it
  json::document quoted_;  // the last text that was more than ASCII
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void chunk_pattern::learn(std::string_view chunk, std::size_t position,
                                                 std::string_view text) {
  if (chunk.size() > max_chunk_bytes || text.empty()) return;
  // A text that stands there as it is, up to a quote, was spelled without an escape.
  if (position == 0 || position >= chunk.size() || chunk[position - 1] != '"') return;
  if (chunk.substr(position, text.size()) != text) return;
  const std::string_view behind = chunk.substr(position + text.size());
  if (behind.substr(0, 1) != "\"") return;
  around_.reserve(position + behind.size());
  around_.assign(chunk.substr(0, position)).append(behind);
  before_ = position;
}

AGENT_WEBSOCKET_INLINE std::optional<std::string_view> chunk_pattern::match(
    std::string_view chunk) {
  if (around_.empty() || chunk.size() <= around_.size()) return std::nullopt;
  const std::string_view before = std::string_view(around_).substr(0, before_);
  const std::string_view behind = std::string_view(around_).substr(before_);
  const std::string_view text = chunk.substr(before_, chunk.size() - around_.size());
  if (std::memcmp(chunk.data(), before.data(), before.size()) != 0) return std::nullopt;
  if (std::memcmp(text.data() + text.size(), behind.data(), behind.size()) != 0)
    return std::nullopt;
  if (json::is_plain(text)) return text;
  if (text.size() > max_chunk_bytes) return std::nullopt;  // not worth a copy that stays
  if (!quoted_.parse(chunk.substr(before_ - 1, text.size() + 2))) return std::nullopt;
  return quoted_.root().string();
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
