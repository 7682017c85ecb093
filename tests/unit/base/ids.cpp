// SPDX-License-Identifier: MIT
#include <agent_websocket/base/ids.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using agent_websocket::is_valid_id;

static_assert(is_valid_id("q1"), "usable at compile time");
static_assert(!is_valid_id(""));

TEST_CASE("ids: 1 to 64 characters") {
  CHECK(agent_websocket::max_id_length == 64);
  CHECK_FALSE(is_valid_id(""));
  CHECK_FALSE(is_valid_id(std::string_view()));
  for (std::size_t length = 1; length <= 64; ++length) {
    CAPTURE(length);
    CHECK(is_valid_id(std::string(length, 'x')));
  }
  CHECK_FALSE(is_valid_id(std::string(65, 'x')));
  CHECK_FALSE(is_valid_id(std::string(100'000, 'x')));
}

TEST_CASE("ids: exactly the letters, digits and four marks, at every place") {
  const std::string_view legal =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const char c = static_cast<char>(byte);
    const bool expected = legal.find(c) != std::string_view::npos;
    CHECK(is_valid_id(std::string(1, c)) == expected);
    CHECK(is_valid_id(std::string("a") + c) == expected);
    CHECK(is_valid_id(c + std::string("a")) == expected);
    CHECK(is_valid_id(std::string(63, 'a') + c) == expected);
  }
}

TEST_CASE("ids: a UUID is one") { CHECK(is_valid_id("f81d4fae-7dec-41d0-a765-00a0c91e6bf6")); }
