// SPDX-License-Identifier: MIT
//
// The grammar of the identifiers of the wire protocol (`id`, `ref`): 1 to 64 characters of
// [A-Za-z0-9_.:-]. Whoever makes an id does so within it.
#pragma once

#include <cstddef>
#include <string_view>

namespace agent_websocket {

inline constexpr std::size_t max_id_length = 64;

/// True for a legal message id.
constexpr bool is_valid_id(std::string_view text) noexcept {
  if (text.empty() || text.size() > max_id_length) return false;
  for (const char c : text) {
    const bool legal = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '.' || c == ':' || c == '-';
    if (!legal) return false;
  }
  return true;
}

}  // namespace agent_websocket
