// SPDX-License-Identifier: MIT
//
// A file descriptor in reserve, for a listener that has run out of them: only who accepts a peer
// can close it, and accepting takes one. Accepts nothing itself.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if !defined(_WIN32)
#include <fcntl.h>
#include <unistd.h>
#endif

#include <utility>

namespace agent_websocket {
namespace adapters {

/// A descriptor that is given up for a moment to accept and close one connection when there are no
/// others. Where there is no limit to run into (Windows) it does nothing.
class spare_descriptor {
 public:
  spare_descriptor() { take(); }
  spare_descriptor(const spare_descriptor&) = delete;
  spare_descriptor& operator=(const spare_descriptor&) = delete;
  ~spare_descriptor() { give_up(); }

#if !defined(_WIN32)
  /// True when there was one to give up.
  bool give_up() noexcept {
    if (descriptor_ < 0) return false;
    ::close(std::exchange(descriptor_, -1));
    return true;
  }
  void take() noexcept {
    if (descriptor_ < 0) descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }

 private:
  int descriptor_ = -1;
#else
  bool give_up() noexcept { return false; }
  void take() noexcept {}
#endif
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
