// SPDX-License-Identifier: MIT
//
// SHA-256 (FIPS 180-4, section 6.2) of a short text, so that secrets which come back later (resume
// tokens) are kept as digests only. Own code because the core stands without OpenSSL; not for bulk
// data and not for passwords.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace agent_websocket {

using digest256 = std::array<unsigned char, 32>;

namespace detail {

class sha256_state {
 public:
  void block(const unsigned char* bytes) noexcept;

  digest256 digest() const noexcept;

 private:
  static constexpr std::uint32_t turn(std::uint32_t x, int by) noexcept {
    return x >> by | x << (32 - by);
  }

  /// One round: what becomes the next `e` is left in `d`, the next `a` in `h`.
  static void step(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t& d,
                   std::uint32_t e, std::uint32_t f, std::uint32_t g, std::uint32_t& h,
                   std::uint32_t added) noexcept;

  static constexpr std::array<std::uint32_t, 64> constants{
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
      0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
      0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
      0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
      0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
      0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
      0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
      0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
      0xc67178f2};

  std::array<std::uint32_t, 8> h_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

}  // namespace detail

digest256 sha256(std::string_view text) noexcept;

/// Takes the same time wherever the two differ.
bool equal_in_constant_time(const digest256& a, const digest256& b) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE void sha256_state::block(const unsigned char* bytes) noexcept {
  std::array<std::uint32_t, 64> w{};
  for (std::size_t i = 0; i < 16; ++i) {
    w[i] = static_cast<std::uint32_t>(bytes[4 * i]) << 24 |
           static_cast<std::uint32_t>(bytes[4 * i + 1]) << 16 |
           static_cast<std::uint32_t>(bytes[4 * i + 2]) << 8 |
           static_cast<std::uint32_t>(bytes[4 * i + 3]);
  }
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const std::uint32_t s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  std::uint32_t a = h_[0], b = h_[1], c = h_[2], d = h_[3];
  std::uint32_t e = h_[4], f = h_[5], g = h_[6], h = h_[7];
  // The standard hands each of the eight on to the next after a round; eight rounds in which each
  // has the next one's place instead move nothing.
  for (std::size_t i = 0; i < 64; i += 8) {
    const auto at = [&](std::size_t round) { return constants[i + round] + w[i + round]; };
    step(a, b, c, d, e, f, g, h, at(0));
    step(h, a, b, c, d, e, f, g, at(1));
    step(g, h, a, b, c, d, e, f, at(2));
    step(f, g, h, a, b, c, d, e, at(3));
    step(e, f, g, h, a, b, c, d, at(4));
    step(d, e, f, g, h, a, b, c, at(5));
    step(c, d, e, f, g, h, a, b, at(6));
    step(b, c, d, e, f, g, h, a, at(7));
  }
  const std::array<std::uint32_t, 8> v{a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) h_[i] += v[i];
}

AGENT_WEBSOCKET_INLINE digest256 sha256_state::digest() const noexcept {
  digest256 made{};
  for (std::size_t i = 0; i < made.size(); ++i) {
    made[i] = static_cast<unsigned char>(h_[i / 4] >> (24 - 8 * (i % 4)) & 0xFF);
  }
  return made;
}

AGENT_WEBSOCKET_INLINE void sha256_state::step(std::uint32_t a, std::uint32_t b, std::uint32_t c,
                                               std::uint32_t& d, std::uint32_t e, std::uint32_t f,
                                               std::uint32_t g, std::uint32_t& h,
                                               std::uint32_t added) noexcept {
  const std::uint32_t choice = g ^ (e & (f ^ g));
  const std::uint32_t majority = (a & b) | (c & (a | b));
  h += (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + added;
  d += h;
  h += (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE digest256 sha256(std::string_view text) noexcept {
  detail::sha256_state state;
  std::array<unsigned char, 64> block{};
  const std::uint64_t bits = static_cast<std::uint64_t>(text.size()) * 8;
  for (; text.size() >= block.size(); text.remove_prefix(block.size())) {
    std::memcpy(block.data(), text.data(), block.size());
    state.block(block.data());
  }
  block.fill(0);
  if (!text.empty()) std::memcpy(block.data(), text.data(), text.size());
  block[text.size()] = 0x80;
  if (text.size() >= 56) {  // no place for the length behind it
    state.block(block.data());
    block.fill(0);
  }
  for (std::size_t i = 0; i < 8; ++i)
    block[56 + i] = static_cast<unsigned char>(bits >> (56 - 8 * i) & 0xFF);
  state.block(block.data());
  return state.digest();
}

AGENT_WEBSOCKET_INLINE bool equal_in_constant_time(const digest256& a,
                                                   const digest256& b) noexcept {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

#endif

}  // namespace agent_websocket
