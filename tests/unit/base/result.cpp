// SPDX-License-Identifier: MIT
#include <agent_websocket/base/result.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using agent_websocket::bad_result_access;
using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::result;

namespace {

struct no_default {
  explicit no_default(int n) : number(n) {}
  int number;
};

result<int> half(int number) {
  if (number % 2 != 0) return error(errc::bad_message, "odd", "for the log");
  return number / 2;
}

result<void> refuse_negative(int number) {
  if (number < 0) return error(errc::forbidden);
  return {};
}

}  // namespace

TEST_CASE("result: a function returns either of the two") {
  const result<int> good = half(8);
  CHECK(good.has_value());
  CHECK(static_cast<bool>(good));
  CHECK(*good == 4);
  CHECK(good.value() == 4);

  const result<int> bad = half(7);
  CHECK_FALSE(bad.has_value());
  CHECK_FALSE(static_cast<bool>(bad));
  CHECK(bad.error().code == errc::bad_message);
  CHECK(bad.error().message == "odd");
  CHECK(bad.error().detail == "for the log");
}

TEST_CASE("result: falsy values are values") {
  CHECK(result<int>(0).has_value());
  CHECK(result<bool>(false).has_value());
  CHECK(result<std::string>(std::string()).has_value());
  CHECK(result<void*>(nullptr).has_value());
}

TEST_CASE("result: value() of an error throws its words and its code, however it is called") {
  result<int> bad = half(1);
  const result<int>& constant = bad;
  CHECK_THROWS_WITH_AS(bad.value(), "odd", bad_result_access);
  CHECK_THROWS_WITH_AS(constant.value(), "odd", bad_result_access);
  CHECK_THROWS_WITH_AS(half(1).value(), "odd", bad_result_access);
  CHECK_THROWS_AS(bad.value(), std::runtime_error);
  try {
    bad.value();
  } catch (const bad_result_access& thrown) {
    CHECK(thrown.code() == errc::bad_message);
  }
  CHECK(bad.error().message == "odd");  // looking does not take
}

TEST_CASE("result: what is thrown never shows the detail that is for the log") {
  try {
    half(1).value();
    FAIL("did not throw");
  } catch (const bad_result_access& thrown) {
    CHECK(std::string(thrown.what()).find("log") == std::string::npos);
  }
}

TEST_CASE("result: a value can be changed in place") {
  result<std::string> text = std::string("a");
  *text += "b";
  text->push_back('c');
  text.value() += "d";
  CHECK(*text == "abcd");
  const result<std::string>& constant = text;
  CHECK(constant->size() == 4);
  text = error(errc::internal);
  CHECK_FALSE(text.has_value());
  text = std::string("again");
  CHECK(*text == "again");
}

TEST_CASE("result: types that only move") {
  const auto make = [](bool good) -> result<std::unique_ptr<int>> {
    if (!good) return error(errc::empty_response);
    return std::make_unique<int>(3);
  };
  result<std::unique_ptr<int>> held = make(true);
  CHECK(**held == 3);
  CHECK(*held->get() == 3);
  const std::unique_ptr<int> taken = std::move(held).value();
  CHECK(*taken == 3);
  CHECK(*make(true).value() == 3);
  CHECK_THROWS_AS(make(false).value(), bad_result_access);
  CHECK_FALSE(std::is_copy_constructible_v<result<std::unique_ptr<int>>>);
  CHECK(std::is_nothrow_move_constructible_v<result<std::unique_ptr<int>>>);
}

TEST_CASE("result: assigned, it holds what the other holds, whatever either held") {
  const std::string text(100, 'x'), other(100, 'y');  // on the heap, for the sanitizers
  const result<std::string> values[] = {text, other};
  const result<std::string> errors[] = {error(errc::internal, text), error(errc::forbidden, other)};
  const auto same = [](const result<std::string>& a, const result<std::string>& b) {
    if (a.has_value() != b.has_value()) return false;
    return a ? *a == *b : a.error().code == b.error().code && a.error().message == b.error().message;
  };
  for (const auto& from : {values[0], errors[0]}) {
    for (const auto& to : {values[1], errors[1]}) {
      result<std::string> copied = from;
      CHECK(same(copied, from));
      copied = to;
      CHECK(same(copied, to));
      const result<std::string>& itself = copied;
      copied = itself;
      CHECK(same(copied, to));
      result<std::string> moved = from;
      moved = std::move(copied);
      CHECK(same(moved, to));
      CHECK(copied.has_value() == to.has_value());  // moved from, but no other kind
    }
  }
}

TEST_CASE("result: types without a default constructor, and copies") {
  result<no_default> first = no_default(5);
  const result<no_default> second = first;
  first->number = 6;
  CHECK(second->number == 5);
  CHECK(first->number == 6);
  CHECK_FALSE(std::is_default_constructible_v<result<no_default>>);
}

TEST_CASE("result: value() of a temporary moves, it does not copy") {
  result<std::vector<int>> held = std::vector<int>(1000, 1);
  const int* const storage = held->data();
  const std::vector<int> taken = std::move(held).value();
  CHECK(taken.data() == storage);
}

TEST_CASE("result<void>: nothing, or an error") {
  CHECK(refuse_negative(1).has_value());
  CHECK(static_cast<bool>(refuse_negative(1)));
  CHECK_NOTHROW(refuse_negative(1).value());

  const result<void> bad = refuse_negative(-1);
  CHECK_FALSE(bad.has_value());
  CHECK_FALSE(static_cast<bool>(bad));
  CHECK(bad.error().code == errc::forbidden);
  CHECK_THROWS_WITH_AS(bad.value(), "This is not allowed", bad_result_access);
}

TEST_CASE("result: not implicitly a bool") {
  CHECK_FALSE(std::is_convertible_v<result<std::string>, bool>);
  CHECK_FALSE(std::is_convertible_v<result<void>, bool>);
  CHECK(std::is_constructible_v<bool, result<void>>);
}
