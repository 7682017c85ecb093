// SPDX-License-Identifier: MIT
#include <agent_websocket/json/number.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <locale>
#include <optional>
#include <random>
#include <string>

using agent_websocket::json::parse_double;
using agent_websocket::json::parse_integer;
using agent_websocket::json::print_double;

namespace {

std::string zeros(std::size_t count) { return std::string(count, '0'); }

std::uint64_t bits_of(double number) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &number, sizeof bits);
  return bits;
}

/// The number of significant digits that printf needs for a number to read back.
int digits_needed(double number) {
  char text[64];
  for (int digits = 1; digits < 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*e", digits - 1, number);
    if (std::strtod(text, nullptr) == number) return digits;
  }
  return 17;
}

int digits_in(const std::string& text) {
  int digits = 0, trailing = 0;
  for (const char c : text.substr(0, text.find('e'))) {
    if (c < '0' || c > '9' || (c == '0' && digits == 0)) continue;
    ++digits;
    trailing = c == '0' ? trailing + 1 : 0;
  }
  return digits - trailing;
}

struct decimal_comma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

}  // namespace

TEST_CASE("number: text to double") {
  struct row {
    std::string text;
    double number;
  };
  const row rows[] = {
      {"0", 0.0},
      {"-0", -0.0},
      {"-0.0", -0.0},
      {"1", 1.0},
      {"-1.5", -1.5},
      {"3.0", 3.0},
      {"3e2", 300.0},
      {"3E+2", 300.0},
      {"3e-2", 0.03},
      {"0.1", 0.1},
      {"1e22", 1e22},
      {"1e23", 1e23},
      {"9007199254740993", 9007199254740992.0},  // ties to even
      {"9007199254740993.00001", 9007199254740994.0},
      {"123456789012345678901234567890", 123456789012345678901234567890.0},
      {"1.7976931348623157e308", std::numeric_limits<double>::max()},
      {"-1.7976931348623157E308", -std::numeric_limits<double>::max()},
      {"2.2250738585072014e-308", std::numeric_limits<double>::min()},
      {"2.2250738585072011e-308", 2.2250738585072011e-308},  // once hung parsers
      {"5e-324", std::numeric_limits<double>::denorm_min()},
      {"1e-320", 1e-320},
      {"0e400", 0.0},
      {"0.0e99999999999999999999", 0.0},
      {"1" + zeros(308), 1e308},
      {"1" + zeros(400) + "e-400", 1.0},
      {"0." + zeros(400) + "1e401", 1.0},
      {"0." + zeros(300) + "1e+300", 0.1},
      {"179769313486231580793e288", 1.7976931348623157e308},  // rounds down to the largest
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const std::optional<double> number = parse_double(each.text);
    REQUIRE(number.has_value());
    CHECK(bits_of(*number) == bits_of(each.number));
  }
}

TEST_CASE("number: too small for a double is 0, too large is nothing, however it is spelled") {
  for (const std::string& text :
       {std::string("1e-400"), std::string("1e-99999999999999999999"), "0." + zeros(400) + "1",
        "0." + zeros(400) + "1e5", "0." + zeros(400) + "1e+50", "0." + zeros(400) + "123E1",
        "1" + zeros(50) + "e-450", std::string("1e-2147483648"), std::string("1e-2147483649")}) {
    CAPTURE(text);
    CHECK(parse_double(text) == 0.0);
    const std::optional<double> negative = parse_double("-" + text);
    REQUIRE(negative.has_value());
    CHECK(*negative == 0.0);
  }
  for (const std::string& text :
       {std::string("1e309"), std::string("1e400"), std::string("1E+400"),
        std::string("1.7976931348623159e308"), std::string("1e99999999999999999999"),
        "1" + zeros(309), "1" + zeros(400) + "e-1", "1" + zeros(400) + ".5e-20",
        "0." + zeros(50) + "1e500", std::string("1e2147483647"), std::string("1e2147483648")}) {
    CAPTURE(text);
    CHECK_FALSE(parse_double(text).has_value());
    CHECK_FALSE(parse_double("-" + text).has_value());
  }
}

TEST_CASE("number: text to integer, exactly, to the ends of int64") {
  struct row {
    std::string text;
    std::int64_t number;
  };
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const row rows[] = {
      {"0", 0},
      {"-0", 0},
      {"-0.0", 0},
      {"0e5", 0},
      {"0e99999999999999999999", 0},
      {"0.000e-7", 0},
      {"3", 3},
      {"-3", -3},
      {"3.0", 3},
      {"3.000", 3},
      {"3e2", 300},
      {"3E+2", 300},
      {"300e-2", 3},
      {"3.5e1", 35},
      {"-12.50e1", -125},
      {"0.00001e5", 1},
      {"1" + zeros(30) + "e-30", 1},
      {"0." + zeros(400) + "7e401", 7},
      {"9007199254740991", 9007199254740991},  // 2^53 and around it
      {"9007199254740992", 9007199254740992},
      {"9007199254740993", 9007199254740993},
      {"9007199254740991.0", 9007199254740991},
      {"9007199254740992.0", 9007199254740992},
      {"9007199254740993.0", 9007199254740993},
      {"9007199254740993e0", 9007199254740993},
      {"-9007199254740993.0", -9007199254740993},
      {"1e18", 1'000'000'000'000'000'000},
      {"123456789012345678.9e1", 1'234'567'890'123'456'789},
      {"9223372036854775807", most},
      {"-9223372036854775808", least},
      {"9223372036854775807.0", most},
      {"9.223372036854775807e18", most},
      {"-9.223372036854775808e18", least},
      {"-922337203685477580800e-2", least},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    CHECK(parse_integer(each.text) == each.number);
  }
}

TEST_CASE("number: what has a fraction or does not fit is no integer") {
  for (const std::string& text : {std::string("0.5"),
                                  std::string("-0.5"),
                                  std::string("1e-1"),
                                  std::string("3.25e1"),
                                  std::string("3.00000000000000000001"),
                                  std::string("0.99999999999999999999"),
                                  std::string("9007199254740992.5"),
                                  std::string("5e-324"),
                                  std::string("1e-400"),
                                  std::string("1e-99999999999999999999"),
                                  "0." + zeros(400) + "7e400",
                                  std::string("9223372036854775808"),
                                  std::string("-9223372036854775809"),
                                  std::string("9223372036854775808.0"),
                                  std::string("-9223372036854775809.0"),
                                  std::string("9.223372036854775808e18"),
                                  std::string("1e19"),
                                  std::string("-1e19"),
                                  std::string("1e20"),
                                  std::string("1e400"),
                                  std::string("1e99999999999999999999"),
                                  std::string("18446744073709551616"),
                                  "1" + zeros(400),
                                  "1" + zeros(400) + ".0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_integer(text).has_value());
  }
}

TEST_CASE(
    "number: integers of every length, spelled plainly, with a fraction and with an exponent") {
  std::mt19937_64 random(11);
  int wrong = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto number =
        static_cast<std::int64_t>(random() >> (random() % 64)) * (i % 2 == 0 ? 1 : -1);
    const std::string text = std::to_string(number);
    std::string moved = text;  // 12345 -> 12.345e3
    const std::size_t behind = random() % (text.size() - (text[0] == '-' ? 1 : 0));
    if (behind > 0) moved.insert(text.size() - behind, ".");
    moved += "e" + std::to_string(behind);
    if (parse_integer(text) != number || parse_integer(text + ".000") != number ||
        parse_integer(moved) != number || parse_integer(text + "00e-2") != number) {
      CAPTURE(moved);
      CHECK(parse_integer(moved) == number);
      ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("number: double to text") {
  struct row {
    double number;
    const char* text;
  };
  const row rows[] = {
      {0.0, "0"},
      {1.0, "1"},
      {-1.0, "-1"},
      {0.5, "0.5"},
      {0.1, "0.1"},
      {0.7, "0.7"},
      {-2.25, "-2.25"},
      {100000.0, "100000"},
      {1e15, "1000000000000000"},
      {9007199254740991.0, "9007199254740991"},
      {-9007199254740991.0, "-9007199254740991"},
      {0.30000000000000004, "0.30000000000000004"},
      {1.0 / 3, "0.3333333333333333"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    CHECK(print_double(each.number) == each.text);
  }
  CHECK(parse_double(print_double(-0.0)) == 0.0);
}

TEST_CASE("number: any double reads back as itself from the fewest digits") {
  std::mt19937_64 random(12);
  int wrong = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::uint64_t bits = random();
    double number = 0;
    if (i % 3 == 0) {  // every kind of double
      std::memcpy(&number, &bits, sizeof number);
    } else {  // what people write
      number = static_cast<double>(bits % 1'000'000) / (i % 3 == 1 ? 1000.0 : 1e9);
    }
    if (!std::isfinite(number) || number == 0) continue;
    const std::string text = print_double(number);
    const std::optional<double> back = parse_double(text);
    const bool same = back.has_value() && bits_of(*back) == bits_of(number);
    const bool shape = text.find_first_not_of("0123456789.e+-") == std::string::npos &&
                       text.front() != '+' && text.front() != '.' && text.back() != '.';
    const bool shortest = !std::isnormal(number) || std::trunc(number) == number ||
                          digits_in(text) <= digits_needed(number);
    if (same && shape && shortest) continue;
    CAPTURE(text);
    CHECK(same);
    CHECK(shape);
    CHECK(shortest);
    ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("number: the smallest and the largest double read back") {
  for (const double number :
       {std::numeric_limits<double>::max(), std::numeric_limits<double>::min(),
        std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::epsilon(),
        9007199254740992.0, 9007199254740994.0, 1e16, 9223372036854774784.0, 9223372036854775808.0,
        1e19, 1e21, 1e22, 1e300, 1e-300}) {
    CAPTURE(number);
    CHECK(parse_double(print_double(number)) == number);
    CHECK(parse_double(print_double(-number)) == -number);
  }
}

TEST_CASE("number: the program's locale changes nothing") {
  const std::locale before = std::locale::global(std::locale(std::locale(), new decimal_comma));
  const std::optional<double> read = parse_double("1234567.5");
  const std::optional<std::int64_t> whole = parse_integer("1234567.0");
  const std::string fraction = print_double(1234567.5), large = print_double(1234567e10);
  std::locale::global(before);
  CHECK(read == 1234567.5);
  CHECK(whole == 1234567);
  CHECK(fraction == "1234567.5");
  CHECK(parse_double(large) == 1234567e10);
}
