// SPDX-License-Identifier: MIT
//
// The chunks of one stream are the same text but for what stands in "content". A pattern keeps what
// was around it in a chunk that was parsed; a later chunk that fits holds nothing new but its text,
// which is taken without parsing. Costs a tenth of a parse and is only ever sure or silent.
#pragma once

#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/writer.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

class chunk_pattern {
 public:
  /// `chunk` is the JSON text of a chunk that gave `text`, its "content", and nothing else. What
  /// cannot be learned from leaves the pattern as it is.
  void learn(std::string_view chunk, std::string_view text) {
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

  /// The text of `chunk` when all the rest of it is as it was learned.
  std::optional<std::string_view> match(std::string_view chunk) const noexcept {
    if (before_.empty() || chunk.size() <= before_.size() + behind_.size()) return std::nullopt;
    const std::size_t length = chunk.size() - before_.size() - behind_.size();
    if (chunk.substr(0, before_.size()) != before_) return std::nullopt;
    if (chunk.substr(before_.size() + length) != behind_) return std::nullopt;
    const std::string_view text = chunk.substr(before_.size(), length);
    if (json::is_plain(text)) return text;
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') return std::nullopt;
    }
    if (!is_utf8_text(text)) return std::nullopt;
    return text;
  }

 private:
  static constexpr std::size_t max_chunk_bytes = 4096;
  static constexpr std::string_view name = "\"content\"";
  static constexpr std::string_view opening = ":\"";

  std::string before_;  // with the quote that opens the text; empty when nothing was learned
  std::string behind_;  // with the quote that closes it
};

}  // namespace openrouter
}  // namespace agent_websocket
