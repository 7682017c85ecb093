// SPDX-License-Identifier: MIT
//
// A queue on a vector: first in, first out, no memory at all while it is empty and never used, and
// given back when it runs empty after it was large. std::deque holds half a kilobyte from its
// construction on, which every idle session would pay several times.
#pragma once

#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace agent_websocket {

template <typename T>
class fifo {
 public:
  bool empty() const noexcept { return head_ == items_.size(); }
  std::size_t size() const noexcept { return items_.size() - head_; }

  void push_back(T item) { items_.push_back(std::move(item)); }

  /// Linear.
  void push_front(T item) {
    items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(head_), std::move(item));
  }

  /// Precondition: !empty().
  T& front() noexcept {
    assert(!empty());
    return items_[head_];
  }
  T& back() noexcept {
    assert(!empty());
    return items_.back();
  }
  const T& front() const noexcept { return items_[head_]; }
  const T& back() const noexcept { return items_.back(); }
  T& operator[](std::size_t position) noexcept { return items_[head_ + position]; }
  const T& operator[](std::size_t position) const noexcept { return items_[head_ + position]; }

  /// In order, as long as nothing is added or taken.
  auto begin() noexcept { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  auto end() noexcept { return items_.end(); }
  auto begin() const noexcept { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  auto end() const noexcept { return items_.end(); }

  /// Precondition: !empty().
  void drop_back() {
    assert(!empty());
    items_.pop_back();
    if (head_ == items_.size()) clear();
  }

  /// Precondition: !empty(). Amortised constant.
  T take_front() {
    assert(!empty());
    T taken = std::move(items_[head_]);
    ++head_;
    if (head_ == items_.size()) {
      clear();
    } else if (head_ >= 32 && head_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return taken;
  }

  /// Takes the item at that position out. Linear. Precondition: position < size().
  T take(std::size_t position) {
    assert(position < size());
    const auto at = items_.begin() + static_cast<std::ptrdiff_t>(head_ + position);
    T taken = std::move(*at);
    items_.erase(at);
    if (head_ == items_.size()) clear();
    return taken;
  }

  void clear() noexcept {
    head_ = 0;
    if (items_.capacity() > 64) {
      std::vector<T>().swap(items_);
    } else {
      items_.clear();
    }
  }

 private:
  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace agent_websocket
