// SPDX-License-Identifier: MIT
//
// The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header): what was answered to a
// request with a key is kept for a while, so that a client which did not get the answer may repeat
// the request without its being done again. A key is taken before its request is done, so that two
// of one key never run beside each other.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/base/sha256.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {

/// 1 to 255 visible ASCII characters.
bool is_idempotency_key(std::string_view key) noexcept;

class idempotency_keys {
 public:
  static constexpr std::chrono::minutes max_age{10};
  /// Beyond these the oldest go; the newest stays, whatever it takes.
  static constexpr std::size_t max_keys = 1024;
  static constexpr std::size_t max_bytes = 1u << 20;

  struct taken {
    digest256 request;                     ///< see fingerprint()
    std::optional<http::response> answer;  ///< nullopt: it is being done
  };
  /// Tells one use of a key from a later one.
  using use_number = std::uint64_t;

  /// What a repeat has in common with the first: method, target and body.
  static digest256 fingerprint(const http::request& request);

  /// The request of that key; null when there was none, or it is too long ago.
  const taken* find(std::string_view key, time_point now);

  /// The request is about to be done. Precondition: find() does not know the key.
  use_number take(std::string_view key, const digest256& request, time_point now);
  /// It was done, and answered.
  void keep(std::string_view key, use_number number, http::response answer);
  /// It was not done: the key is free again.
  void free(std::string_view key, use_number number);

  std::size_t size() const noexcept { return order_.size(); }

 private:
  struct use {
    taken what;
    use_number number;
    std::size_t bytes;
  };
  struct place {
    std::string key;
    time_point since;
    use_number number;
  };
  using uses = std::unordered_map<std::string, use>;

  uses::iterator find_use(std::string_view key, use_number number);
  void limit();
  void drop_oldest();

  uses kept_;
  fifo<place> order_;  // the oldest first
  std::size_t bytes_ = 0;
  use_number last_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool is_idempotency_key(std::string_view key) noexcept {
  if (key.empty() || key.size() > 255) return false;
  for (const char c : key) {
    if (c <= 0x20 || c >= 0x7F) return false;
  }
  return true;
}

AGENT_WEBSOCKET_INLINE digest256 idempotency_keys::fingerprint(const http::request& request) {
  std::string text = request.method + " " + request.target + "\n";
  text.append(request.body);
  return sha256(text);
}

AGENT_WEBSOCKET_INLINE const idempotency_keys::taken* idempotency_keys::find(std::string_view key,
                                                                             time_point now) {
  while (!order_.empty() && order_.front().since + max_age <= now) drop_oldest();
  const auto found = kept_.find(std::string(key));
  return found == kept_.end() ? nullptr : &found->second.what;
}

AGENT_WEBSOCKET_INLINE idempotency_keys::use_number idempotency_keys::take(std::string_view key,
                                                                           const digest256& request,
                                                                           time_point now) {
  const use_number number = ++last_;
  if (!kept_.emplace(std::string(key), use{{request, std::nullopt}, number, key.size()}).second)
    return 0;
  order_.push_back({std::string(key), now, number});
  bytes_ += key.size();
  limit();
  return number;
}

AGENT_WEBSOCKET_INLINE void idempotency_keys::keep(std::string_view key, use_number number,
                                                   http::response answer) {
  const auto found = find_use(key, number);
  if (found == kept_.end()) return;  // too long ago
  found->second.bytes += answer.body.size();
  bytes_ += answer.body.size();
  found->second.what.answer = std::move(answer);
  limit();
}

AGENT_WEBSOCKET_INLINE void idempotency_keys::free(std::string_view key, use_number number) {
  const auto found = find_use(key, number);
  if (found == kept_.end()) return;
  bytes_ -= found->second.bytes;
  kept_.erase(found);
  for (std::size_t i = order_.size(); i-- > 0;) {
    if (order_[i].number == number) return void(order_.take(i));
  }
}

AGENT_WEBSOCKET_INLINE idempotency_keys::uses::iterator idempotency_keys::find_use(
    std::string_view key, use_number number) {
  const auto found = kept_.find(std::string(key));
  return found != kept_.end() && found->second.number == number ? found : kept_.end();
}

AGENT_WEBSOCKET_INLINE void idempotency_keys::limit() {
  while (order_.size() > 1 && (order_.size() > max_keys || bytes_ > max_bytes)) drop_oldest();
}

AGENT_WEBSOCKET_INLINE void idempotency_keys::drop_oldest() {
  const auto found = kept_.find(order_.front().key);
  bytes_ -= found->second.bytes;
  kept_.erase(found);
  order_.take_front();
}

#endif

}  // namespace agent_websocket
