// SPDX-License-Identifier: MIT
//
// Random numbers for session ids (UUID version 4, RFC 9562 section 5.4), tokens and jitter. The
// default source is the operating system's cryptographic generator: getentropy() where there is
// one, with one call for all that an id needs, else /dev/urandom, or std::random_device where there
// are no such files. Nothing is drawn in advance: a forked process must not draw what its parent
// draws. Tests hand in a seeded one.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#if (defined(__linux__) && !defined(__ANDROID__)) || defined(__FreeBSD__) || defined(__OpenBSD__)
#include <unistd.h>
#elif defined(__APPLE__)
#include <sys/random.h>
#elif defined(_WIN32)
#include <random>
#endif

namespace agent_websocket {

namespace detail {

/// std::mt19937_64, whose numbers are the standard's, without all that <random> has beside it:
/// compilers read that header for a tenth of a second in every unit.
class mersenne_twister {
 public:
  explicit mersenne_twister(std::uint64_t seed) noexcept;

  std::uint64_t operator()() noexcept;

 private:
  static constexpr std::size_t size = 312, middle = 156;

  void twist() noexcept;

  std::array<std::uint64_t, size> state_;
  std::size_t next_ = size;
};

}  // namespace detail

/// Draws random bits. Copyable; used from one thread at a time.
class random_source {
 public:
  /// Draws from the operating system.
  random_source() = default;

  /// Draws 64 bits a call from `draw`.
  explicit random_source(std::function<std::uint64_t()> draw) : draw_(std::move(draw)) {}

  /// The same sequence for the same seed: for tests only, predictable.
  static random_source seeded(std::uint64_t seed);

  std::uint64_t bits();

  /// As many calls of bits(), at once.
  template <std::size_t Count>
  std::array<std::uint64_t, Count> words() {
    std::array<std::uint64_t, Count> drawn;
    if (!draw_ && ask_system(drawn.data(), sizeof drawn)) return drawn;
    for (std::uint64_t& each : drawn) each = draw_ ? draw_() : ask_device();
    return drawn;
  }

  /// A real number in [0, 1).
  double unit();

 private:
  /// At most 256 bytes. False: there is no such call here.
  static bool ask_system([[maybe_unused]] void* to, [[maybe_unused]] std::size_t size) noexcept;
#if defined(_WIN32)
  static std::uint64_t ask_device() {
    thread_local std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | static_cast<std::uint64_t>(device());
  }
#else
  static std::uint64_t ask_device() {
    std::uint64_t drawn = 0;
    std::FILE* const device = std::fopen("/dev/urandom", "rb");
    const bool read = device != nullptr && std::fread(&drawn, sizeof drawn, 1, device) == 1;
    if (device != nullptr) std::fclose(device);
    if (!read) throw std::runtime_error("no random numbers: /dev/urandom cannot be read");
    return drawn;
  }
#endif

  std::function<std::uint64_t()> draw_;  // none: the operating system
};

/// Bits for several things that are made one after the other, drawn by one call of the system. Not to be kept for
/// later (see above): what was not used up is wiped at the end, as is what was.
template <std::size_t Count>
class random_draw {
 public:
  explicit random_draw(random_source& from) : drawn_(from.words<Count>()) {}
  random_draw(const random_draw&) = delete;
  random_draw& operator=(const random_draw&) = delete;
  ~random_draw() {
    volatile std::uint64_t* const memory = drawn_.data();
    for (std::size_t i = 0; i < Count; ++i) memory[i] = 0;
  }

  /// As random_source::words(). Precondition: so many are left.
  template <std::size_t Wanted>
  std::array<std::uint64_t, Wanted> words() {
    assert(used_ + Wanted <= Count);
    std::array<std::uint64_t, Wanted> taken;
    for (std::uint64_t& each : taken) each = drawn_[used_++];
    return taken;
  }

 private:
  std::array<std::uint64_t, Count> drawn_;
  std::size_t used_ = 0;
};

namespace detail {

inline constexpr std::size_t token_length = 43, short_name_length = 15;

/// How many words of 64 bits such a text takes: ten characters of six bits each.
constexpr std::size_t words_of_text(std::size_t characters) noexcept { return (characters + 9) / 10; }

}  // namespace detail

/// How many words of 64 bits make_uuid, make_token and make_short_name take.
inline constexpr std::size_t words_of_uuid = 2;
inline constexpr std::size_t words_of_token = detail::words_of_text(detail::token_length);
inline constexpr std::size_t words_of_short_name =
    detail::words_of_text(detail::short_name_length);

/// A random UUID, version 4, variant 1, lower case: "f81d4fae-7dec-41d0-a765-00a0c91e6bf6".
/// `Source` is random_source or random_draw, as of the other two.
template <typename Source>
std::string make_uuid(Source& random) {
  static constexpr char digits[] = "0123456789abcdef";
  auto [high, low] = random.template words<words_of_uuid>();
  high = (high & 0xFFFF'FFFF'FFFF'0FFFULL) | 0x0000'0000'0000'4000ULL;
  low = (low & 0x3FFF'FFFF'FFFF'FFFFULL) | 0x8000'0000'0000'0000ULL;
  std::string text(36, '-');
  std::size_t to = 0;
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) ++to;
    const std::uint64_t half = i < 16 ? high : low;
    text[to++] = digits[(half >> (60 - 4 * (i % 16))) & 0xF];
  }
  return text;
}

namespace detail {

/// Characters of base64url (RFC 4648, section 5), six bits each.
template <std::size_t Length, typename Source>
std::string random_text(Source& random) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  auto words = random.template words<words_of_text(Length)>();
  std::string text(Length, '\0');
  for (std::size_t i = 0; i < Length; ++i) {
    text[i] = digits[words[i / 10] & 63];
    words[i / 10] >>= 6;
  }
  return text;
}

}  // namespace detail

/// A secret of 256 bits, as 43 characters of base64url without padding.
template <typename Source>
std::string make_token(Source& random) { return detail::random_text<detail::token_length>(random); }

/// A name of 90 bits that is no secret and not given twice: 15 characters, which a std::string holds without
/// an allocation.
template <typename Source>
std::string make_short_name(Source& random) { return detail::random_text<detail::short_name_length>(random); }

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE mersenne_twister::mersenne_twister(std::uint64_t seed) noexcept {
  state_[0] = seed;
  for (std::size_t i = 1; i < size; ++i)
    state_[i] = 6364136223846793005ULL * (state_[i - 1] ^ (state_[i - 1] >> 62)) + i;
}

AGENT_WEBSOCKET_INLINE std::uint64_t mersenne_twister::operator()() noexcept {
  if (next_ == size) twist();
  std::uint64_t drawn = state_[next_++];
  drawn ^= (drawn >> 29) & 0x5555'5555'5555'5555ULL;
  drawn ^= (drawn << 17) & 0x71D6'7FFF'EDA6'0000ULL;
  drawn ^= (drawn << 37) & 0xFFF7'EEE0'0000'0000ULL;
  return drawn ^ (drawn >> 43);
}

AGENT_WEBSOCKET_INLINE void mersenne_twister::twist() noexcept {
  constexpr std::uint64_t lower = 0x7FFF'FFFFULL;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t both = (state_[i] & ~lower) | (state_[(i + 1) % size] & lower);
    state_[i] = state_[(i + middle) % size] ^ (both >> 1) ^
                ((both & 1) != 0 ? 0xB502'6F5A'A966'19E9ULL : 0);
  }
  next_ = 0;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE random_source random_source::seeded(std::uint64_t seed) {
  return random_source([engine = detail::mersenne_twister(seed)]() mutable { return engine(); });
}

AGENT_WEBSOCKET_INLINE std::uint64_t random_source::bits() { return words<1>()[0]; }

AGENT_WEBSOCKET_INLINE double random_source::unit() {
  return static_cast<double>(bits() >> 11) * 0x1.0p-53;
}

AGENT_WEBSOCKET_INLINE bool random_source::ask_system([[maybe_unused]] void* to,
                                                      [[maybe_unused]] std::size_t size) noexcept {
#if (defined(__linux__) && !defined(__ANDROID__)) || defined(__FreeBSD__) || \
    defined(__OpenBSD__) || defined(__APPLE__)
  return ::getentropy(to, size) == 0;
#else
  return false;
#endif
}

#endif

}  // namespace agent_websocket
