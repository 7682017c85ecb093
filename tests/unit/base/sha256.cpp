// SPDX-License-Identifier: MIT
#include <agent_websocket/base/sha256.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using agent_websocket::digest256;
using agent_websocket::equal_in_constant_time;
using agent_websocket::sha256;

namespace {

std::string hex(const digest256& digest) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char each : digest) {
    text.push_back(digits[each >> 4]);
    text.push_back(digits[each & 0xF]);
  }
  return text;
}

std::string hash(std::string_view text) { return hex(sha256(text)); }

}  // namespace

// FIPS 180-4's examples, and NIST's CAVP vectors (SHA256ShortMsg).
TEST_CASE("sha256: the published vectors") {
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("\xd3") == "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
             "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu") ==
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(hash(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Where the padding just fits into the last block, just does not, or is a block of its own.
TEST_CASE("sha256: texts of one block, more or less") {
  CHECK(hash(std::string(55, 'a')) ==
        "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  CHECK(hash(std::string(56, 'a')) ==
        "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  CHECK(hash(std::string(63, 'a')) ==
        "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
  CHECK(hash(std::string(64, 'a')) ==
        "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
  CHECK(hash(std::string(65, 'a')) ==
        "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0");
  CHECK(hash(std::string(119, 'a')) ==
        "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
  CHECK(hash(std::string(128, 'a')) ==
        "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e");
}

TEST_CASE("sha256: any byte counts, zero too") {
  using namespace std::string_view_literals;
  CHECK(hash("\0"sv) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  CHECK(hash("\0\0"sv) != hash("\0"sv));
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  CHECK(hash(all) == "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880");
}

TEST_CASE("sha256: digests are equal when every bit is") {
  const digest256 digest = sha256("abc");
  CHECK(equal_in_constant_time(digest, sha256("abc")));
  CHECK(equal_in_constant_time(digest256{}, digest256{}));
  CHECK_FALSE(equal_in_constant_time(digest, sha256("abd")));
  for (std::size_t byte = 0; byte < digest.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      digest256 other = digest;
      other[byte] = static_cast<unsigned char>(other[byte] ^ (1 << bit));
      CAPTURE(byte);
      CAPTURE(bit);
      CHECK_FALSE(equal_in_constant_time(digest, other));
      CHECK_FALSE(equal_in_constant_time(other, digest));
    }
  }
  // Differences that would cancel each other out in a sum or an exclusive or.
  digest256 twice = digest;
  twice[3] ^= 0x10;
  twice[17] ^= 0x10;
  CHECK_FALSE(equal_in_constant_time(digest, twice));
}
