// SPDX-License-Identifier: MIT
//
// Where the keys of a Redis Cluster lie (the cluster specification): the slot of a key, which
// server has which slots, and what MOVED and ASK say. No connections.
#pragma once

#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/adapters/redis_url.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace agent_websocket {
namespace adapters {

inline constexpr std::uint16_t redis_slot_count = 16384;

/// CRC-16/XMODEM: polynomial 0x1021, from 0.
std::uint16_t redis_crc16(std::string_view text) noexcept;

/// Keys with the same text in their first pair of braces are in one slot, unless it is empty.
std::uint16_t redis_slot_of(std::string_view key) noexcept;

/// What an error says about the place of a slot.
struct redis_redirection {
  bool asks = false;  ///< ASK: for this once, after ASKING; else MOVED: from now on
  std::uint16_t slot = 0;
  redis_address address;
};

/// Of "MOVED 3999 127.0.0.1:6381"; nothing for other errors. `asked`: who said it, and is meant
/// when it names no host.
std::optional<redis_redirection> parse_redis_redirection(std::string_view text,
                                                         const redis_address& asked);

/// Which server is the primary of which slots. Empty until it was told.
class redis_slot_map {
 public:
  /// Takes the answer to CLUSTER SLOTS of `asked`. False, and unchanged, when it is none.
  bool assign(const redis_view& answer, const redis_address& asked);

  /// The slot has moved there.
  void move(std::uint16_t slot, const redis_address& to);

  /// Null when it is not known.
  const redis_address* find(std::uint16_t slot) const noexcept;

  const std::vector<redis_address>& addresses() const noexcept { return addresses_; }
  bool contains(const redis_address& address) const;

 private:
  static constexpr std::uint16_t nobody = 0xFFFF;

  static std::uint16_t index_in(std::vector<redis_address>& list, const redis_address& address);

  std::vector<redis_address> addresses_;
  std::vector<std::uint16_t> owners_;  // indexes of addresses_, by slot
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::uint16_t redis_crc16(std::string_view text) noexcept {
  unsigned crc = 0;
  for (const char c : text) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000u) != 0 ? (crc << 1) ^ 0x1021u : crc << 1;
  }
  return static_cast<std::uint16_t>(crc & 0xFFFFu);
}

AGENT_WEBSOCKET_INLINE std::uint16_t redis_slot_of(std::string_view key) noexcept {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return static_cast<std::uint16_t>(redis_crc16(key) % redis_slot_count);
}

AGENT_WEBSOCKET_INLINE std::optional<redis_redirection> parse_redis_redirection(
    std::string_view text, const redis_address& asked) {
  redis_redirection parsed;
  const std::string_view kind = redis_error_kind(text);
  parsed.asks = kind == "ASK";
  if (!parsed.asks && kind != "MOVED") return std::nullopt;
  text.remove_prefix(std::min(text.size(), kind.size() + 1));
  const std::size_t space = text.find(' ');
  const std::size_t colon = text.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) {
    return std::nullopt;
  }
  const auto whole = [](std::string_view digits, std::uint16_t& value) {
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return failure == std::errc() && end == digits.data() + digits.size();
  };
  std::string_view host = text.substr(space + 1, colon - space - 1);
  parsed.address.host = host.empty() || host == "?" ? asked.host : std::string(host);
  if (!whole(text.substr(0, space), parsed.slot) || parsed.slot >= redis_slot_count ||
      !whole(text.substr(colon + 1), parsed.address.port) || parsed.address.port == 0) {
    return std::nullopt;
  }
  return parsed;
}

AGENT_WEBSOCKET_INLINE bool redis_slot_map::assign(const redis_view& answer,
                                                   const redis_address& asked) {
  std::vector<redis_address> addresses;
  std::vector<std::uint16_t> owners(redis_slot_count, nobody);
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const redis_view range = answer[i];
    const auto first = range[0].number(), last = range[1].number(), port = range[2][1].number();
    if (!first || !last || !port || *first > *last || *last >= redis_slot_count || *port == 0 ||
        *port > 65535) {
      return false;
    }
    const std::string_view host = range[2][0].text();
    const redis_address each{host.empty() || host == "?" ? asked.host : std::string(host),
                             static_cast<std::uint16_t>(*port)};
    const std::uint16_t index = index_in(addresses, each);
    std::fill(owners.begin() + static_cast<std::ptrdiff_t>(*first),
              owners.begin() + static_cast<std::ptrdiff_t>(*last) + 1, index);
  }
  if (addresses.empty()) return false;
  addresses_.swap(addresses);
  owners_.swap(owners);
  return true;
}

AGENT_WEBSOCKET_INLINE void redis_slot_map::move(std::uint16_t slot, const redis_address& to) {
  if (owners_.empty()) owners_.assign(redis_slot_count, nobody);
  owners_[slot] = index_in(addresses_, to);
}

AGENT_WEBSOCKET_INLINE const redis_address* redis_slot_map::find(
    std::uint16_t slot) const noexcept {
  if (owners_.empty() || owners_[slot] == nobody) return nullptr;
  return &addresses_[owners_[slot]];
}

AGENT_WEBSOCKET_INLINE bool redis_slot_map::contains(const redis_address& address) const {
  return std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end();
}

AGENT_WEBSOCKET_INLINE std::uint16_t redis_slot_map::index_in(std::vector<redis_address>& list,
                                                              const redis_address& address) {
  const auto found = std::find(list.begin(), list.end(), address);
  const auto index = static_cast<std::uint16_t>(found - list.begin());
  if (found == list.end()) list.push_back(address);
  return index;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
