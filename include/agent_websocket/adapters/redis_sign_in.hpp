// SPDX-License-Identifier: MIT
//
// How a connection to Redis begins: AUTH and SELECT where they are asked for, then PING, whose
// reply says that the server is there, is done loading and lets us in. Commands and replies only;
// see redis_connection for the rest.
#pragma once

#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/adapters/redis_settings.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

class redis_sign_in {
 public:
  /// At least one.
  static std::vector<redis_command> commands(const redis_connection_settings& settings);

  /// Gets the reply to each of them; `is_last`: to the sign of life.
  void judge(const result<redis_reply>& reply, bool is_last);

  /// The words of Redis, the first ones if there were several; empty when it let us in. Then this
  /// begins anew.
  std::string take_refusal() { return std::exchange(refusal_, {}); }

 private:
  std::string refusal_;
};

/// True for the words of a refusal, as opposed to those about a connection that was lost.
bool is_redis_refusal(std::string_view words) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::vector<redis_command> redis_sign_in::commands(
    const redis_connection_settings& settings) {
  std::vector<redis_command> all;
  if (!settings.password.empty()) {
    if (settings.user.empty()) {
      all.push_back(make_redis_command({"AUTH", settings.password}));
    } else {
      all.push_back(make_redis_command({"AUTH", settings.user, settings.password}));
    }
  }
  if (settings.database != 0) {
    all.push_back(make_redis_command({"SELECT", std::to_string(settings.database)}));
  }
  all.push_back(make_redis_command({"PING"}));
  return all;
}

AGENT_WEBSOCKET_INLINE void redis_sign_in::judge(const result<redis_reply>& reply, bool is_last) {
  // Who may not PING is let in all the same.
  if (!reply || !reply->is_error()) return;
  if (is_last && redis_error_kind(reply->text()) == "NOPERM") return;
  if (refusal_.empty()) refusal_ = std::string(reply->text());
}

AGENT_WEBSOCKET_INLINE bool is_redis_refusal(std::string_view words) noexcept {
  const std::string_view kind = redis_error_kind(words);
  return kind == "NOAUTH" || kind == "WRONGPASS" || kind == "DENIED" || kind == "LOADING" ||
         kind == "NOPERM" || kind == "ERR" || kind == "MASTERDOWN";
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
