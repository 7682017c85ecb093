// SPDX-License-Identifier: MIT
//
// One question and its answer, from the moment it was typed: an answer is put together by the
// protocol's rule for deltas, and questions wait in a bounded list until the server has answered
// them.
#pragma once

#include "keys.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace chat {

/// The text of an answer so far.
class answer_text {
 public:
  enum class change { none, appended, rewritten, hole };
  struct outcome {
    change what = change::none;
    std::string_view
        added;  ///< what is to be shown behind what is shown already; rewritten: all of it
  };

  /// A delta or a snapshot: source chunks idx to idx + n - 1.
  outcome add(std::uint64_t idx, std::uint64_t n, std::string_view content) {
    if (n > max_chunks || idx > max_chunks) return {};  // nonsense
    if (idx + n <= have_) return {};
    if (idx == 0) {
      have_ = n;
      return replace(content);
    }
    if (idx != have_) return {change::hole, {}};
    have_ += n;
    text_ += content;
    return {change::appended, content};
  }

  /// The end brings the whole text.
  outcome replace(std::string_view whole) {
    const bool goes_on = whole.substr(0, text_.size()) == text_;
    const std::size_t shown = goes_on ? text_.size() : 0;
    text_.assign(whole);
    const std::string_view added = std::string_view(text_).substr(shown);
    if (goes_on && added.empty()) return {};
    return {goes_on ? change::appended : change::rewritten, added};
  }

  bool empty() const noexcept { return text_.empty(); }

 private:
  static constexpr std::uint64_t max_chunks = std::uint64_t{1} << 53;  // the integers of JSON

  std::uint64_t have_ = 0;
  std::string text_;
};

enum class exchange_phase {
  unsent,
  sent,      ///< but the server has not said that it has it
  accepted,  ///< and waits for the answers before it
  running,
};

struct exchange {
  std::string id;
  std::string text;
  bool regenerate = false;  ///< the last question again
  exchange_phase phase = exchange_phase::unsent;
  int attempts = 0;
  std::int64_t position = 0;  ///< how many the server answers before it
  bool cancelling = false;
  bool announced = false;  ///< the question is on the screen
  std::string stream;      ///< the server's name of the answer
  std::string model;
  std::string activity;  ///< what the server says it is doing
  answer_text answer;
  time_point since{};  ///< it runs

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

  /// By the id of the question or the name of the answer; null when it is none of ours.
  exchange* find(std::string_view ref, std::string_view stream) {
    return first([&](const exchange& each) {
      return ref.empty() ? !stream.empty() && each.stream == stream : each.id == ref;
    });
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
