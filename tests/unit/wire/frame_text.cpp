// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/frame_text.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using agent_websocket::json::max_escaped_bytes;
using agent_websocket::wire::detail::long_text;
using agent_websocket::wire::detail::short_text;

namespace {

template <typename Text>
void write(Text& to, std::string_view text, std::uint64_t number) {
  to.put(R"({"text":")");
  to.put_string(text);
  to.put(R"(","number":)");
  to.put(number);
  to.put(std::string_view("}", 1));
}

std::string written_long(std::string_view text, std::uint64_t number) {
  std::string out = "kept";
  long_text to{out};
  write(to, text, number);
  return out;
}

std::string written_short(std::string_view text, std::uint64_t number) {
  std::string out = "kept";
  short_text to;
  write(to, text, number);
  CHECK(out == "kept");  // nothing before the end
  to.append_to(out);
  return out;
}

}  // namespace

TEST_CASE("frame_text: appends to what is there, short text all at once") {
  CHECK(written_long("hi", 7) == R"(kept{"text":"hi","number":7})");
  CHECK(written_short("hi", 7) == R"(kept{"text":"hi","number":7})");
}

TEST_CASE("frame_text: strings are escaped, literals are not") {
  using namespace std::string_view_literals;
  struct row {
    std::string_view text, escaped;
  };
  for (const row& each : {row{"", ""}, row{"plain", "plain"}, row{"a\"b\\c\n", R"(a\"b\\c\n)"},
                          row{"\x01\0"sv, R"(\u0001\u0000)"}, row{"a\xFFz", "a\xEF\xBF\xBDz"},
                          row{"\xE6\x97\xA5", "\xE6\x97\xA5"}}) {
    const std::string wanted = R"(kept{"text":")" + std::string(each.escaped) + R"(","number":0})";
    CAPTURE(wanted);
    CHECK(written_long(each.text, 0) == wanted);
    CHECK(written_short(each.text, 0) == wanted);
  }
}

TEST_CASE("frame_text: the largest number has room") {
  const auto most = std::numeric_limits<std::uint64_t>::max();
  CHECK(written_long("", most) == R"(kept{"text":"","number":18446744073709551615})");
  CHECK(written_short("", most) == R"(kept{"text":"","number":18446744073709551615})");
}

TEST_CASE("frame_text: numbers below zero, of text of any length") {
  std::string out;
  long_text to{out};
  to.put(std::int64_t{-5});
  to.put(" ");
  to.put(std::numeric_limits<std::int64_t>::min());
  CHECK(out == "-5 -9223372036854775808");
}

TEST_CASE("frame_text: short text has room for all escapes of as much as fits") {
  const std::string text((short_text::room - 64) / max_escaped_bytes, '\x01');
  CHECK(written_short(text, 1) == written_long(text, 1));
  CHECK(written_long(std::string(5'000, '\x01'), 1).size() > 5 * short_text::room);
}
