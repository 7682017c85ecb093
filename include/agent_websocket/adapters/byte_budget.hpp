// SPDX-License-Identifier: MIT
//
// A number of bytes that many share, each with what it holds: for buffers that peers fill before
// anybody knows who they are, where a limit for each one is none for all together. Counts only; the
// bytes are elsewhere.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <memory>

namespace agent_websocket {
namespace adapters {

/// A copy counts in the same budget. One thread.
class byte_budget {
 public:
  /// 0: no limit.
  explicit byte_budget(std::size_t limit = 0);

  std::size_t used() const noexcept { return *used_; }

  /// What one of them holds; gives it back at its end. May outlive the budget.
  class share {
   public:
    explicit share(const byte_budget& of) : limit_(of.limit_), used_(of.used_) {}
    share(const share&) = delete;
    share& operator=(const share&) = delete;
    ~share() { *used_ -= held_; }

    /// From now on `bytes` in place of what was held. False when there is no room for more: then
    /// nothing is changed.
    bool hold(std::size_t bytes) noexcept;

   private:
    std::size_t limit_;
    std::shared_ptr<std::size_t> used_;
    std::size_t held_ = 0;
  };

 private:
  std::size_t limit_;
  std::shared_ptr<std::size_t> used_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE byte_budget::byte_budget(std::size_t limit)
    : limit_(limit), used_(std::make_shared<std::size_t>(0)) {}

AGENT_WEBSOCKET_INLINE bool byte_budget::share::hold(std::size_t bytes) noexcept {
  const std::size_t others = *used_ - held_;
  if (bytes > held_ && limit_ != 0 && (bytes > limit_ || others > limit_ - bytes)) return false;
  *used_ = others + bytes;
  held_ = bytes;
  return true;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
