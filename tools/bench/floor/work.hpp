// SPDX-License-Identifier: MIT
//
// What the floor and a peer in C++ say alike, so that they do the same work: the welcome, and the
// body of a request with its conversation.
#pragma once

#include "bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relay_floor {

/// A conversation as finished JSON, a comma behind each message.
class history {
 public:
  /// Escaped as it came; the oldest pair goes when there are more than `max_messages`, at least 2.
  void add(std::string_view role, std::string_view text, std::size_t max_messages) {
    constexpr std::string_view parts[] = {R"({"role":")", R"(","content":")", R"("},)"};
    const std::size_t before = text_.size();
    text_.append(parts[0]).append(role).append(parts[1]).append(text).append(parts[2]);
    sizes_.push_back(static_cast<std::uint32_t>(text_.size() - before));
    if (sizes_.size() > max_messages) {
      text_.erase(0, std::size_t{sizes_[0]} + sizes_[1]);
      sizes_.erase(sizes_.begin(), sizes_.begin() + 2);
    }
  }
  /// The question of an answer that failed.
  void drop_last() {
    text_.resize(text_.size() - sizes_.back());
    sizes_.pop_back();
  }
  /// Without the last comma. Precondition: there is a message.
  std::string_view messages() const { return std::string_view(text_).substr(0, text_.size() - 1); }

 private:
  std::string text_;
  std::vector<std::uint32_t> sizes_;
};

/// What stands before and behind the messages in the body of a request.
inline constexpr std::string_view body_begin =
    R"({"model":"bench","messages":[{"role":"system","content":"You are Agent WebSocket, )"
    R"(an AI assistant communicating via WebSocket."},)";
inline constexpr std::string_view body_end =
    R"(],"temperature":0.7,"max_tokens":1500,"stream":true,)"
    R"("stream_options":{"include_usage":true}})";

/// The first message of a session, up to its timestamp.
inline std::string welcome_words(const std::string& session_id, const std::string& epoch) {
  return R"({"type":"notification","op":"welcome",)"
         R"("content":"Connected to Agent WebSocket. Session ID: )" +
         session_id + R"(","v":1,"session_id":")" + session_id + R"(","resume_token":")" +
         random_token() + R"(","epoch":")" + epoch +
         R"(","seq":0,"recovered":false,"reason":"new","heartbeat_ms":25000,"timeout_ms":8000,)"
         R"("resume_window_ms":300000,"limits":{"max_message_bytes":65536,"max_queued":16})";
}

}  // namespace relay_floor
