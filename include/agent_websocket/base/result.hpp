// SPDX-License-Identifier: MIT
//
// A value or an `error`: what pure functions return where bad input is possible. A small stand-in for
// std::expected (C++23), with the same names where it has them.
#pragma once

#include <agent_websocket/base/error.hpp>

#include <cassert>
#include <stdexcept>
#include <utility>
#include <variant>

namespace agent_websocket {

/// Thrown by `result::value()` when there is none; `what()` is the error's message.
class bad_result_access : public std::runtime_error {
 public:
  explicit bad_result_access(const agent_websocket::error& why) : std::runtime_error(why.message), code_(why.code) {}
  errc code() const noexcept { return code_; }

 private:
  errc code_;
};

/// Holds a `T` or an `error`. Implicit from both, so that a function returns either.
template <typename T>
class result {
 public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}            // NOLINT: implicit on purpose
  result(agent_websocket::error why) : state_(std::in_place_index<1>, std::move(why)) {}  // NOLINT

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value; throws bad_result_access, with the error's words, when there is none.
  T& value() & {
    require();
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    require();
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    require();
    return std::move(*std::get_if<0>(&state_));
  }

  /// The value, unchecked. Precondition: has_value().
  T& operator*() & noexcept { return checked(std::get_if<0>(&state_)); }
  const T& operator*() const& noexcept { return checked(std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  /// Precondition: !has_value().
  const agent_websocket::error& error() const noexcept { return checked(std::get_if<1>(&state_)); }

 private:
  template <typename P>
  static P& checked(P* pointer) noexcept {
    assert(pointer != nullptr);
    return *pointer;
  }

  void require() const {
    if (!has_value()) throw bad_result_access(error());
  }

  std::variant<T, agent_websocket::error> state_;
};

/// Nothing, or an `error`.
template <>
class result<void> {
 public:
  result() = default;
  result(agent_websocket::error why) : failed_(true), error_(std::move(why)) {}  // NOLINT: implicit on purpose

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

}  // namespace agent_websocket
