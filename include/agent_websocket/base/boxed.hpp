// SPDX-License-Identifier: MIT
//
// A value that is there or not, on the heap: used as std::optional is, but one pointer while there
// is none. For what most sessions never have, such as settings of their own.
#pragma once

#include <cassert>
#include <utility>

namespace agent_websocket {

/// Copies are deep. A boxed that was moved from is empty.
template <typename T>
class boxed {
 public:
  boxed() = default;
  boxed(T value) : value_(new T(std::move(value))) {}  // NOLINT: as std::optional
  boxed(const boxed& other) : value_(other ? new T(*other) : nullptr) {}
  boxed(boxed&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  boxed& operator=(boxed other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~boxed() { delete value_; }

  template <typename... From>
  T& emplace(From&&... from) {
    T* const made = new T(std::forward<From>(from)...);  // out of the former one, perhaps
    delete std::exchange(value_, made);
    return *value_;
  }
  /// Makes one by default where there is none.
  T& need() { return value_ ? *value_ : emplace(); }
  void reset() noexcept { delete std::exchange(value_, nullptr); }

  bool has_value() const noexcept { return value_ != nullptr; }
  explicit operator bool() const noexcept { return value_ != nullptr; }

  /// Precondition of these: has_value().
  T& operator*() noexcept {
    assert(value_);
    return *value_;
  }
  const T& operator*() const noexcept {
    assert(value_);
    return *value_;
  }
  T* operator->() noexcept { return &**this; }
  const T* operator->() const noexcept { return &**this; }

  template <typename Other>
  T value_or(Other&& other) const {
    return value_ ? *value_ : static_cast<T>(std::forward<Other>(other));
  }

 private:
  // No std::unique_ptr: that is a third of what a compiler has to make of each boxed.
  T* value_ = nullptr;
};

}  // namespace agent_websocket
