// SPDX-License-Identifier: MIT
#include <agent_websocket/base/byte_word.hpp>

#include <doctest/doctest.h>

#include <cstddef>

using agent_websocket::byte_word;
using agent_websocket::bytes_before_mark;
using agent_websocket::every_byte;
using agent_websocket::load_word;
using agent_websocket::top_bits;

TEST_CASE("byte word: the first byte is the lowest, wherever the text lies") {
  const char text[] = "xyz\x01\x02\x03\x04\x05\x06\x07\xFFz";
  CHECK(load_word(text + 3) == 0xFF07'0605'0403'0201U);
  CHECK(load_word(text + 4) == 0x7AFF'0706'0504'0302U);
}

TEST_CASE("byte word: a number in every byte") {
  CHECK(every_byte * 0x22 == load_word("\"\"\"\"\"\"\"\""));
  CHECK(top_bits == load_word("\x80\x80\x80\x80\x80\x80\x80\x80"));
}

TEST_CASE("byte word: what is behind the first mark does not count") {
  for (std::size_t first = 0; first < 8; ++first) {
    for (byte_word behind = 0; behind < 256; ++behind) {
      byte_word marks = 0;
      for (std::size_t i = 0; i < 8; ++i) {
        if (i == first || (i > first && (behind >> i & 1) != 0))
          marks |= byte_word{0x80} << (8 * i);
      }
      REQUIRE(bytes_before_mark(marks) == first);
    }
  }
}
