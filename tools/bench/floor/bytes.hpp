// SPDX-License-Identifier: MIT
//
// The floor's formats, by hand: JSON and UTF-8 as far as they are looked at, the handshake's SHA-1,
// random ids, the timestamp's text, and a buffer that is written without a check per byte.
#pragma once

#include <sys/random.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace relay_floor {

[[noreturn]] inline void give_up(const char* why) {
  std::perror(why);
  std::exit(1);
}

// ---- text
// ------------------------------------------------------------------------------------------

inline bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  const auto byte = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  while (i < text.size()) {
    const unsigned c = byte(i);
    const std::size_t more = c < 0x80                ? 0
                             : c >= 0xC2 && c < 0xE0 ? 1
                             : c >= 0xE0 && c < 0xF0 ? 2
                                                     : 3;
    if (c >= 0x80 && (c < 0xC2 || c > 0xF4)) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xC0U) != 0x80) return false;
    }
    const unsigned second = byte(i + 1);
    if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) ||
        (c == 0xF0 && second < 0x90) || (c == 0xF4 && second > 0x8F))
      return false;
    i += more + 1;
  }
  return true;
}

/// The end of a JSON string whose first byte after the quote is at `begin`: the place of its
/// closing quote, or npos when it is none that may be passed on as it stands.
inline std::size_t end_of_string(std::string_view text, std::size_t begin) {
  bool has_more_than_ascii = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"') {
      return has_more_than_ascii && !is_utf8(text.substr(begin, i - begin)) ? std::string_view::npos
                                                                            : i;
    }
    if (c < 0x20) break;
    if (c >= 0x80) has_more_than_ascii = true;
    if (c != '\\') continue;
    if (++i == text.size()) break;
    if (text[i] != 'u') {
      if (std::strchr("\"\\/bfnrt", text[i]) == nullptr) break;
      continue;
    }
    for (int k = 0; k < 4; ++k) {
      if (++i == text.size() || std::isxdigit(static_cast<unsigned char>(text[i])) == 0)
        return std::string_view::npos;
    }
  }
  return std::string_view::npos;
}

/// Tells the members of an object; values within values stay text. False when it is no object.
template <typename Told>
bool each_member(std::string_view text, Told&& told) {
  std::size_t at = 0;
  const auto skip = [&] {
    while (at < text.size() && std::strchr(" \t\r\n", text[at]) != nullptr) ++at;
    return at < text.size();
  };
  const auto take = [&](char mark) {
    const bool is = skip() && text[at] == mark;
    at += is;
    return is;
  };
  if (!take('{')) return false;
  if (take('}')) return !skip();
  do {
    if (!take('"')) return false;
    const std::size_t name_end = end_of_string(text, at);
    if (name_end == std::string_view::npos) return false;
    const std::string_view name = text.substr(at, name_end - at);
    at = name_end + 1;
    if (!take(':') || !skip()) return false;
    const std::size_t begin = at;
    int depth = 0;
    do {
      const char c = text[at];
      if (c == '"') at = end_of_string(text, at + 1);
      if (at == std::string_view::npos) return false;
      depth += (c == '{' || c == '[') - (c == '}' || c == ']');
      if (depth < 0) break;
      ++at;
    } while (at < text.size() && (depth > 0 || (text[at] != ',' && text[at] != '}')));
    std::size_t end = at;
    while (end > begin && std::strchr(" \t\r\n", text[end - 1]) != nullptr) --end;
    if (begin == end) return false;
    told(name, text.substr(begin, end - begin));
  } while (take(','));
  return take('}') && !skip();
}

// ---- the handshake
// -----------------------------------------------------------------------------------

inline std::array<unsigned char, 20> sha1(std::string_view text) {
  std::uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  std::string padded(text);
  padded += static_cast<char>(0x80);
  while (padded.size() % 64 != 56) padded += '\0';
  for (int shift = 56; shift >= 0; shift -= 8)
    padded += static_cast<char>((std::uint64_t{text.size()} * 8) >> shift & 0xFF);
  const auto rotated = [](std::uint32_t x, int n) { return x << n | x >> (32 - n); };
  for (std::size_t block = 0; block < padded.size(); block += 64) {
    std::uint32_t w[80];
    for (std::size_t i = 0; i < 16; ++i) {
      w[i] = 0;
      for (std::size_t k = 0; k < 4; ++k)
        w[i] = w[i] << 8 | static_cast<unsigned char>(padded[block + i * 4 + k]);
    }
    for (std::size_t i = 16; i < 80; ++i)
      w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    std::uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (std::size_t i = 0; i < 80; ++i) {
      const std::uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                              : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                              : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                       : (b ^ c ^ d) + 0xCA62C1D6;
      const std::uint32_t next = rotated(a, 5) + f + e + w[i];
      e = d;
      d = c;
      c = rotated(b, 30);
      b = a;
      a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
  }
  std::array<unsigned char, 20> made{};
  for (std::size_t i = 0; i < 20; ++i)
    made[i] = static_cast<unsigned char>(h[i / 4] >> (24 - 8 * (i % 4)));
  return made;
}

inline std::string base64(const unsigned char* bytes, std::size_t size, const char* last_two,
                          bool padded) {
  constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string made;
  for (std::size_t i = 0; i < size; i += 3) {
    std::uint32_t three = static_cast<std::uint32_t>(bytes[i]) << 16;
    if (i + 1 < size) three |= static_cast<std::uint32_t>(bytes[i + 1]) << 8;
    if (i + 2 < size) three |= bytes[i + 2];
    for (unsigned k = 0; k < 4; ++k) {
      const std::uint32_t six = three >> (18 - 6 * k) & 63;
      if (i + k <= size) {
        made += six < 62 ? letters[six] : last_two[six - 62];
      } else if (padded) {
        made += '=';
      }
    }
  }
  return made;
}

// ---- ids and time
// ------------------------------------------------------------------------------------

/// From the kernel's source, 4 KiB at a time.
inline const unsigned char* random_bytes(std::size_t count) {
  static unsigned char kept[4096];
  static std::size_t at = sizeof kept;
  if (at + count > sizeof kept) {
    if (getrandom(kept, sizeof kept, 0) != static_cast<ssize_t>(sizeof kept)) give_up("getrandom");
    at = 0;
  }
  at += count;
  return kept + at - count;
}
inline std::string random_uuid() {
  unsigned char bytes[16];
  std::memcpy(bytes, random_bytes(16), 16);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
  std::string made;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) made += '-';
    made += "0123456789abcdef"[bytes[i] >> 4U];
    made += "0123456789abcdef"[bytes[i] & 15U];
  }
  return made;
}
inline std::string random_token() { return base64(random_bytes(32), 32, "-_", false); }

/// "2026-01-01T00:00:00.000Z", made anew once a millisecond.
inline std::string_view timestamp() {
  static char text[32];
  static time_t second = -1;
  static long millisecond = -1;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != second) {
    second = now.tv_sec;
    millisecond = -1;
    tm parts{};
    gmtime_r(&second, &parts);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
  }
  if (const long ms = now.tv_nsec / 1'000'000; ms != millisecond) {
    millisecond = ms;
    text[20] = static_cast<char>('0' + ms / 100);
    text[21] = static_cast<char>('0' + ms / 10 % 10);
    text[22] = static_cast<char>('0' + ms % 10);
  }
  return {text, 24};
}

// ---- output
// ------------------------------------------------------------------------------------------

/// Written from its beginning again and again; grows and never shrinks.
class scratch {
 public:
  void clear() noexcept { size_ = 0; }
  std::string_view view() const noexcept { return {bytes_.data(), size_}; }
  bool empty() const noexcept { return size_ == 0; }

  /// Room for so many bytes, which put() needs.
  void reserve(std::size_t more) {
    if (bytes_.size() < size_ + more) bytes_.resize((size_ + more) * 2);
  }
  void put(std::string_view text) noexcept {
    std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void put_number(std::size_t number) noexcept {
    char* const at = bytes_.data() + size_;
    size_ += static_cast<std::size_t>(std::to_chars(at, at + 20, number).ptr - at);
  }
  /// Of a frame that is whole and not masked.
  void put_frame_head(unsigned op, std::size_t length) noexcept {
    const auto byte = [&](std::size_t value) { bytes_[size_++] = static_cast<char>(value & 0xFF); };
    byte(0x80U | op);
    if (length < 126) return byte(length);
    byte(length < 65'536 ? 126 : 127);
    for (int shift = length < 65'536 ? 8 : 56; shift >= 0; shift -= 8) byte(length >> shift);
  }
  void put_frame(unsigned op, std::string_view payload) {
    reserve(payload.size() + 10);
    put_frame_head(op, payload.size());
    put(payload);
  }

 private:
  std::vector<char> bytes_ = std::vector<char>(64 * 1024);
  std::size_t size_ = 0;
};

}  // namespace relay_floor
