// SPDX-License-Identifier: MIT
//
// One question, from the moment it was typed until it is answered, and the bounded list of them.
// The text of the answer is the library's business; here is what the screen needs to know.
#pragma once

#include "keys.hpp"

#include <agent_websocket.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace chat {

namespace json = agent_websocket::json;

/// Ids that no other client makes, nor this program when it is started again.
class message_ids {
 public:
  explicit message_ids(agent_websocket::random_source random)
      : prefix_(agent_websocket::make_uuid(random).substr(0, 8) + "-") {}

  std::string make() { return prefix_ + std::to_string(++count_); }
  bool has_made(std::string_view id) const { return id.substr(0, prefix_.size()) == prefix_; }

 private:
  std::string prefix_;
  std::uint64_t count_ = 0;
};

enum class exchange_phase {
  unsent,  ///< more waits with the server than it likes
  sent,    ///< or will be, as soon as there is a connection
  running,
};

struct exchange {
  std::string id;
  std::string text;
  bool regenerate = false;  ///< the last question again
  exchange_phase phase = exchange_phase::unsent;
  std::int64_t position = 0;  ///< how many the server answers before it
  bool cancelling = false;
  bool announced = false;  ///< the question is on the screen
  std::string activity;    ///< what the server says it is doing
  time_point since{};      ///< it runs

  bool is_underway() const noexcept { return phase != exchange_phase::unsent; }
};

/// Questions in their order. Bounded by number and size.
class exchange_list {
 public:
  static constexpr std::size_t max_count = 100;
  static constexpr std::size_t max_bytes = 256 * 1024;

  /// Null when there is no room.
  exchange* add(exchange made) {
    std::size_t bytes = made.text.size();
    for (const exchange& each : items_) bytes += each.text.size();
    if (items_.size() >= max_count || bytes > max_bytes) return nullptr;
    items_.push_back(std::move(made));
    return &items_.back();
  }

  /// The first that `wanted` accepts, or null.
  template <typename Predicate>
  exchange* first(Predicate wanted) {
    const auto found = std::find_if(items_.begin(), items_.end(), wanted);
    return found == items_.end() ? nullptr : &*found;
  }

  /// Null when it is none of ours.
  exchange* find(std::string_view id) {
    return first([&](const exchange& each) { return each.id == id; });
  }

  /// The one that is answered now or next; null when the server has none.
  exchange* current() {
    exchange* running =
        first([](const exchange& each) { return each.phase == exchange_phase::running; });
    return running != nullptr ? running
                              : first([](const exchange& each) { return each.is_underway(); });
  }

  std::size_t underway() const {
    return static_cast<std::size_t>(std::count_if(
        items_.begin(), items_.end(), [](const exchange& each) { return each.is_underway(); }));
  }

  /// The others move up.
  void remove(const exchange& which) {
    for (exchange& each : items_) {
      if (each.position > 1) --each.position;
    }
    items_.erase(std::find_if(items_.begin(), items_.end(),
                              [&which](const exchange& each) { return &each == &which; }));
  }

  bool empty() const noexcept { return items_.empty(); }
  auto begin() noexcept { return items_.begin(); }
  auto end() noexcept { return items_.end(); }
  auto begin() const noexcept { return items_.begin(); }
  auto end() const noexcept { return items_.end(); }

 private:
  std::deque<exchange> items_;
};

}  // namespace chat
