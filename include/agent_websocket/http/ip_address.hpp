// SPDX-License-Identifier: MIT
//
// IP addresses and networks as values: text (RFC 4291 section 2.2, RFC 6943) to 16 bytes and back
// (RFC 5952). An IPv4 address and its form inside of IPv6 (::ffff:192.0.2.7) are the same value, so
// that a list of addresses means the same on a socket of either kind. No names, no system calls.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace agent_websocket {
namespace http {

class ip_address {
 public:
  using bytes_type = std::array<std::uint8_t, 16>;

  ip_address() = default;  ///< ::, which is nobody's
  explicit ip_address(const bytes_type& bytes) : bytes_(bytes) {}
  static ip_address v4(const std::array<std::uint8_t, 4>& bytes) noexcept;

  /// "192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", "fe80::1%eth0" (the zone is dropped). Strict:
  /// no leading zeros in IPv4 (some read them as octal), no short forms, no port, no brackets.
  static std::optional<ip_address> parse(std::string_view text);

  const bytes_type& bytes() const noexcept { return bytes_; }
  bool is_v4() const noexcept;
  /// 127.0.0.0/8 or ::1.
  bool is_loopback() const noexcept;

  /// The first `bits` of 128 bits, the others 0. For IPv4 96 more than its own prefix.
  ip_address prefix(unsigned bits) const noexcept;

  /// Whom a limit counts: an IPv4 address; of IPv6 the /64, since one subscriber has at least that.
  ip_address subscriber() const noexcept { return is_v4() ? *this : prefix(64); }

  /// RFC 5952; an IPv4 address with dots alone.
  std::string to_string() const;

  friend bool operator==(const ip_address& a, const ip_address& b) noexcept {
    return a.bytes_ == b.bytes_;
  }
  friend bool operator!=(const ip_address& a, const ip_address& b) noexcept { return !(a == b); }

 private:
  static constexpr bytes_type v4_prefix() noexcept {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0}};
  }

  static bool parse_v4(std::string_view text, std::uint8_t* into);

  static std::optional<ip_address> parse_v6(std::string_view text);

  bytes_type bytes_{};
};

/// Addresses that begin with the same bits.
class ip_network {
 public:
  /// "10.0.0.0/8", "2001:db8::/32", or an address alone. Bits behind the prefix do not count.
  static std::optional<ip_network> parse(std::string_view text);

  bool contains(const ip_address& address) const noexcept;

 private:
  ip_address first_;
  unsigned bits_ = 128;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE ip_address
ip_address::v4(const std::array<std::uint8_t, 4>& bytes) noexcept {
  ip_address made(v4_prefix());
  std::copy(bytes.begin(), bytes.end(), made.bytes_.begin() + 12);
  return made;
}

AGENT_WEBSOCKET_INLINE std::optional<ip_address> ip_address::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    bytes_type bytes = v4_prefix();
    if (!parse_v4(text, &bytes[12])) return std::nullopt;
    return ip_address(bytes);
  }
  if (const std::size_t zone = text.find('%'); zone != std::string_view::npos) {
    if (zone + 1 == text.size()) return std::nullopt;
    text = text.substr(0, zone);
  }
  return parse_v6(text);
}

AGENT_WEBSOCKET_INLINE bool ip_address::is_v4() const noexcept {
  const bytes_type prefix = v4_prefix();
  return std::equal(prefix.begin(), prefix.begin() + 12, bytes_.begin());
}

AGENT_WEBSOCKET_INLINE bool ip_address::is_loopback() const noexcept {
  if (is_v4()) return bytes_[12] == 127;
  bytes_type one{};
  one[15] = 1;
  return bytes_ == one;
}

AGENT_WEBSOCKET_INLINE ip_address ip_address::prefix(unsigned bits) const noexcept {
  ip_address cut;
  for (unsigned i = 0; i < 16 && i * 8 < bits; ++i) {
    const unsigned left = bits - i * 8;
    cut.bytes_[i] =
        left >= 8 ? bytes_[i] : static_cast<std::uint8_t>(bytes_[i] & (0xFF00u >> left) & 0xFFu);
  }
  return cut;
}

AGENT_WEBSOCKET_INLINE std::string ip_address::to_string() const {
  if (is_v4()) {
    char dotted[20];
    std::size_t size = 0;
    for (std::size_t i = 12; i < 16; ++i) {
      const unsigned octet = bytes_[i];
      if (octet >= 100) dotted[size++] = static_cast<char>('0' + octet / 100);
      if (octet >= 10) dotted[size++] = static_cast<char>('0' + octet / 10 % 10);
      dotted[size++] = static_cast<char>('0' + octet % 10);
      dotted[size++] = '.';
    }
    return std::string(dotted, size - 1);
  }
  std::string text;
  const auto group = [this](std::size_t i) {
    return static_cast<unsigned>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]);
  };
  std::size_t gap = 8, gap_length = 1;  // the longest run of zeros, the first of equals
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && group(end) == 0) ++end;
    if (end - i > gap_length) {
      gap = i;
      gap_length = end - i;
    }
  }
  for (std::size_t i = 0; i < 8;) {
    if (i == gap) {
      text += "::";
      i += gap_length;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char digits[4];
    const auto end = std::to_chars(digits, digits + 4, group(i), 16);
    text.append(digits, end.ptr);
    ++i;
  }
  return text;
}

AGENT_WEBSOCKET_INLINE bool ip_address::parse_v4(std::string_view text, std::uint8_t* into) {
  for (int i = 0; i < 4; ++i) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    if ((dot == std::string_view::npos) != (i == 3)) return false;
    if (part.empty() || part.size() > 3 || (part.size() > 1 && part.front() == '0')) return false;
    const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), into[i]);
    if (failure != std::errc() || end != part.data() + part.size()) return false;
    text = i == 3 ? std::string_view() : text.substr(dot + 1);
  }
  return true;
}

AGENT_WEBSOCKET_INLINE std::optional<ip_address> ip_address::parse_v6(std::string_view text) {
  bytes_type bytes{};
  std::size_t filled = 0;          // bytes so far
  std::optional<std::size_t> gap;  // where "::" stands
  if (text.substr(0, 2) == "::") {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
      if (filled > 12 || !parse_v4(part, &bytes[filled])) return std::nullopt;
      filled += 4;
      break;
    }
    std::uint16_t group = 0;
    const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), group, 16);
    if (part.empty() || part.size() > 4 || failure != std::errc() ||
        end != part.data() + part.size() || filled == 16) {
      return std::nullopt;
    }
    bytes[filled++] = static_cast<std::uint8_t>(group >> 8);
    bytes[filled++] = static_cast<std::uint8_t>(group & 0xFF);
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;  // a colon at the end
    if (text.front() != ':') continue;
    if (gap) return std::nullopt;
    gap = filled;
    text.remove_prefix(1);
  }
  if (gap ? filled > 14 : filled != 16) return std::nullopt;
  if (gap) {
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(*gap);
    const auto to = bytes.begin() + static_cast<std::ptrdiff_t>(filled);
    std::fill(from, std::copy_backward(from, to, bytes.end()), std::uint8_t{0});
  }
  return ip_address(bytes);
}

AGENT_WEBSOCKET_INLINE std::optional<ip_network> ip_network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = ip_address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  ip_network parsed;
  if (slash != std::string_view::npos) {
    const bool is_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), parsed.bits_);
    if (failure != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (parsed.bits_ > (is_v4 ? 32u : 128u)) return std::nullopt;
    if (is_v4) parsed.bits_ += 96;
  }
  parsed.first_ = address->prefix(parsed.bits_);
  return parsed;
}

AGENT_WEBSOCKET_INLINE bool ip_network::contains(const ip_address& address) const noexcept {
  return address.prefix(bits_) == first_;
}

#endif

}  // namespace http
}  // namespace agent_websocket

namespace std {
template <>
struct hash<agent_websocket::http::ip_address> {
  std::size_t operator()(const agent_websocket::http::ip_address& address) const noexcept {
    const auto& bytes = address.bytes();
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};
}  // namespace std
