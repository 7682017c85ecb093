// SPDX-License-Identifier: MIT
//
// Why a completion failed, as a value: what clients may be told, what the log gets, and what the
// retry rules need. How failures are read from answers stands in error_reader.hpp.
#pragma once

#include <agent_websocket/base/error.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace agent_websocket {
namespace openrouter {

/// One failed attempt, or a failed completion.
struct failure {
  /// `message` is safe for clients; `detail` holds what the upstream said, keys masked, at most
  /// 2 KiB and for the log only.
  error why;
  int status = 0;        ///< HTTP status, or the code of an error inside a stream; 0 when unknown
  std::string type;      ///< the upstream's own name of it ("rate_limit_exceeded"), or empty
  std::string provider;  ///< the provider's display name, or empty
  std::optional<std::chrono::milliseconds> retry_after;  ///< the upstream's hint
  /// The same request may be sent again, as far as this failure is concerned. (is_retryable(code)
  /// is coarser: a malformed request and a broken provider share a code.)
  bool retryable = false;

  failure() = default;
  explicit failure(errc code) : why(code), retryable(is_retryable(code)) {}
  explicit failure(error what) : why(std::move(what)), retryable(is_retryable(why.code)) {}
};

}  // namespace openrouter
}  // namespace agent_websocket
