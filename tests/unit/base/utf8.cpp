// SPDX-License-Identifier: MIT
#include <agent_websocket/base/utf8.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::cut_utf8;
using agent_websocket::is_utf8;
using agent_websocket::utf8_sequence_length;

static_assert(is_utf8("text \xC3\xA9"), "usable at compile time");
static_assert(!is_utf8("\xC3"));
static_assert(cut_utf8("\xC3\xA9", 1).empty());

namespace {

/// RFC 3629 section 3, without any of its prohibitions: `bytes` of them.
std::string encode(std::uint32_t code, std::size_t bytes) {
  const auto low6 = [&code](int shift) {
    return static_cast<char>(0x80 | ((code >> shift) & 0x3F));
  };
  switch (bytes) {
    case 1: return {static_cast<char>(code)};
    case 2: return {static_cast<char>(0xC0 | (code >> 6)), low6(0)};
    case 3: return {static_cast<char>(0xE0 | (code >> 12)), low6(6), low6(0)};
    case 4: return {static_cast<char>(0xF0 | (code >> 18)), low6(12), low6(6), low6(0)};
  }
  return {};
}

std::size_t shortest(std::uint32_t code) {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

bool is_character(std::uint32_t code) {
  return code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
}

}  // namespace

TEST_CASE("utf8: every code point in its shortest form, and none but characters") {
  std::uint32_t wrong = 0, first_wrong = 0;
  for (std::uint32_t code = 0; code < 0x200000; ++code) {
    const std::string bytes = encode(code, shortest(code));
    const std::size_t expected = is_character(code) ? bytes.size() : 0;
    if (utf8_sequence_length(bytes) != expected || is_utf8(bytes) != (expected != 0)) {
      if (wrong++ == 0) first_wrong = code;
    }
  }
  CAPTURE(first_wrong);
  CHECK(wrong == 0);
}

TEST_CASE("utf8: no overlong form") {
  std::uint32_t accepted = 0;
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    for (std::size_t bytes = shortest(code) + 1; bytes <= 4; ++bytes) {
      if (utf8_sequence_length(encode(code, bytes)) != 0) ++accepted;
    }
  }
  CHECK(accepted == 0);
}

TEST_CASE("utf8: every pair of bytes") {
  int wrong = 0;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string bytes = {static_cast<char>(a), static_cast<char>(b)};
      const bool two = a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF;
      const std::size_t front = a < 0x80 ? 1u : two ? 2u : 0u;
      if (utf8_sequence_length(bytes) != front) ++wrong;
      if (is_utf8(bytes) != (two || (a < 0x80 && b < 0x80))) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("utf8: three and four bytes, each at the edges of its range") {
  const std::vector<int> edges = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
  const auto tail = [](int byte) { return byte >= 0x80 && byte <= 0xBF; };
  int wrong = 0;
  for (int a = 0xE0; a < 256; ++a) {
    for (const int b : edges) {
      for (const int c : edges) {
        const std::string three = {static_cast<char>(a), static_cast<char>(b),
                                   static_cast<char>(c)};
        const bool good3 =
            a <= 0xEF && tail(b) && tail(c) && (a != 0xE0 || b >= 0xA0) && (a != 0xED || b <= 0x9F);
        if (utf8_sequence_length(three) != (good3 ? 3u : 0u)) ++wrong;
        for (const int d : edges) {
          const std::string four = three + static_cast<char>(d);
          const bool good4 = a >= 0xF0 && a <= 0xF4 && tail(b) && tail(c) && tail(d) &&
                             (a != 0xF0 || b >= 0x90) && (a != 0xF4 || b <= 0x8F);
          if (utf8_sequence_length(four) != (good4 ? 4u : good3 ? 3u : 0u)) ++wrong;
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("utf8: a sequence cut short is none, and bytes behind the view are not looked at") {
  const std::string text = "\xF0\x9F\x98\x80";
  for (std::size_t length = 0; length < 4; ++length) {
    CAPTURE(length);
    CHECK(utf8_sequence_length(std::string_view(text).substr(0, length)) == 0);
  }
  CHECK(is_utf8(""));
  CHECK(is_utf8(std::string_view()));
  CHECK_FALSE(is_utf8("ab\xF0\x9F\x98"));
  CHECK_FALSE(
      is_utf8("\x80"
              "ab"));
  CHECK(is_utf8(std::string_view("\0a\0", 3)));
}

TEST_CASE("utf8: cut_utf8 keeps the longest front of whole characters, at every length") {
  const std::string text =
      "a\xC3\xA9"
      "b\xE2\x82\xAC"
      "c\xF0\x9F\x98\x80"
      "d\xCC\x81\xED\x9F\xBF\xF4\x8F\xBF\xBF";
  REQUIRE(is_utf8(text));
  for (std::size_t max = 0; max <= text.size() + 2; ++max) {
    CAPTURE(max);
    std::size_t expected = max < text.size() ? max : text.size();
    while (!is_utf8(std::string_view(text).substr(0, expected))) --expected;
    const std::string_view cut = cut_utf8(text, max);
    CHECK(cut.data() == text.data());
    CHECK(cut.size() == expected);
  }
  CHECK(cut_utf8("abc", 3) == "abc");
  // The byte behind the view goes on with the character that the view ends in.
  CHECK(cut_utf8(std::string_view("a\xC3\xA9").substr(0, 2), 2).size() == 2);
  CHECK(cut_utf8("", 0).empty());
}

TEST_CASE("utf8: cut_utf8 of bytes that are not UTF-8 stays within them") {
  const std::string garbage = "\xFF\x80\x80\x80\x80\xC3\xC3\x80\x80\xF0\x80";
  for (std::size_t max = 0; max <= garbage.size() + 1; ++max) {
    CAPTURE(max);
    const std::string_view cut = cut_utf8(garbage, max);
    CHECK(cut.data() == garbage.data());
    CHECK(cut.size() <= max);
    CHECK(cut.size() <= garbage.size());
  }
}

TEST_CASE("utf8: text that is looked at eight bytes at a time is judged the same at every place") {
  const std::string_view pieces[] = {"\xC3\xA9", "\xF0\x9F\x98\x80", "\xC3", "\xFF", "\x80", "\xED\xA0\x80", "a"};
  for (const std::string_view piece : pieces) {
    for (std::size_t before = 0; before < 18; ++before) {
      for (std::size_t behind = 0; behind < 18; ++behind) {
        const std::string text = std::string(before, 'x') + std::string(piece) + std::string(behind, 'y');
        REQUIRE(agent_websocket::is_utf8_text(text) == is_utf8(text));
      }
    }
  }
  CHECK(agent_websocket::is_utf8_text(""));
}
