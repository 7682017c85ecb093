// SPDX-License-Identifier: MIT
//
// A value that is there or not, on the heap: used as std::optional is, but one pointer while there
// is none. For what most sessions never have, such as settings of their own.
#pragma once

#include <cassert>
#include <memory>
#include <utility>

namespace agent_websocket {

/// Copies are deep. A boxed that was moved from is empty.
template <typename T>
class boxed {
 public:
  boxed() = default;
  boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT: as std::optional
  boxed(const boxed& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  boxed(boxed&& other) noexcept = default;
  boxed& operator=(boxed other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }

  template <typename... From>
  T& emplace(From&&... from) {
    value_ = std::make_unique<T>(std::forward<From>(from)...);
    return *value_;
  }
  /// Makes one by default where there is none.
  T& need() { return value_ ? *value_ : emplace(); }
  void reset() noexcept { value_.reset(); }

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
  std::unique_ptr<T> value_;
};

}  // namespace agent_websocket
