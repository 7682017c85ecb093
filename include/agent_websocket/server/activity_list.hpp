// SPDX-License-Identifier: MIT
//
// Things in the order of when they were last heard of: since all share one limit, the front is
// always the next to fall due, and hearing of one moves two pointers. In place of a timer object
// per session and of scans over all sessions. Intrusive; allocates nothing.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>

#include <cstddef>
#include <optional>

namespace agent_websocket {

/// Base of what stands in an activity_list; in at most one at a time, and to be removed from it
/// before its end, unless the list ends first.
class activity_hook {
 public:
  activity_hook() = default;
  activity_hook(const activity_hook&) = delete;
  activity_hook& operator=(const activity_hook&) = delete;

  time_point since() const noexcept { return since_; }

 private:
  template <typename T>
  friend class activity_list;

  activity_hook* previous_ = nullptr;
  activity_hook* next_ = nullptr;
  time_point since_{};
};

/// T derives from activity_hook.
template <typename T>
class activity_list {
 public:
  activity_list() noexcept { ends_.previous_ = ends_.next_ = &ends_; }
  activity_list(const activity_list&) = delete;
  activity_list& operator=(const activity_list&) = delete;

  /// Adds at its place by time; constant when `since` is the newest, as usual.
  void add(T& item, time_point since) noexcept {
    link(item, since);
    ++size_;
  }

  /// Moves to the place of a newer time. Precondition: it is in this list.
  void touch(T& item, time_point since) noexcept {
    unlink(item);
    link(item, since);
  }

  /// Precondition: it is in this list.
  void remove(T& item) noexcept {
    unlink(item);
    --size_;
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  /// Precondition: !empty().
  T& front() const noexcept { return static_cast<T&>(*ends_.next_); }
  /// The one behind `item`; null: it is the last.
  T* after(const T& item) const noexcept {
    activity_hook* const next = static_cast<const activity_hook&>(item).next_;
    return next == &ends_ ? nullptr : static_cast<T*>(next);
  }

  /// When the front falls due, with that limit.
  std::optional<time_point> next_deadline(duration limit) const {
    if (empty()) return std::nullopt;
    return front().since() + limit;
  }

 private:
  void link(activity_hook& hook, time_point since) noexcept {
    activity_hook* before = ends_.previous_;
    while (before != &ends_ && before->since_ > since) before = before->previous_;
    hook.since_ = since;
    hook.previous_ = before;
    hook.next_ = before->next_;
    hook.next_->previous_ = &hook;
    before->next_ = &hook;
  }

  static void unlink(activity_hook& hook) noexcept {
    hook.previous_->next_ = hook.next_;
    hook.next_->previous_ = hook.previous_;
    hook.next_ = hook.previous_ = nullptr;
  }

  activity_hook ends_;
  std::size_t size_ = 0;
};

}  // namespace agent_websocket
