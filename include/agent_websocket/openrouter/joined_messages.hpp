// SPDX-License-Identifier: MIT
//
// Messages in their order with their JSON texts joined, so that a conversation that grows is sent
// again and again without encoding it anew. Grows at the back, and is cut at both ends.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/openrouter/message.hpp>

#include <cassert>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace openrouter {

class joined_messages {
 public:
  const std::vector<chat_message>& messages() const noexcept { return messages_; }
  /// The elements of a JSON array, without its brackets.
  std::string_view json() const noexcept;

  /// What throws leaves the object in a state in which it can only be assigned and destroyed.
  void add(chat_message message);
  /// Precondition of these: there are so many.
  void drop_front(std::size_t count) noexcept;
  void drop_back(std::size_t count) noexcept;

 private:
  /// Gives room back that has become much more than there is.
  void shrink() noexcept;

  std::vector<chat_message> messages_;
  std::string json_;  // behind each message a comma
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string_view joined_messages::json() const noexcept {
  return std::string_view(json_).substr(0, json_.empty() ? 0 : json_.size() - 1);
}

AGENT_WEBSOCKET_INLINE void joined_messages::add(chat_message message) {
  message.append_json(json_);
  json_ += ',';
  messages_.push_back(std::move(message));
}

AGENT_WEBSOCKET_INLINE void joined_messages::drop_front(std::size_t count) noexcept {
  assert(count <= messages_.size());
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) bytes += messages_[i].bytes() + 1;
  json_.erase(0, bytes);
  messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(count));
  shrink();
}

AGENT_WEBSOCKET_INLINE void joined_messages::drop_back(std::size_t count) noexcept {
  assert(count <= messages_.size());
  for (; count > 0; --count) {
    json_.resize(json_.size() - messages_.back().bytes() - 1);
    messages_.pop_back();
  }
  shrink();
}

AGENT_WEBSOCKET_INLINE void joined_messages::shrink() noexcept {
  constexpr std::size_t spare_bytes = 4096, spare_messages = 64;
  try {
    if (json_.capacity() > 2 * json_.size() + spare_bytes) json_.shrink_to_fit();
    if (messages_.capacity() > 2 * messages_.size() + spare_messages) messages_.shrink_to_fit();
  } catch (...) {  // no memory for less: it stays as it is
  }
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
