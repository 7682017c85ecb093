// SPDX-License-Identifier: MIT
#include <agent_websocket/json/exact.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

using agent_websocket::json::compare;
using agent_websocket::json::document;
using agent_websocket::json::exact_number;
using agent_websocket::json::is_multiple;
using agent_websocket::json::parse_exact;
using agent_websocket::json::to_canonical;

namespace {

int order_of(std::string_view left, std::string_view right) {
  const int forth = compare(parse_exact(left), parse_exact(right));
  const int back = compare(parse_exact(right), parse_exact(left));
  CHECK((forth < 0) == (back > 0));
  CHECK((forth == 0) == (back == 0));
  return forth < 0 ? -1 : forth > 0 ? 1 : 0;
}

std::string canonical(std::string_view text) {
  document parsed;
  REQUIRE(parsed.parse(text));
  return to_canonical(parsed.root());
}

bool multiple(std::string_view number, std::string_view divisor) {
  return is_multiple(parse_exact(number), parse_exact(divisor));
}

}  // namespace

TEST_CASE("exact: a number taken apart") {
  struct row {
    const char* text;
    bool negative;
    const char* digits;
    std::int64_t order;
    bool is_integer;
  };
  const row rows[] = {
      {"0", false, "", 0, true},
      {"-0", false, "", 0, true},
      {"0.00e5", false, "", 0, true},
      {"1", false, "1", 1, true},
      {"-1", true, "1", 1, true},
      {"10", false, "1", 2, true},
      {"1.0", false, "1", 1, true},
      {"100.0e-2", false, "1", 1, true},
      {"1.5", false, "15", 1, false},
      {"1.5e1", false, "15", 2, true},
      {"0.1", false, "1", 0, false},
      {"0.001", false, "1", -2, false},
      {"1e-3", false, "1", -2, false},
      {"1E+3", false, "1", 4, true},
      {"12.340", false, "1234", 2, false},
      {"1e99999999999", false, "1", 2147483648, true},
      {"1e-99999999999", false, "1", -2147483647, false},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const exact_number made = parse_exact(each.text);
    CHECK(made.negative == each.negative);
    CHECK(made.digits == each.digits);
    CHECK(made.order == each.order);
    CHECK(made.is_integer() == each.is_integer);
  }
}

TEST_CASE("exact: order") {
  const char* const rising[] = {
      "-1e400",           "-20",  "-2.5", "-2.4", "-0.1", "-1e-9", "0",    "1e-400",
      "0.0999",           "0.1",  "1",    "1.01", "2",    "10",    "10.5", "9007199254740992",
      "9007199254740993", "1e400"};
  for (std::size_t i = 0; i < std::size(rising); ++i) {
    for (std::size_t j = 0; j < std::size(rising); ++j) {
      CAPTURE(rising[i]);
      CAPTURE(rising[j]);
      CHECK(order_of(rising[i], rising[j]) == (i < j ? -1 : i > j ? 1 : 0));
    }
  }
  CHECK(order_of("1.0", "1") == 0);
  CHECK(order_of("-0", "0e7") == 0);
  CHECK(order_of("0", "1e-2000000000") < 0);
}

TEST_CASE("exact: multiples") {
  CHECK(multiple("0", "7"));
  CHECK(multiple("-21", "7"));
  CHECK_FALSE(multiple("22", "7"));
  CHECK(multiple("0.3", "0.1"));
  CHECK(multiple("0.30", "0.15"));
  CHECK_FALSE(multiple("0.3", "0.2"));
  CHECK_FALSE(multiple("0.05", "0.1"));
  CHECK_FALSE(multiple("5", "10"));
  CHECK(multiple("5e1", "10"));
  CHECK(multiple("1e300", "1e-300"));
  CHECK(multiple("1e300", "524288"));
  CHECK_FALSE(multiple("1e300", "3"));
  CHECK_FALSE(multiple("1e17", "524288000000000000"));
  CHECK(multiple("123456789012345678901234567890", "10"));
  CHECK(multiple("999999999999999999999999999999", "999999999999999"));
  CHECK_FALSE(multiple("1", "999999999999999999"));
  std::mt19937_64 random(5);
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t by = random() % 3000 + 1, number = random() % 100'000;
    CAPTURE(number);
    CAPTURE(by);
    CHECK(multiple(std::to_string(number), std::to_string(by)) == (number % by == 0));
    CHECK(multiple(std::to_string(number) + "e-3", std::to_string(by) + "e-3") ==
          (number % by == 0));
  }
}

TEST_CASE("exact: equal values have one text, and no others") {
  const char* const classes[][3] = {
      {"null", " null ", "null"},
      {"true", "true", "true"},
      {"false", "false", "false"},
      {"0", "-0.0", "0e3"},
      {"1", "1.0", "10e-1"},
      {"-1", "-1.00", "-0.1e1"},
      {"\"1\"", "\"\\u0031\"", "\"1\""},
      {"\"\"", "\"\"", "\"\""},
      {"\"null\"", "\"null\"", "\"null\""},
      {"[]", "[ ]", "[]"},
      {"{}", "{ }", "{}"},
      {"[1]", "[1.0]", "[1]"},
      {"[[1]]", "[[1e0]]", "[[1]]"},
      {"[1,1]", "[1,1.0]", "[1,1]"},
      {"[\"a,b\"]", "[\"a\\u002cb\"]", "[\"a,b\"]"},
      {"[\"a\",\"b\"]", "[\"a\", \"b\"]", "[\"a\",\"b\"]"},
      {"{\"a\":1}", "{\"\\u0061\":1.0}", "{\"a\":2,\"a\":1}"},
      {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "{\"b\":2,\"a\":10e-1}"},
      {"{\"a\":{\"b\":[]}}", "{\"a\":{\"b\":[]}}", "{\"a\":{\"b\":[]}}"},
  };
  for (const auto& left : classes) {
    for (const auto& right : classes) {
      for (const char* const one : left) {
        for (const char* const other : right) {
          CAPTURE(one);
          CAPTURE(other);
          CHECK((canonical(one) == canonical(other)) == (&left == &right));
        }
      }
    }
  }
}
