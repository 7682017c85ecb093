// SPDX-License-Identifier: MIT
//
// What a client does when a connection or an attempt has ended, by the close code (RFC 6455 section
// 7.4) or the HTTP status: the ranges of the wire protocol, section 7. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>

#include <cstdint>
#include <system_error>

namespace agent_websocket {

enum class after_close {
  resume,  ///< connect again and go on with the session
  renew,   ///< connect again, with a new session
  stop,    ///< tell the user: connecting again would not help
};

inline constexpr std::uint16_t close_code_done = 1000;
inline constexpr std::uint16_t close_code_lost =
    1006;  ///< never on the wire: without a close frame
inline constexpr std::uint16_t close_code_restart = 1012;
inline constexpr std::uint16_t close_code_overload = 1013;
inline constexpr std::uint16_t close_code_server_error = 4000;
inline constexpr std::uint16_t close_code_silence = 4001;
inline constexpr std::uint16_t close_code_moved = 4003;

constexpr after_close verdict_of(std::uint16_t code) noexcept {
  if (code >= 4100 && code <= 4199) return after_close::renew;
  if (code >= 4400 && code <= 4499) return after_close::stop;
  const bool is_final = code == close_code_done || code == 1002 || code == 1003 || code == 1007 ||
                        code == 1008 || code == 1009;
  return is_final ? after_close::stop : after_close::resume;
}

/// The close code that says the same as an attempt that failed. `status`: of the HTTP answer that
/// refused it; 0: there was none.
std::uint16_t close_code_of(std::error_code failure, int status) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::uint16_t close_code_of(std::error_code failure, int status) noexcept {
  switch (status) {
    case 400:
    case 401:
    case 403:
    case 404:
    case 426: return static_cast<std::uint16_t>(4000 + status);
    case 429:
    case 503: return close_code_overload;
    default: break;
  }
  if (failure == errc::bad_configuration) return 4400;
  if (failure == errc::unauthorized) return 4401;
  if (failure == errc::forbidden) return 4403;
  return close_code_lost;
}

#endif

}  // namespace agent_websocket
