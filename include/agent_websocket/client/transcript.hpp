// SPDX-License-Identifier: MIT
//
// What a client knows of the conversation: answers in the order in which they were asked, and
// notifications. Bounded: the oldest that have ended go first. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/client/options.hpp>
#include <agent_websocket/client/sink.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

class client_transcript {
 public:
  explicit client_transcript(const client_options& limits);

  const std::deque<client_answer>& answers() const noexcept { return answers_; }
  const std::deque<client_notice>& notifications() const noexcept { return notifications_; }

  /// Null when there is none.
  const client_answer* find(std::string_view id) const noexcept;
  client_answer* find(std::string_view id) noexcept;

  /// By the query's id where the message has one, else by the name of the answer.
  client_answer* find(std::string_view id, std::string_view stream) noexcept;

  /// Precondition: find(id) is null. References are valid until the next call that is not const.
  client_answer& add(std::string_view id, bool own);

  /// Calls f(client_answer&) for each open answer of this client's own.
  template <typename F>
  void for_each_open(F f) {
    for (client_answer& each : answers_) {
      if (each.own && each.is_open()) f(each);
    }
  }

  void notify(client_notice notice);

  /// Forgets all but what this client still waits for, and of that what has come. What failed
  /// because its session was lost stays too: there is no other trace of it.
  void drop();

  /// To be called when answers have ended.
  void trim();

 private:
  static constexpr std::size_t max_open_foreign = 64;

  static std::size_t size_of(const client_answer& answer) noexcept;

  // From the newest on: that is what most messages are about.
  template <typename Answers>
  static auto find_in(Answers& answers, std::string_view id) noexcept
      -> decltype(&answers.front()) {
    const auto found = std::find_if(answers.rbegin(), answers.rend(),
                                    [&](const client_answer& each) { return each.id == id; });
    return found == answers.rend() ? nullptr : &*found;
  }

  // A server that begins answers without end must not fill the memory.
  void limit_foreign();

  // Not std::remove_if, which may ask twice.
  template <typename Predicate>
  void remove_if(Predicate unwanted) {
    std::deque<client_answer> kept;
    for (client_answer& each : answers_) {
      if (!unwanted(each)) kept.push_back(std::move(each));
    }
    answers_ = std::move(kept);
  }

  std::size_t max_answers_, max_answer_bytes_, max_notifications_;
  std::deque<client_answer> answers_;
  std::deque<client_notice> notifications_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE client_transcript::client_transcript(const client_options& limits)
    : max_answers_(limits.max_answers),
      max_answer_bytes_(limits.max_answer_bytes),
      max_notifications_(limits.max_notifications) {}

AGENT_WEBSOCKET_INLINE const client_answer* client_transcript::find(
    std::string_view id) const noexcept {
  return find_in(answers_, id);
}

AGENT_WEBSOCKET_INLINE client_answer* client_transcript::find(std::string_view id) noexcept {
  return find_in(answers_, id);
}

AGENT_WEBSOCKET_INLINE client_answer* client_transcript::find(std::string_view id,
                                                              std::string_view stream) noexcept {
  if (!id.empty()) return find(id);
  if (stream.empty()) return nullptr;
  const auto found = std::find_if(answers_.rbegin(), answers_.rend(),
                                  [&](client_answer& each) { return each.stream == stream; });
  return found == answers_.rend() ? nullptr : &*found;
}

AGENT_WEBSOCKET_INLINE client_answer& client_transcript::add(std::string_view id, bool own) {
  if (!own) limit_foreign();
  client_answer made;
  made.id = std::string(id);
  made.own = own;
  answers_.push_back(std::move(made));
  return answers_.back();
}

AGENT_WEBSOCKET_INLINE void client_transcript::notify(client_notice notice) {
  if (max_notifications_ == 0) return;
  if (notifications_.size() >= max_notifications_) notifications_.pop_front();
  notifications_.push_back(std::move(notice));
}

AGENT_WEBSOCKET_INLINE void client_transcript::drop() {
  notifications_.clear();
  remove_if([](const client_answer& each) {
    const bool is_lost = each.failure && each.failure->code == to_string(errc::session_expired);
    return !each.own || !(each.is_open() || is_lost);
  });
  for (client_answer& each : answers_) {
    each.so_far = {};
    each.reasoning = {};
    each.stream.clear();
    each.model.clear();
  }
}

AGENT_WEBSOCKET_INLINE void client_transcript::trim() {
  std::size_t count = 0, bytes = 0;
  for (const client_answer& each : answers_) {
    if (each.is_open()) continue;
    ++count;
    bytes += size_of(each);
  }
  if (count <= max_answers_ && bytes <= max_answer_bytes_) return;
  remove_if([&](const client_answer& each) {
    if (each.is_open() || (count <= max_answers_ && bytes <= max_answer_bytes_)) return false;
    --count;
    bytes -= size_of(each);
    return true;
  });
}

AGENT_WEBSOCKET_INLINE std::size_t client_transcript::size_of(
    const client_answer& answer) noexcept {
  return answer.text().size() + answer.reasoning.text().size();
}

AGENT_WEBSOCKET_INLINE void client_transcript::limit_foreign() {
  const auto is_foreign = [](const client_answer& each) { return !each.own && each.is_open(); };
  if (static_cast<std::size_t>(std::count_if(answers_.begin(), answers_.end(), is_foreign)) <
      max_open_foreign) {
    return;
  }
  answers_.erase(std::find_if(answers_.begin(), answers_.end(), is_foreign));
}

#endif

}  // namespace agent_websocket
