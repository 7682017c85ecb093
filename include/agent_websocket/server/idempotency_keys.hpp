// SPDX-License-Identifier: MIT
//
// The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header): what was answered to a
// request with a key is kept for a while, so that a client which did not get the answer may repeat
// the request without its being done again. Here a request is done at once, so that two of one key
// never run beside each other.
#pragma once

#include <agent_websocket/base/sha256.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {

/// 1 to 255 visible ASCII characters.
inline bool is_idempotency_key(std::string_view key) noexcept {
  if (key.empty() || key.size() > 255) return false;
  for (const char c : key) {
    if (c <= 0x20 || c >= 0x7F) return false;
  }
  return true;
}

class idempotency_keys {
 public:
  static constexpr std::chrono::minutes max_age{10};
  /// Beyond these the oldest go; the newest stays, whatever it takes.
  static constexpr std::size_t max_keys = 1024;
  static constexpr std::size_t max_bytes = 1u << 20;

  struct answered {
    digest256 request;  ///< see fingerprint()
    http::response answer;
  };

  /// What a repeat has in common with the first: method, target and body.
  static digest256 fingerprint(const http::request& request) {
    std::string text = request.method + " " + request.target + "\n";
    text.append(request.body);
    return sha256(text);
  }

  /// What was answered to the request of that key; null when there was none, or it is too long ago.
  const answered* find(std::string_view key, time_point now) {
    while (!order_.empty() && order_.front().since + max_age <= now) drop_oldest();
    const auto found = kept_.find(std::string(key));
    return found == kept_.end() ? nullptr : &found->second;
  }

  /// Precondition: find() does not know the key.
  void keep(std::string_view key, const digest256& request, http::response answer, time_point now) {
    const std::size_t size = key.size() + answer.body.size();
    const auto added = kept_.emplace(std::string(key), answered{request, std::move(answer)});
    if (!added.second) return;
    order_.push_back({std::string(key), now, size});
    bytes_ += size;
    while (order_.size() > 1 && (order_.size() > max_keys || bytes_ > max_bytes)) drop_oldest();
  }

  std::size_t size() const noexcept { return order_.size(); }

 private:
  struct place {
    std::string key;
    time_point since;
    std::size_t size;
  };

  void drop_oldest() {
    bytes_ -= order_.front().size;
    kept_.erase(order_.front().key);
    order_.pop_front();
  }

  std::unordered_map<std::string, answered> kept_;
  std::deque<place> order_;  // the oldest first
  std::size_t bytes_ = 0;
};

}  // namespace agent_websocket
