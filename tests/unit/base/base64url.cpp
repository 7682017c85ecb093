// SPDX-License-Identifier: MIT
#include <agent_websocket/base/base64url.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::decode_base64url;
using agent_websocket::encode_base64url;

TEST_CASE("base64url: the vectors of RFC 4648 section 10, without padding") {
  const std::vector<std::pair<std::string, std::string>> vectors{
      {"", ""},         {"f", "Zg"},         {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& row : vectors) {
    const std::string& bytes = row.first;
    const std::string& text = row.second;
    CAPTURE(text);
    CHECK(encode_base64url(bytes) == text);
    CHECK(decode_base64url(text) == bytes);
  }
}

TEST_CASE("base64url: the example of RFC 7515 appendix C") {
  const std::string bytes("\x03\xEC\xFF\xE0\xC1", 5);
  CHECK(encode_base64url(bytes) == "A-z_4ME");
  CHECK(decode_base64url("A-z_4ME") == bytes);
}

TEST_CASE("base64url: every byte, at every place") {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t before = 0; before < 4; ++before) {
      const std::string bytes = std::string(before, '\xA5') + static_cast<char>(byte);
      CHECK(decode_base64url(encode_base64url(bytes)) == bytes);
    }
  }
}

TEST_CASE("base64url: padding, white space and the other alphabet are refused") {
  for (const std::string text :
       {"Zg==", "Zg=", "Zm8=", "Zm9v=", "=", "====", "Zm9 v", " Zm9v", "Zm9v ", "Zm9v\n", "Zm\r\n9v",
        "Zm9v\t", "+z_4", "A/z4", "Zm9v.", "Zm.9v", "Zm9\xC3\xA9", "Zm9%76", "@@@@", "[[[[", "````",
        "{{{{", "::::", "////", ",,,,"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64url(text).has_value());
  }
  CHECK_FALSE(decode_base64url(std::string("Zm9\0", 4)).has_value());
  CHECK_FALSE(decode_base64url(std::string("Zg\0\0", 4)).has_value());
}

TEST_CASE("base64url: a length that spells no whole byte is refused") {
  for (const std::string text : {"A", "Z", "Zm9vY", "AAAAAAAAA"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64url(text).has_value());
  }
}

TEST_CASE("base64url: bits behind the last byte are refused") {
  CHECK(decode_base64url("Zg").has_value());
  for (const std::string text : {"Zh", "Zi", "Zj", "Zk", "Zo", "Zv", "Zm9", "Zm-", "Zm_", "Zm9vYh"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64url(text).has_value());
  }
}

TEST_CASE("base64url: no two texts of up to three characters spell the same bytes") {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::set<std::string> seen;
  std::size_t taken = 0;
  const auto look = [&](const std::string& text) {
    const auto bytes = decode_base64url(text);
    if (!bytes) return;
    ++taken;
    CHECK(seen.insert(*bytes).second);
    CHECK(encode_base64url(*bytes) == text);
  };
  for (const char a : alphabet) {
    for (const char b : alphabet) {
      look({a, b});
      if (a == 'Z' || a == '_') {
        for (const char c : alphabet) look({a, b, c});
      }
    }
  }
  CHECK(taken == 256u + 2 * 1024u);
}
