// SPDX-License-Identifier: MIT
//
// What of the options concerns the upstream client, in its own terms.
// Nothing is checked here: options::check and the client do that.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/openrouter/client.hpp>
#include <agent_websocket/server/options.hpp>

namespace agent_websocket {

/// Settings for openrouter::basic_openrouter_client.
openrouter::client_settings upstream_settings(const options& from);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE openrouter::client_settings upstream_settings(const options& from) {
  openrouter::client_settings to;
  to.base_url = from.base_url;
  to.api_key = from.api_key;
  to.referer = from.http_referer;
  to.title = from.app_title;
  to.dialect.limit_name = from.max_tokens_field;
  to.connect_timeout = from.connect_timeout;
  to.first_token_timeout = from.first_token_timeout;
  to.idle_timeout = from.idle_timeout;
  to.total_timeout = from.total_timeout;
  to.retry.max_attempts = from.max_retries + 1;
  return to;
}

#endif

}  // namespace agent_websocket
