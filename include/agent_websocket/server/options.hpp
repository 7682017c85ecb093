// SPDX-License-Identifier: MIT
//
// Everything that an operator can set about a server, with its defaults, units and limits. A plain
// value: fill it by hand, or from the environment (environment.hpp).
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/forwarded.hpp>
#include <agent_websocket/http/url.hpp>
#include <agent_websocket/openrouter/request.hpp>
#include <agent_websocket/policy/logger.hpp>
#include <agent_websocket/server/access_options.hpp>
#include <agent_websocket/server/origin.hpp>
#include <agent_websocket/session/settings.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace agent_websocket {

struct options {
  using milliseconds = std::chrono::milliseconds;

  // Upstream.
  std::string api_key;  ///< never printed; required for openrouter.ai
  std::string base_url = "https://openrouter.ai/api/v1";
  std::string http_referer;  ///< sent for OpenRouter's rankings
  std::string app_title;     ///< likewise
  milliseconds connect_timeout{10'000};
  milliseconds first_token_timeout{300'000};
  milliseconds idle_timeout{120'000};  ///< between two bytes of an answer
  milliseconds total_timeout{0};       ///< of an answer, retries included; 0: none
  int max_retries = 2;                 ///< after the first attempt, before the first token only
  /// The name of the limit in requests; OpenRouter and most servers know both.
  openrouter::max_tokens_name max_tokens_field = openrouter::max_tokens_name::max_tokens;

  // Sessions.
  session_settings session;
  milliseconds session_timeout{30 * 60'000};  ///< without a message
  milliseconds cleanup_interval{60'000};      ///< how often inactive sessions are looked for
  /// How long an answer goes on without a client; 0: cancelled at once, negative: to its end.
  milliseconds run_grace{120'000};
  std::size_t max_detached = 10'000;  ///< sessions that wait for their client; the oldest go
  std::string store = "memory";       ///< or "sqlite:FILE", "redis://..."
  milliseconds store_keep{30 * 86'400'000LL};  ///< how long sessions stay there that nobody writes
  std::size_t max_upstream = 256;              ///< answers at once over all sessions; 0: no limit

  // Listening.
  std::string host = "localhost";
  std::uint16_t port = 54321;  ///< 0: any free one
  /// Other processes that say so too may listen on the same port; the system spreads connections
  /// among them (SO_REUSEPORT). Those that wait for a process that ends are lost: see supervisor.
  bool reuse_port = false;
  std::string base_path = "/functions/v1";  ///< the agent's name is appended
  std::size_t max_connections = 10'000;     ///< 0: no limit
  milliseconds drain_timeout{10'000};
  milliseconds restart_time{
      5'000};  ///< clients are told to come back after it when the server stops

  access_options access;

  // Logging.
  log_level level = log_level::info;
  std::string log_format = "text";  ///< or "json"

  /// Where the socket is served, beside "/ws": "/functions/v1/agent_websocket".
  std::string socket_path() const { return http::join_url(base_path, session.agent_name); }

  /// Checks what single values cannot tell. Called by a server before it starts.
  result<void> check() const;

  /// Reads the environment, and `env_file` when it is not empty; what the environment has wins. The
  /// error names the variable, its value and what is allowed.
  static result<options> from_environment(const std::string& env_file = {});
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<void> options::check() const {
  const auto url = http::parse_url(base_url);
  if (!url)
    return error(errc::bad_configuration, "OPENROUTER_BASE_URL is wrong: " + url.error().message);
  if (api_key.empty() && http::iequals(url->host, "openrouter.ai")) {
    return error(errc::bad_configuration,
                 "OPENROUTER_API_KEY is not set; get a key at https://openrouter.ai/keys, or set "
                 "OPENROUTER_BASE_URL "
                 "to a server that needs none");
  }
  if (!url->secure() && http::iequals(url->host, "openrouter.ai")) {
    return error(
        errc::bad_configuration,
        "OPENROUTER_BASE_URL must begin with https:// for openrouter.ai, so that the key is "
        "not sent in the clear");
  }
  if (const auto rules = origin_rules::parse(access.allowed_origins); !rules)
    return error(errc::bad_configuration, "ALLOWED_ORIGINS is wrong: " + rules.error().message);
  if (const auto proxies = http::trusted_proxies::parse(access.trusted_proxies); !proxies)
    return error(errc::bad_configuration, "TRUST_PROXY is wrong: " + proxies.error().message);
  return access.check();
}

#endif

}  // namespace agent_websocket
