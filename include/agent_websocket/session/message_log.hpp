// SPDX-License-Identifier: MIT
//
// The numbered messages of one session, as frames, in the order of their numbers from 1: what every
// socket is sent, and what a client that comes back has missed. Bounded in count and bytes, the
// oldest go first. Sockets hold positions in it and no copies.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

class message_log {
 public:
  static constexpr std::size_t default_messages = 1024;
  static constexpr std::size_t default_bytes = 1u << 20;

  explicit message_log(std::size_t max_messages = default_messages,
                       std::size_t max_bytes = default_bytes);

  /// Number of the newest message; 0 before the first.
  std::uint64_t top() const noexcept { return top_; }
  /// Number of the newest that sockets may be sent: those above it are not kept by the store yet.
  std::uint64_t released() const noexcept { return released_; }
  /// Number of the oldest that is kept; top() + 1 when none is.
  std::uint64_t oldest() const noexcept;
  /// Whether everything after `position` is here; also when there is nothing.
  bool holds_after(std::uint64_t position) const noexcept;

  /// Goes on from that number, with nothing in it. Before the first append.
  void begin_at(std::uint64_t top) noexcept { top_ = released_ = top; }

  /// Precondition: released() <= seq <= top().
  void release(std::uint64_t seq) noexcept;

  /// Keeps a copy, without room to grow, as that of number top() + 1. The newest stays, however
  /// large it is.
  void append(std::string_view frame);

  /// Precondition: oldest() <= seq <= top().
  const std::string& at(std::uint64_t seq) const noexcept;

  /// Of what is kept after `position`.
  std::size_t bytes_after(std::uint64_t position) const noexcept;
  std::size_t bytes() const noexcept;

  std::size_t max_messages() const noexcept { return max_messages_; }
  std::size_t max_bytes() const noexcept { return max_bytes_; }

 private:
  struct entry {
    std::string frame;
    std::uint64_t end;  // bytes of all frames up to and with this one
  };

  std::size_t max_messages_;
  std::size_t max_bytes_;
  fifo<entry> kept_;
  std::uint64_t top_ = 0;
  std::uint64_t released_ = 0;
  std::uint64_t end_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE message_log::message_log(std::size_t max_messages, std::size_t max_bytes)
    : max_messages_(max_messages), max_bytes_(max_bytes) {}

AGENT_WEBSOCKET_INLINE std::uint64_t message_log::oldest() const noexcept {
  return top_ + 1 - kept_.size();
}

AGENT_WEBSOCKET_INLINE bool message_log::holds_after(std::uint64_t position) const noexcept {
  return position <= top_ && position + 1 >= oldest();
}

AGENT_WEBSOCKET_INLINE void message_log::release(std::uint64_t seq) noexcept {
  assert(seq >= released_ && seq <= top_);
  released_ = seq;
}

AGENT_WEBSOCKET_INLINE void message_log::append(std::string_view frame) {
  kept_.push_back({std::string(frame), end_ + frame.size()});
  end_ += frame.size();
  ++top_;
  while (kept_.size() > max_messages_ || (kept_.size() > 1 && bytes() > max_bytes_))
    kept_.take_front();
}

AGENT_WEBSOCKET_INLINE const std::string& message_log::at(std::uint64_t seq) const noexcept {
  assert(seq >= oldest() && seq <= top_);
  return kept_[static_cast<std::size_t>(seq - oldest())].frame;
}

AGENT_WEBSOCKET_INLINE std::size_t message_log::bytes_after(std::uint64_t position) const noexcept {
  if (position >= top_ || kept_.empty()) return 0;
  if (position < oldest()) return bytes();
  return static_cast<std::size_t>(end_ - kept_[static_cast<std::size_t>(position - oldest())].end);
}

AGENT_WEBSOCKET_INLINE std::size_t message_log::bytes() const noexcept {
  return kept_.empty() ? 0 : static_cast<std::size_t>(end_ - kept_[0].end) + kept_[0].frame.size();
}

#endif

}  // namespace agent_websocket
