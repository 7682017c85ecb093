// SPDX-License-Identifier: MIT
//
// How a message of redis_exchange is written: who it is from, and two numbers by which its receiver
// sees that one comes too late, having taken another way, and that some before it were lost. Redis
// itself promises neither. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/ids.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace agent_websocket {
namespace adapters {

/// "<from> <number> <number in the channel> <text>". Views into what was parsed.
struct redis_letter {
  std::string_view from;
  std::uint64_t number = 0;      ///< from 1: of all that the sender has sent
  std::uint64_t in_channel = 0;  ///< from 1: of those to the same receiver, or to all
  std::string_view text;

  static std::optional<redis_letter> parse(std::string_view written);
};

/// Peers whose numbers are kept; when there are more, all are forgotten, and with them what would
/// show a loss.
inline constexpr std::size_t max_redis_letter_peers = 1000;

/// The sender's numbers.
class redis_letter_post {
 public:
  /// `to` empty: all.
  std::string write(std::string_view from, std::string_view to, std::string_view text);

 private:
  std::uint64_t number_ = 0;
  std::map<std::string, std::uint64_t> sent_;
};

/// The receiver's.
class redis_letter_box {
 public:
  enum class verdict { next, after_gap, late };

  verdict take(const redis_letter& letter, bool is_to_all);

 private:
  struct peer {
    std::uint64_t number = 0;
    std::uint64_t to_me = 0;
    std::uint64_t to_all = 0;
  };

  std::map<std::string, peer, std::less<>> seen_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::optional<redis_letter> redis_letter::parse(std::string_view written) {
  redis_letter parsed;
  const auto word = [&written](std::string_view& to) {
    const std::size_t space = written.find(' ');
    if (space == std::string_view::npos) return false;
    to = written.substr(0, space);
    written.remove_prefix(space + 1);
    return true;
  };
  const auto whole = [](std::string_view digits, std::uint64_t& to) {
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), to);
    return failure == std::errc() && end == digits.data() + digits.size() && to != 0;
  };
  std::string_view number, in_channel;
  if (!word(parsed.from) || !word(number) || !word(in_channel)) return std::nullopt;
  if (!is_valid_id(parsed.from) || !whole(number, parsed.number) ||
      !whole(in_channel, parsed.in_channel)) {
    return std::nullopt;
  }
  parsed.text = written;
  return parsed;
}

AGENT_WEBSOCKET_INLINE std::string redis_letter_post::write(std::string_view from,
                                                            std::string_view to,
                                                            std::string_view text) {
  if (sent_.size() >= max_redis_letter_peers) sent_.clear();
  std::string written(from);
  written.append(" ").append(std::to_string(++number_));
  written.append(" ").append(std::to_string(++sent_[std::string(to)]));
  written.append(" ").append(text);
  return written;
}

AGENT_WEBSOCKET_INLINE redis_letter_box::verdict redis_letter_box::take(const redis_letter& letter,
                                                                        bool is_to_all) {
  auto found = seen_.find(letter.from);
  if (found == seen_.end()) {
    if (seen_.size() >= max_redis_letter_peers) seen_.clear();
    found = seen_.emplace(std::string(letter.from), peer()).first;
  }
  peer& from = found->second;
  if (letter.number <= from.number) return verdict::late;
  from.number = letter.number;
  std::uint64_t& last = is_to_all ? from.to_all : from.to_me;
  const bool is_gap = last != 0 && letter.in_channel > last + 1;
  last = letter.in_channel;
  return is_gap ? verdict::after_gap : verdict::next;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
