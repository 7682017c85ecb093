// SPDX-License-Identifier: MIT
//
// Those who wait until the first so many records of a session are kept, in the order of their
// coming. Each is told exactly once what came of it: by kept(), by lost(), or when this goes.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>

#include <cstdint>
#include <functional>
#include <utility>

namespace agent_websocket {

/// True: the records are kept. False: they are not, or nobody will ever know.
using kept_handler = std::function<void(bool)>;

class kept_watch {
 public:
  kept_watch() = default;
  kept_watch(const kept_watch&) = delete;
  kept_watch& operator=(const kept_watch&) = delete;
  ~kept_watch() { lost(); }

  /// Precondition: `records` is not below that of those who came before.
  void wait(std::uint64_t records, kept_handler told);
  /// The first `count` records are kept. Who is told may wait again.
  void kept(std::uint64_t count);
  /// Nothing of what is waited for will be kept.
  void lost();

  bool empty() const noexcept { return waiting_.empty(); }

 private:
  struct waiting {
    std::uint64_t records;
    kept_handler told;
  };

  fifo<waiting> waiting_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void kept_watch::wait(std::uint64_t records, kept_handler told) {
  waiting_.push_back({records, std::move(told)});
}

AGENT_WEBSOCKET_INLINE void kept_watch::kept(std::uint64_t count) {
  while (!waiting_.empty() && waiting_.front().records <= count) waiting_.take_front().told(true);
}

AGENT_WEBSOCKET_INLINE void kept_watch::lost() {
  while (!waiting_.empty()) waiting_.take_front().told(false);
}

#endif

}  // namespace agent_websocket
