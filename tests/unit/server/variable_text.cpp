// SPDX-License-Identifier: MIT
#include <agent_websocket/server/variable_text.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace agent_websocket::detail;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST_CASE("variable_text: a whole number within its range") {
  int number = 7;
  CHECK_FALSE(read_whole(number, "1", 1, 20).has_value());
  CHECK(number == 1);
  CHECK_FALSE(read_whole(number, "20", 1, 20).has_value());
  CHECK(number == 20);
  CHECK_FALSE(read_whole(number, "007", 1, 20).has_value());
  CHECK(number == 7);
  CHECK_FALSE(read_whole(number, "-3", -5, 5).has_value());
  CHECK(number == -3);
}

TEST_CASE("variable_text: what is no whole number leaves the option as it was") {
  for (const std::string_view text :
       {"", " ", "0", "21", "-1", "+5", " 5", "5 ", "5.0", "5s", "0x5", "five", "1e1",
        "99999999999999999999", "-99999999999999999999"}) {
    CAPTURE(text);
    int number = 7;
    CHECK(read_whole(number, text, 1, 20) == "a whole number from 1 to 20");
    CHECK(number == 7);
  }
  std::size_t size = 7;
  CHECK(read_whole<std::size_t>(size, "-1", 0, 9).has_value());
  std::uint16_t port = 7;
  CHECK(read_whole<std::uint16_t>(port, "65536", 0, 65'535).has_value());
  CHECK(port == 7);
  CHECK_FALSE(read_whole<std::uint16_t>(port, "65535", 0, 65'535).has_value());
  CHECK(port == 65'535);
}

TEST_CASE("variable_text: decimals are digits and one point") {
  CHECK(read_decimal("0") == 0.0);
  CHECK(read_decimal("12") == 12.0);
  CHECK(read_decimal("0.25") == 0.25);
  CHECK(read_decimal("12.50") == 12.5);
  for (const std::string_view text :
       {"", ".", "1.2.3", "-1", "+1", "1e3", "1,5", " 1", "1 ", "nan", "inf", "0x1"}) {
    CAPTURE(text);
    CHECK_FALSE(read_decimal(text).has_value());
  }
}

TEST_CASE("variable_text: times, in their unit, to the nearest millisecond") {
  milliseconds time = 9h;
  CHECK_FALSE(read_seconds(time, "25", 0, 100).has_value());
  CHECK(time == 25s);
  CHECK_FALSE(read_seconds(time, "0.0014", 0, 100).has_value());
  CHECK(time == 1ms);
  CHECK_FALSE(read_seconds(time, "0.0016", 0, 100).has_value());
  CHECK(time == 2ms);
  CHECK_FALSE(read_seconds(time, "0", 0, 100).has_value());
  CHECK(time == 0ms);
  CHECK_FALSE(read_seconds(time, "100", 0, 100).has_value());
  CHECK(time == 100s);
  CHECK_FALSE(read_time(time, "1.5", "minutes", 60'000, 0.001, 60).has_value());
  CHECK(time == 90s);
  CHECK_FALSE(read_time(time, "20", "milliseconds", 1, 0, 10'000).has_value());
  CHECK(time == 20ms);
}

TEST_CASE("variable_text: what is no time leaves the option as it was") {
  for (const std::string_view text : {"", "0.04", "100.001", "-1", "1s", "1 s", "soon", "1e1"}) {
    CAPTURE(text);
    milliseconds time = 7ms;
    CHECK(read_seconds(time, text, 0.05, 100) == "a number of seconds from 0.05 to 100");
    CHECK(time == 7ms);
  }
  milliseconds time = 7ms;
  CHECK(read_time(time, "2", "minutes", 60'000, 0.5, 1) == "a number of minutes from 0.5 to 1");
}

TEST_CASE("variable_text: lists, with blanks and commas to spare") {
  using list = std::vector<std::string>;
  CHECK(split_list("").empty());
  CHECK(split_list(" , ,").empty());
  CHECK(split_list("a") == list{"a"});
  CHECK(split_list("a,b") == list{"a", "b"});
  CHECK(split_list(" a/1 ,\tb c ,,d,") == list{"a/1", "b c", "d"});
}

TEST_CASE("variable_text: paths") {
  for (const std::string_view text : {"/", "/a", "/a/b", "/functions/v1", "/a-b_2.0~", "//"}) {
    CAPTURE(text);
    CHECK(is_path(text));
  }
  for (const std::string_view text :
       {"", "a", "a/b", "/a b", "/a?b", "/a#b", "/a%20b", "/\xC3\xA4", "/a\n", " /a", "/\x7F"}) {
    CAPTURE(text);
    CHECK_FALSE(is_path(text));
  }
}

TEST_CASE("variable_text: words of a choice") {
  for (const std::string& good :
       {std::string("x"), std::string("x-high_2"), std::string(40, 'x')}) {
    CHECK(is_word(good));
  }
  for (const std::string& bad :
       {std::string(), std::string("High"), std::string("a b"), std::string("a\n"),
        std::string("\xC3\xA4"), std::string(41, 'x')}) {
    CHECK_FALSE(is_word(bad));
  }
}
