// SPDX-License-Identifier: MIT
//
// Random numbers for session ids (UUID version 4, RFC 9562 section 5.4), tokens and jitter. The default source is
// std::random_device, which on the supported platforms is the operating system's cryptographic generator; tests
// hand in a seeded one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>

namespace agent_websocket {

/// Draws random bits. Copyable; used from one thread at a time.
class random_source {
 public:
  /// Draws from the operating system.
  random_source()
      : draw_([] {
          thread_local std::random_device device;
          return (static_cast<std::uint64_t>(device()) << 32) | static_cast<std::uint64_t>(device());
        }) {}

  /// Draws 64 bits a call from `draw`.
  explicit random_source(std::function<std::uint64_t()> draw) : draw_(std::move(draw)) {}

  /// The same sequence for the same seed: for tests only, predictable.
  static random_source seeded(std::uint64_t seed) {
    return random_source([engine = std::mt19937_64(seed)]() mutable { return static_cast<std::uint64_t>(engine()); });
  }

  std::uint64_t bits() { return draw_(); }

  /// A real number in [0, 1).
  double unit() { return static_cast<double>(draw_() >> 11) * 0x1.0p-53; }

 private:
  std::function<std::uint64_t()> draw_;
};

/// A random UUID, version 4, variant 1, lower case: "f81d4fae-7dec-41d0-a765-00a0c91e6bf6".
inline std::string make_uuid(random_source& random) {
  static constexpr char digits[] = "0123456789abcdef";
  std::uint64_t high = random.bits();
  std::uint64_t low = random.bits();
  high = (high & 0xFFFF'FFFF'FFFF'0FFFULL) | 0x0000'0000'0000'4000ULL;
  low = (low & 0x3FFF'FFFF'FFFF'FFFFULL) | 0x8000'0000'0000'0000ULL;
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) text.push_back('-');
    const std::uint64_t half = i < 16 ? high : low;
    text.push_back(digits[(half >> (60 - 4 * (i % 16))) & 0xF]);
  }
  return text;
}

/// A secret of 256 bits, as 43 characters of base64url (RFC 4648, section 5) without padding.
inline std::string make_token(random_source& random) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  text.reserve(43);
  std::uint64_t bits = 0;
  for (int i = 0; i < 43; ++i) {
    if (i % 10 == 0) bits = random.bits();
    text.push_back(digits[bits & 63]);
    bits >>= 6;
  }
  return text;
}

}  // namespace agent_websocket
