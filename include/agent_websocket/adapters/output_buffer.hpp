// SPDX-License-Identifier: MIT
//
// The bytes of one connection that wait for the kernel, exact to the byte, and a small pool of such
// buffers: a connection has one only while something waits. No sockets.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// Appended to at the back, taken from the front.
class output_buffer {
 public:
  /// Append here, and do nothing else with it.
  std::string& tail() noexcept { return bytes_; }

  /// What is to go out next: everything that waits.
  std::string_view front() const noexcept;
  std::size_t pending() const noexcept { return bytes_.size() - sent_; }
  /// What is kept back until less waits; does not count as pending.
  std::string& late() noexcept { return late_; }
  std::size_t capacity() const noexcept { return bytes_.capacity(); }

  /// The first `count` bytes of front() are gone. Moves the rest only when at least as much has
  /// gone since the last time, so that a slow reader of a large buffer costs no more than copying
  /// it once.
  void consume(std::size_t count);

 private:
  std::string bytes_;
  std::string late_;
  std::size_t sent_ = 0;
};

/// Keeps a few emptied buffers, so that a message does not cost an allocation.
class output_pool {
 public:
  static constexpr std::size_t max_buffers = 64;
  /// Larger ones go back to the system: what one read of an answer makes fits.
  static constexpr std::size_t max_buffer_bytes = 128 * 1024;
  static constexpr std::size_t max_bytes = 1024 * 1024;  ///< of all of them

  std::unique_ptr<output_buffer> take();

  /// Precondition: nothing is pending in it, and nothing kept back.
  void give_back(std::unique_ptr<output_buffer> buffer);

  std::size_t size() const noexcept { return spare_.size(); }

 private:
  std::vector<std::unique_ptr<output_buffer>> spare_;
  std::size_t bytes_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string_view output_buffer::front() const noexcept {
  return std::string_view(bytes_).substr(sent_);
}

AGENT_WEBSOCKET_INLINE void output_buffer::consume(std::size_t count) {
  sent_ += count;
  if (sent_ == bytes_.size()) {
    bytes_.clear();
    sent_ = 0;
  } else if (sent_ >= bytes_.size() - sent_) {
    bytes_.erase(0, sent_);
    sent_ = 0;
  }
}

AGENT_WEBSOCKET_INLINE std::unique_ptr<output_buffer> output_pool::take() {
  if (spare_.empty()) return std::make_unique<output_buffer>();
  std::unique_ptr<output_buffer> buffer = std::move(spare_.back());
  spare_.pop_back();
  bytes_ -= buffer->capacity();
  return buffer;
}

AGENT_WEBSOCKET_INLINE void output_pool::give_back(std::unique_ptr<output_buffer> buffer) {
  const std::size_t size = buffer->capacity();
  if (spare_.size() >= max_buffers || size > max_buffer_bytes || bytes_ + size > max_bytes) return;
  bytes_ += size;
  spare_.push_back(std::move(buffer));
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
