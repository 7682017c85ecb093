// SPDX-License-Identifier: MIT
//
// What an upstream's statuses and error types mean for this library: the code that clients see and
// whether the same request may be sent again. From OpenRouter's docs ("Errors and debugging",
// error_type and availability codes), with the names that OpenAI, Anthropic, vLLM and llama.cpp
// use. Tables only; error_reader.hpp finds the words that are looked up here.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>

#include <string_view>

namespace agent_websocket {
namespace openrouter {
namespace detail {

struct fault_rule {
  errc code = errc::provider_error;
  bool retryable = false;
  /// The upstream's words are about its own inside or the server's account: not for clients.
  bool internal = false;
};

struct named_rule {
  std::string_view name;
  fault_rule rule;
};

/// By the upstream's own name of the error; nullptr when the name says nothing.
const fault_rule* rule_of_type(std::string_view type) noexcept;

/// By the status alone; 0 is an error in a stream that has none.
constexpr fault_rule rule_of_status(int status) noexcept {
  switch (status) {
    case 401: return {errc::provider_unauthorized, false, true};
    case 402: return {errc::payment_required, false, true};
    case 403: return {errc::provider_unauthorized, false, true};
    case 404: return {errc::model_not_found, false, false};
    case 408: return {errc::provider_error, true, true};
    case 413: return {errc::context_length_exceeded, false, false};
    case 429: return {errc::provider_rate_limited, true, false};
    case 503:
    case 529: return {errc::provider_overloaded, true, true};
    default: break;
  }
  // 500, 502, 504, Cloudflare's 520 to 530, and whatever comes to be.
  if (status >= 500) return {errc::provider_error, true, true};
  // A redirect: the base URL is wrong. Not for clients.
  if (status >= 300 && status < 400) return {errc::provider_error, false, true};
  return {errc::provider_error, false, false};
}

constexpr bool contains(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

/// The most telling of all that is known.
fault_rule choose_rule(int status, std::string_view type, std::string_view availability,
                       std::string_view limit_source, std::string_view message,
                       bool moderated) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const fault_rule* rule_of_type(std::string_view type) noexcept {
  static constexpr named_rule table[] = {
      // OpenRouter's error_type
      {"context_length_exceeded", {errc::context_length_exceeded, false, false}},
      {"max_tokens_exceeded", {errc::context_length_exceeded, false, false}},
      {"token_limit_exceeded", {errc::context_length_exceeded, false, false}},
      {"string_too_long", {errc::context_length_exceeded, false, false}},
      {"payload_too_large", {errc::context_length_exceeded, false, false}},
      {"authentication", {errc::provider_unauthorized, false, true}},
      {"permission_denied", {errc::provider_unauthorized, false, true}},
      {"payment_required", {errc::payment_required, false, true}},
      {"rate_limit_exceeded", {errc::provider_rate_limited, true, false}},
      {"provider_overloaded", {errc::provider_overloaded, true, false}},
      {"provider_unavailable", {errc::provider_error, true, true}},
      {"not_found", {errc::model_not_found, false, false}},
      {"content_policy_violation", {errc::content_policy, false, false}},
      {"refusal", {errc::content_policy, false, false}},
      {"invalid_prompt", {errc::bad_message, false, false}},
      {"invalid_image", {errc::bad_message, false, false}},
      {"image_too_large", {errc::bad_message, false, false}},
      {"image_too_small", {errc::bad_message, false, false}},
      {"unsupported_image_format", {errc::bad_message, false, false}},
      {"image_not_found", {errc::bad_message, false, false}},
      {"image_download_failed", {errc::bad_message, false, false}},
      {"invalid_request", {errc::provider_error, false, false}},
      {"precondition_failed", {errc::provider_error, false, false}},
      {"unprocessable", {errc::provider_error, false, false}},
      {"server", {errc::provider_error, true, true}},
      {"timeout", {errc::provider_error, true, true}},
      // availability.code
      {"model_not_found", {errc::model_not_found, false, false}},
      {"no_endpoints", {errc::model_not_found, false, false}},
      {"model_deprecated", {errc::model_not_found, false, false}},
      {"model_unavailable_upstream", {errc::model_not_found, false, false}},
      {"privacy_restricted", {errc::model_not_found, false, false}},
      {"constraint_filtered", {errc::model_not_found, false, false}},
      {"free_variant_ended", {errc::model_not_found, false, false}},
      {"region_restricted", {errc::model_not_found, false, false}},
      {"capacity_exhausted", {errc::provider_rate_limited, true, false}},
      {"temporarily_unavailable", {errc::provider_overloaded, true, true}},
      // others
      {"authentication_error", {errc::provider_unauthorized, false, true}},
      {"permission_error", {errc::provider_unauthorized, false, true}},
      {"invalid_api_key", {errc::provider_unauthorized, false, true}},
      {"insufficient_quota", {errc::payment_required, false, true}},
      {"rate_limit_error", {errc::provider_rate_limited, true, false}},
      {"overloaded_error", {errc::provider_overloaded, true, true}},
      {"unavailable_error", {errc::provider_overloaded, true, true}},
      {"exceed_context_size_error", {errc::context_length_exceeded, false, false}},
      {"not_found_error", {errc::model_not_found, false, false}},
      {"content_filter", {errc::content_policy, false, false}},
      {"server_error", {errc::provider_error, true, true}},
      {"api_error", {errc::provider_error, true, true}},
      {"timeout_error", {errc::provider_error, true, true}},
  };
  for (const named_rule& each : table) {
    if (each.name == type) return &each.rule;
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE fault_rule choose_rule(int status, std::string_view type,
                                              std::string_view availability,
                                              std::string_view limit_source,
                                              std::string_view message, bool moderated) noexcept {
  const fault_rule by_status = rule_of_status(status);
  if (status == 401) return by_status;
  if (moderated) return {errc::content_policy, false, false};
  if (status == 403 && limit_source.substr(0, 11) == "openrouter_") {
    return {errc::payment_required, false, true};
  }
  fault_rule rule = by_status;
  if (const fault_rule* named = rule_of_type(availability)) {
    rule = *named;
  } else if (const fault_rule* typed = rule_of_type(type)) {
    // Both have to agree: a 429 for want of money does not pass, nor does a 500 for a bad request.
    rule = *typed;
    if (status != 0) rule.retryable = rule.retryable && by_status.retryable;
    if (status >= 500) rule.internal = true;
  }
  if (rule.code == errc::provider_error && (status == 400 || status == 0)) {
    if (contains(message, "not a valid model")) rule = {errc::model_not_found, false, false};
    if (contains(message, "context length")) {
      rule = {errc::context_length_exceeded, false, false};
    }
  }
  // A day's allowance comes back tomorrow, whatever Retry-After says.
  if (rule.code == errc::provider_rate_limited &&
      (contains(limit_source, "daily") || contains(message, "free-models-per-day"))) {
    rule.retryable = false;
  }
  return rule;
}

#endif

}  // namespace detail
}  // namespace openrouter
}  // namespace agent_websocket
