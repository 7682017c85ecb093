// SPDX-License-Identifier: MIT
//
// Things with the same time limit, in the order in which they joined, which is the order of their
// deadlines: joining, leaving and asking for the next deadline cost the same for one and for a
// million. Intrusive; allocates nothing.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <optional>

namespace agent_websocket {
namespace adapters {

/// Base of what stands in a deadline_list; in at most one at a time. Leaves its list when it is
/// destroyed.
class deadline_hook {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  deadline_hook() = default;
  deadline_hook(const deadline_hook&) = delete;
  deadline_hook& operator=(const deadline_hook&) = delete;
  ~deadline_hook() { leave(); }

  bool is_listed() const noexcept { return next_ != nullptr; }

  void leave() noexcept;

 private:
  template <typename T>
  friend class deadline_list;

  deadline_hook* previous_ = nullptr;
  deadline_hook* next_ = nullptr;
  time_point deadline_{};
};

/// T derives from deadline_hook.
template <typename T>
class deadline_list {
 public:
  using time_point = deadline_hook::time_point;

  explicit deadline_list(std::chrono::steady_clock::duration limit) : limit_(limit) {
    ends_.next_ = ends_.previous_ = &ends_;
  }
  ~deadline_list() {
    while (ends_.next_ != &ends_) ends_.next_->leave();
  }

  /// Joins at the back, out of whatever list it was in; returns its deadline. `now` must not go
  /// backwards.
  time_point join(T& item, time_point now) noexcept {
    deadline_hook& hook = item;
    hook.leave();
    hook.deadline_ = now + limit_;
    hook.previous_ = ends_.previous_;
    hook.next_ = &ends_;
    ends_.previous_->next_ = &hook;
    ends_.previous_ = &hook;
    return hook.deadline_;
  }

  /// The next deadline, if anything is listed.
  std::optional<time_point> next() const noexcept {
    if (ends_.next_ == &ends_) return std::nullopt;
    return ends_.next_->deadline_;
  }

  /// Takes out the first item whose deadline has come; null when there is none.
  T* take_expired(time_point now) noexcept {
    if (ends_.next_ == &ends_ || ends_.next_->deadline_ > now) return nullptr;
    deadline_hook* const hook = ends_.next_;
    hook->leave();
    return static_cast<T*>(hook);
  }

 private:
  std::chrono::steady_clock::duration limit_;
  deadline_hook ends_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void deadline_hook::leave() noexcept {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
