// SPDX-License-Identifier: MIT
//
// A value or an `error`: what pure functions return where bad input is possible. A small stand-in
// for std::expected (C++23), with the same names where it has them.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>

#include <cassert>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace agent_websocket {

/// Thrown by `result::value()` when there is none; `what()` is the error's message.
class bad_result_access : public std::runtime_error {
 public:
  explicit bad_result_access(const agent_websocket::error& why);
  errc code() const noexcept { return code_; }

 private:
  errc code_;
};

namespace detail {

/// A `T` or an `error`, in one place. By hand, because every `T` of the library makes one and
/// std::variant asks much more of a compiler.
template <typename T>
class either {
 public:
  either(T&& value) : good_(true), value_(std::move(value)) {}  // NOLINT: for result
  either(agent_websocket::error&& why) noexcept
      : good_(false), why_(std::move(why)) {}  // NOLINT: for result
  either(const either& other) : good_(other.good_) {
    if (good_)
      ::new (static_cast<void*>(std::addressof(value_))) T(other.value_);
    else
      ::new (static_cast<void*>(std::addressof(why_))) agent_websocket::error(other.why_);
  }
  /// What was moved from is as full as before.
  either(either&& other) noexcept : good_(other.good_) { take(other); }
  either& operator=(const either& other) { return *this = either(other); }
  either& operator=(either&& other) noexcept {
    if (this == &other) return *this;
    clear();
    good_ = other.good_;
    take(other);
    return *this;
  }
  ~either() { clear(); }

  bool good() const noexcept { return good_; }
  T* value() noexcept { return good_ ? std::addressof(value_) : nullptr; }
  const T* value() const noexcept { return good_ ? std::addressof(value_) : nullptr; }
  const agent_websocket::error* why() const noexcept {
    return good_ ? nullptr : std::addressof(why_);
  }

 private:
  void take(either& other) noexcept {
    if (good_)
      ::new (static_cast<void*>(std::addressof(value_))) T(std::move(other.value_));
    else
      ::new (static_cast<void*>(std::addressof(why_)))
          agent_websocket::error(std::move(other.why_));
  }
  void clear() noexcept {
    if (good_)
      value_.~T();
    else
      why_.~error();
  }

  bool good_;
  union {
    T value_;
    agent_websocket::error why_;
  };
};

/// Takes the copies from a result whose `T` has none.
template <bool Copies>
struct copied_if {};
template <>
struct copied_if<false> {
  copied_if() = default;
  copied_if(const copied_if&) = delete;
  copied_if(copied_if&&) = default;
  copied_if& operator=(const copied_if&) = delete;
  copied_if& operator=(copied_if&&) = default;
  ~copied_if() = default;
};

}  // namespace detail

/// Holds a `T` or an `error`. Implicit from both, so that a function returns either.
template <typename T>
class result : private detail::copied_if<std::is_copy_constructible_v<T>> {
 public:
  result(T value) : state_(std::move(value)) {}                   // NOLINT: implicit on purpose
  result(agent_websocket::error why) : state_(std::move(why)) {}  // NOLINT

  bool has_value() const noexcept { return state_.good(); }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value; throws bad_result_access, with the error's words, when there is none.
  T& value() & {
    require();
    return *state_.value();
  }
  const T& value() const& {
    require();
    return *state_.value();
  }
  T&& value() && {
    require();
    return std::move(*state_.value());
  }

  /// The value, unchecked. Precondition: has_value().
  T& operator*() & noexcept { return checked(state_.value()); }
  const T& operator*() const& noexcept { return checked(state_.value()); }
  T* operator->() noexcept { return state_.value(); }
  const T* operator->() const noexcept { return state_.value(); }

  /// Precondition: !has_value().
  const agent_websocket::error& error() const noexcept { return checked(state_.why()); }

 private:
  template <typename P>
  static P& checked(P* pointer) noexcept {
    assert(pointer != nullptr);
    return *pointer;
  }

  void require() const {
    if (!has_value()) throw bad_result_access(error());
  }

  detail::either<T> state_;
};

/// Nothing, or an `error`.
template <>
class result<void> {
 public:
  result() = default;
  result(agent_websocket::error why)
      : failed_(true), error_(std::move(why)) {}  // NOLINT: implicit on purpose

  bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return !failed_; }
  void value() const {
    if (failed_) throw bad_result_access(error_);
  }
  const agent_websocket::error& error() const noexcept { return error_; }

 private:
  bool failed_ = false;
  agent_websocket::error error_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bad_result_access::bad_result_access(const agent_websocket::error& why)
    : std::runtime_error(why.message), code_(why.code) {}

#endif

}  // namespace agent_websocket
