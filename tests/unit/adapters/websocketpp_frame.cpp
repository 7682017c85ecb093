// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_frame.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

namespace adapters = agent_websocket::adapters;
using adapters::opcode;

namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string made;
  for (const int value : values) made.push_back(static_cast<char>(value));
  return made;
}

std::size_t key_of(std::uint32_t bits) {
  websocketpp::frame::masking_key_type key;
  key.i = bits;
  return websocketpp::frame::prepare_masking_key(key);
}

}  // namespace

TEST_CASE("frame: the examples of RFC 6455 section 5.7") {
  std::string out;
  SUBCASE("unmasked text") {
    adapters::append_frame(out, opcode::text, "Hello");
    CHECK(out == bytes({0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}));
  }
  SUBCASE("masked text") {
    websocketpp::frame::masking_key_type key;
    for (std::size_t i = 0; i < 4; ++i) key.c[i] = static_cast<std::uint8_t>("\x37\xfa\x21\x3d"[i]);
    adapters::append_masked_frame(out, opcode::text, "Hello", key.i);
    CHECK(out == bytes({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
  }
  SUBCASE("ping and pong") {
    adapters::append_frame(out, opcode::ping, "Hello");
    adapters::append_frame(out, opcode::pong, "");
    CHECK(out == bytes({0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x8a, 0x00}));
  }
  SUBCASE("256 bytes and 64 KiB of binary data") {
    adapters::append_frame(out, opcode::binary, std::string(256, 'x'));
    CHECK(out.substr(0, 4) == bytes({0x82, 0x7E, 0x01, 0x00}));
    out.clear();
    adapters::append_frame(out, opcode::binary, std::string(65536, 'x'));
    CHECK(out.substr(0, 10) == bytes({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}));
  }
}

TEST_CASE("frame: the length takes the fewest bytes that hold it") {
  for (const std::size_t size : {0u, 1u, 125u, 126u, 127u, 65535u, 65536u, 65537u}) {
    std::string out = "before";
    adapters::append_frame(out, opcode::text, std::string(size, 'x'));
    CHECK(out.size() == 6 + adapters::frame_size(size));
    CHECK(out.substr(0, 6) == "before");
    const int code = static_cast<unsigned char>(out[7]);
    CHECK(code == (size <= 125 ? static_cast<int>(size) : size <= 65535 ? 126 : 127));
  }
}

TEST_CASE("frame: masking is the same in one piece and in any two, at any address") {
  std::string plain(67, '\0');
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<char>(i * 7);
  const std::string key_bytes = bytes({0x11, 0x80, 0x33, 0xFF});
  std::uint32_t bits = 0;
  std::memcpy(&bits, key_bytes.data(), 4);
  std::string wanted = plain;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    wanted[i] = static_cast<char>(wanted[i] ^ key_bytes[i % 4]);
  }
  for (std::size_t cut = 0; cut <= plain.size(); ++cut) {
    for (std::size_t offset = 0; offset < 8; ++offset) {
      std::string buffer = std::string(offset, '#') + plain + "#";
      std::size_t key = key_of(bits);
      key = adapters::apply_mask(&buffer[offset], cut, key);
      adapters::apply_mask(&buffer[offset + cut], plain.size() - cut, key);
      REQUIRE(buffer == std::string(offset, '#') + wanted + "#");
    }
  }
}

TEST_CASE("frame: the payload of a close frame") {
  CHECK(adapters::close_payload(1000, "bye") == bytes({0x03, 0xE8}) + "bye");
  CHECK(adapters::close_payload(4001, "") == bytes({0x0F, 0xA1}));
  CHECK(adapters::close_payload(1005, "x") == "");
  CHECK(adapters::close_payload(1006, "x") == "");
  CHECK(adapters::close_payload(0, "x") == "");
  const std::string cut = adapters::close_payload(1000, std::string(122, 'a') + "\xC3\xA9");
  CHECK(cut == bytes({0x03, 0xE8}) + std::string(122, 'a'));
}

TEST_CASE("frame: every code for failing has its reason") {
  CHECK(adapters::failure_reason(1002) == "protocol_error");
  CHECK(adapters::failure_reason(1007) == "invalid_utf8");
  CHECK(adapters::failure_reason(1008) == "too_many_fragments");
  CHECK(adapters::failure_reason(1009) == "message_too_large");
}
