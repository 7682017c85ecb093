// SPDX-License-Identifier: MIT
//
// Text -> number: + - * / % ^ and parentheses with their usual precedence, by recursive descent.
// The text comes from a model, so its length and nesting are bounded, and what is wrong is said in
// words that help the model to do better.
#pragma once

#include <agent_websocket.hpp>

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace example_tools {

/// Calculates one expression: `calculator("2 * (3 + 4)").result()`.
class calculator {
 public:
  static constexpr std::size_t max_bytes = 1000;
  static constexpr int max_depth = 50;

  explicit calculator(std::string_view text) : text_(text) {}

  agent_websocket::result<double> result() {
    if (text_.size() > max_bytes) fail("The expression is too long");
    const double number = failed_ ? 0 : sum();
    if (!failed_ && (next(), at_ != text_.size())) fail("There is something behind the expression");
    if (!failed_ && !std::isfinite(number)) fail("The result is too large, or no real number");
    if (failed_) return agent_websocket::error(agent_websocket::errc::bad_message, *failed_);
    return number;
  }

 private:
  double sum() {
    double left = product();
    while (!failed_ && (next() == '+' || next() == '-')) {
      const char sign = take();
      const double right = product();
      left = sign == '+' ? left + right : left - right;
    }
    return left;
  }

  double product() {
    double left = signed_power();
    while (!failed_ && (next() == '*' || next() == '/' || next() == '%')) {
      const char sign = take();
      const double right = signed_power();
      if (sign != '*' && right == 0) fail("Division by zero");
      left = sign == '*' ? left * right : sign == '/' ? left / right : std::fmod(left, right);
    }
    return left;
  }

  /// A sign binds less than a power: -2^2 is -4, and 2^-1 is a half.
  double signed_power() {
    if (++depth_ > max_depth) fail("The expression is nested too deeply");
    double number = 0;
    if (!failed_ && next() == '-') {
      take();
      number = -signed_power();
    } else if (!failed_) {
      number = operand();
      if (!failed_ && next() == '^') {
        take();
        number = std::pow(number, signed_power());  // from the right: 2^3^2 is 512
      }
    }
    --depth_;
    return number;
  }

  double operand() {
    if (next() != '(') return number();
    take();
    const double inside = sum();
    if (!failed_ && next() != ')') fail("A closing parenthesis is missing");
    take();
    return inside;
  }

  /// "12" or "0.5"; exact up to 15 digits, as exact as a double is.
  double number() {
    double digits = 0, scale = 1;
    const auto read = [&](double step) {
      const std::size_t begin = at_;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
        digits = digits * 10 + (text_[at_] - '0');
        scale *= step;
      }
      return at_ > begin;
    };
    next();
    if (!read(1)) return fail("A number is missing");
    if (at_ < text_.size() && text_[at_] == '.' && (++at_, !read(10)))
      return fail("A digit is missing");
    return digits / scale;
  }

  /// The next character that is no blank; NUL at the end.
  char next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n'))
      ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  char take() {
    const char found = next();
    at_ += found == '\0' ? 0 : 1;
    return found;
  }

  /// Only the first fault is told.
  double fail(std::string why) {
    if (!failed_) failed_ = why + ", at character " + std::to_string(at_ + 1) + ".";
    return 0;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::optional<std::string> failed_;
};

}  // namespace example_tools
