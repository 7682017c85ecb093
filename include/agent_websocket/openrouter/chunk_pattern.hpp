// SPDX-License-Identifier: MIT
//
// The chunks of one stream are the same text but for what stands in "content". A pattern keeps what
// was around it in a chunk that was parsed; a later chunk that fits holds nothing new but its text,
// which alone is looked at. Costs a tenth of a parse and is only ever sure or silent.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

class chunk_pattern {
 public:
  /// `chunk` is the JSON text of a chunk that gave `text`, its "content", and nothing else. What
  /// cannot be learned from leaves the pattern as it is.
  void learn(std::string_view chunk, std::string_view text);

  /// The text of `chunk` when all the rest of it is as it was learned. Good until the next call.
  std::optional<std::string_view> match(std::string_view chunk);

 private:
  static constexpr std::size_t max_chunk_bytes = 4096;
  static constexpr std::string_view name = "\"content\"";
  static constexpr std::string_view opening = ":\"";

  std::string before_;  // with the quote that opens the text; empty when nothing was learned
  std::string behind_;  // with the quote that closes it
  json::document quoted_;  // the last text that was more than ASCII
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void chunk_pattern::learn(std::string_view chunk, std::string_view text) {
  if (chunk.size() > max_chunk_bytes || text.empty()) return;
  // Without a backslash no name and no text is spelled in two ways. If the name then stands in
  // the chunk once only, it is that of the text that was given.
  if (chunk.find('\\') != std::string_view::npos) return;
  const std::size_t at = chunk.find(name);
  if (at == std::string_view::npos) return;
  if (chunk.find(name, at + 1) != std::string_view::npos) return;
  const std::size_t begin = at + name.size() + opening.size();
  if (chunk.substr(at + name.size(), opening.size()) != opening) return;
  if (chunk.substr(begin, text.size()) != text) return;
  if (chunk.substr(begin + text.size(), 1) != "\"") return;
  before_.assign(chunk.substr(0, begin));
  behind_.assign(chunk.substr(begin + text.size()));
}

AGENT_WEBSOCKET_INLINE std::optional<std::string_view> chunk_pattern::match(
    std::string_view chunk) {
  const std::size_t around = before_.size() + behind_.size();
  if (around == 0 || chunk.size() <= around) return std::nullopt;
  const std::string_view text(chunk.data() + before_.size(), chunk.size() - around);
  if (std::memcmp(chunk.data(), before_.data(), before_.size()) != 0) return std::nullopt;
  if (std::memcmp(text.data() + text.size(), behind_.data(), behind_.size()) != 0)
    return std::nullopt;
  if (json::is_plain(text)) return text;
  if (text.size() > max_chunk_bytes) return std::nullopt;  // not worth a copy that stays
  if (!quoted_.parse(chunk.substr(before_.size() - 1, text.size() + 2))) return std::nullopt;
  return quoted_.root().string();
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
