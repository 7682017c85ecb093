// SPDX-License-Identifier: MIT
//
// Comparison of secrets in a time that tells nothing about them (CWE-208). Texts are compared by
// their SHA-256 digests, so that not even their lengths have to be equal or become known.
#pragma once

#include <agent_websocket/base/sha256.hpp>

#include <string_view>

namespace agent_websocket {

/// True when the texts are the same. The time depends on their lengths alone, each by itself.
inline bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  return equal_in_constant_time(sha256(a), sha256(b));
}

}  // namespace agent_websocket
