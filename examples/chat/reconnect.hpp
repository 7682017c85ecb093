// SPDX-License-Identifier: MIT
//
// What to do when a connection has ended: the ranges of the close codes, words for a person, and
// how long to wait (full jitter, so that the clients of a server that fell over do not come back as
// one). Pure; the clock and the dice are the caller's.
#pragma once

#include <agent_websocket.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace chat {

using std::chrono::milliseconds;

enum class after_close {
  resume,       ///< connect again and go on with the session
  new_session,  ///< connect again, the session is gone
  stop,         ///< tell the person; connecting again would not help
};

inline after_close what_to_do_after(std::uint16_t code) {
  if (code >= 4100 && code <= 4199) return after_close::new_session;
  if (code >= 4400 && code <= 4499) return after_close::stop;
  switch (code) {
    case 1000:  // done
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009: return after_close::stop;
    default: return after_close::resume;
  }
}

/// The code that stands for an attempt that failed.
inline std::uint16_t close_code_for(std::error_code failure) {
  using agent_websocket::errc;
  if (failure == errc::unauthorized) return 4401;
  if (failure == errc::forbidden) return 4403;
  if (failure == errc::not_found || failure == errc::bad_configuration) return 1008;
  if (failure == errc::rate_limited || failure == errc::too_many_connections) return 1013;
  return 1006;
}

/// Why a connection ended, for a person. `reason` is what the server said.
inline std::string words_for_close(std::uint16_t code, std::string_view reason) {
  static constexpr std::pair<std::uint16_t, std::string_view> known[] = {
      {1001, "The server is shutting down"},
      {1006, "The connection was lost"},
      {1009, "A message was too long for the server"},
      {1012, "The server restarts"},
      {1013, "The server is overloaded"},
      {4001, "The server did not hear from us"},
      {4002, "The connection was too slow for the server"},
      {4100, "The session has expired"},
      {4401, "The server asks for a valid login"},
      {4403, "This server may not be used by you"},
      {4408, "The server asks for a valid login"},
      {4413, "A message was too long for the server"},
      {4426, "The server speaks another version of the protocol"},
      {4429, "There are too many connections"},
      {4499, "The operator closed this session"},
  };
  for (const auto& each : known) {
    if (each.first == code) return std::string(each.second) + " (" + std::to_string(code) + ").";
  }
  if (code == 1000) {
    return reason == "Session timeout" ? "The session ended because nothing happened for a while."
                                       : "The server ended the session.";
  }
  std::string words = "The server closed the connection (" + std::to_string(code);
  if (!reason.empty()) words.append(", ").append(reason);
  return words + ").";
}

/// Counts the attempts since the last time that a connection held.
class backoff {
 public:
  static constexpr milliseconds least{500};
  static constexpr milliseconds most{20'000};
  static constexpr milliseconds longest_wish{300'000};  // of the server; it may be wrong

  /// The delay before the next attempt. `wish` is what the server asked for, or 0.
  milliseconds next(std::uint16_t code, milliseconds wish, agent_websocket::random_source& random) {
    if (code == 1013) failures_ = std::max(failures_, 4);  // overloaded: do not add to it
    const int doublings = std::min(failures_++, 16);
    if ((code == 1012 || code == 4003) && wish.count() > 0) {
      return std::max(least, part_of(std::min(wish, longest_wish), 0.5 + random.unit()));
    }
    return std::min(most, least + part_of(std::min(most, least * (1 << doublings)), random.unit()));
  }

  void reset() noexcept { failures_ = 0; }
  int failures() const noexcept { return failures_; }

 private:
  static milliseconds part_of(milliseconds whole, double factor) {
    return milliseconds(
        static_cast<milliseconds::rep>(static_cast<double>(whole.count()) * factor));
  }

  int failures_ = 0;
};

}  // namespace chat
