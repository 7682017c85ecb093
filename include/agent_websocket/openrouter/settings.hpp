// SPDX-License-Identifier: MIT
//
// Settings of basic_openrouter_client and the HTTP request that follows from them: target, and the
// headers of OpenRouter's docs ("API reference", "App attribution"). No I/O; the body stands in
// request.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/http/url.hpp>
#include <agent_websocket/openrouter/request.hpp>
#include <agent_websocket/openrouter/retry.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace openrouter {

/// Limits of one answer.
struct answer_limits {
  /// Of text; as much again of reasoning, of its details, of annotations and of all tool calls.
  std::size_t max_text_bytes = 4u << 20;
  std::size_t max_event_bytes = 8u << 20;   ///< one event, or a whole JSON answer: images are large
  std::size_t max_image_bytes = 16u << 20;  ///< all images together, as they are sent
};

/// Whether headers that only OpenRouter knows (attribution) are sent.
enum class openrouter_headers { automatic, always, never };

/// Text that goes into headers is reduced to printable ASCII.
struct client_settings {
  std::string base_url = "https://openrouter.ai/api/v1";  ///< with or without a slash at its end
  std::string api_key;                                    ///< empty: no Authorization header
  std::string referer;                                    ///< HTTP-Referer: URL of the application
  std::string title;                                      ///< X-OpenRouter-Title: its name
  http::header_list headers;                              ///< more headers; they replace ours
  /// automatic: only when the base URL's host is openrouter.ai or below it.
  openrouter_headers attribution = openrouter_headers::automatic;
  openrouter::dialect dialect;

  // Zero means no limit. Reasoning models are silent for minutes before the first token.
  std::chrono::milliseconds connect_timeout{10'000};       ///< name, TCP and TLS of one attempt
  std::chrono::milliseconds first_token_timeout{300'000};  ///< from sending to the first fragment
  std::chrono::milliseconds idle_timeout{120'000};         ///< without a byte; comments count
  std::chrono::milliseconds total_timeout{0};              ///< over all attempts and waits

  retry_policy retry;
  answer_limits limits;
};

/// The words name the setting; the key is in none of them.
result<void> check(const client_settings& settings);

/// A POST that lacks its body yet, which encode() makes. Precondition: check(settings).
http::request make_http_request(const client_settings& settings, bool stream);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// token of RFC 9110 section 5.6.2.
inline bool is_header_name(std::string_view name) noexcept {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  for (const char c : name) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && others.find(c) == std::string_view::npos) return false;
  }
  return !name.empty();
}

inline bool is_openrouter_host(std::string_view host) noexcept {
  constexpr std::string_view domain = "openrouter.ai";
  if (host.size() < domain.size()) return false;
  if (!http::iequals(host.substr(host.size() - domain.size()), domain)) return false;
  return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<void> check(const client_settings& settings) {
  const auto refuse = [](std::string words) {
    return error(errc::bad_configuration, std::move(words));
  };
  const result<http::url> base = http::parse_url(settings.base_url);
  if (!base) return refuse("base URL: " + base.error().message);
  for (const auto& field : settings.headers) {
    if (!detail::is_header_name(field.first)) return refuse("a header's name is not a token");
  }
  const auto negative = [](std::chrono::milliseconds time) { return time.count() < 0; };
  if (negative(settings.connect_timeout) || negative(settings.first_token_timeout) ||
      negative(settings.idle_timeout) || negative(settings.total_timeout)) {
    return refuse("a timeout is negative");
  }
  if (settings.retry.max_attempts < 1) return refuse("at least one attempt is needed");
  return {};
}

AGENT_WEBSOCKET_INLINE http::request make_http_request(const client_settings& settings,
                                                       bool stream) {
  http::request made;
  made.method = "POST";
  made.target = http::join_url(settings.base_url, "chat/completions");
  made.connect_timeout = settings.connect_timeout;
  const auto put = [&made](const char* name, std::string_view text) {
    std::string value = http::sanitize_field_value(text);
    if (!value.empty()) made.headers.add(name, std::move(value));
  };
  if (const std::string key = http::sanitize_field_value(settings.api_key); !key.empty()) {
    put("Authorization", "Bearer " + key);
  }
  put("Content-Type", "application/json");
  put("Accept", stream ? "text/event-stream" : "application/json");
  bool attribution = settings.attribution == openrouter_headers::always;
  if (settings.attribution == openrouter_headers::automatic) {
    const result<http::url> base = http::parse_url(settings.base_url);
    attribution = base && detail::is_openrouter_host(base->host);
  }
  if (attribution) {
    put("HTTP-Referer", settings.referer);
    put("X-OpenRouter-Title", settings.title);
  }
  for (const auto& field : settings.headers) {
    if (!detail::is_header_name(field.first)) continue;
    made.headers.set(field.first, http::sanitize_field_value(field.second));
  }
  return made;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
