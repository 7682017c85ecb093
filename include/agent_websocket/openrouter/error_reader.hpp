// SPDX-License-Identifier: MIT
//
// Reads a failure from what an upstream answered: an HTTP status with a body of any kind, or an
// error inside a stream. Follows OpenRouter's docs ("Errors and debugging") and the shapes that
// other OpenAI-compatible servers send; unknown types and statuses are no surprise.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/error.hpp>
#include <agent_websocket/openrouter/error_table.hpp>
#include <agent_websocket/openrouter/redact.hpp>
#include <agent_websocket/openrouter/retry_hint.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

/// What reading a failure needs to know beside the answer.
struct failure_context {
  wall_time now{};          ///< for hints that are moments
  std::string_view secret;  ///< the key that is masked wherever it appears
};

namespace detail {

/// The first that is a string and not empty.
std::string_view first_text(std::initializer_list<json::value> places);

/// What an upstream said, wherever in its answer that stood. Views into the parsed documents.
class fault_words {
 public:
  /// `top` is a whole body or chunk; `fault` its error, which may be `top` itself.
  fault_words(const json::value& top, const json::value& fault);

  int status = 0;
  std::string_view type, availability, provider, limit_source, message, flagged;
  std::string reasons;
  std::optional<bool> retryable;
  bool from_provider = false;  ///< `message` is the provider's own

  std::string words_without_flagged() const;
  /// What clients may read of it; unfiltered.
  std::string words() const;

 private:
  /// The provider's answer inside OpenRouter's: an object, or JSON text, or plain text.
  void read_raw(const json::value& raw);

  json::document raw_;
};

}  // namespace detail

/// The error in a body or chunk, or an absent value. "error": null, "" and {} are none, though some
/// servers put them on good chunks.
json::value find_error(const json::value& top);
/// The same where the members "error" and "choices" of `top` are at hand.
json::value find_error(const json::value& top, const json::value& own, const json::value& choices);

/// The failure that a stream, or a body with status 200, tells of. `fault` comes from find_error().
failure read_stream_failure(const json::value& top, const json::value& fault,
                            const failure_context& context);

/// The failure that an HTTP status other than 2xx tells of; `body` may be anything, also cut short.
failure read_http_failure(int status, const http::header_list& headers, std::string_view body,
                          const failure_context& context);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// A status in the range of HTTP, from a number or digits; 0 for anything else.
inline int status_in(const json::value& from) {
  std::int64_t number = from.integer().value_or(0);
  if (const auto text = from.string()) {
    const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (failed != std::errc() || end != text->data() + text->size()) return 0;
  }
  return number >= 100 && number <= 599 ? static_cast<int>(number) : 0;
}

AGENT_WEBSOCKET_INLINE std::string_view first_text(std::initializer_list<json::value> places) {
  for (const json::value& each : places) {
    const auto text = each.string();
    if (text && !text->empty()) return *text;
  }
  return {};
}

AGENT_WEBSOCKET_INLINE fault_words::fault_words(const json::value& top, const json::value& fault) {
  const json::value metadata = fault["metadata"];
  const json::value code = fault["code"];
  status = status_in(code);
  if (status == 0) status = status_in(fault["http_status"]);
  if (status == 0) status = status_in(fault["status"]);
  const std::string_view code_word = status_in(code) == 0 ? first_text({code}) : "";
  availability = first_text({fault["availability"]["code"]});
  type = first_text({metadata["error_type"], fault["error_type"]});
  if (type.empty()) type = rule_of_type(code_word) != nullptr ? code_word : "";
  if (type.empty()) type = first_text({fault["type"]});
  if (type.empty()) type = code_word;
  provider = first_text({metadata["provider_name"], top["provider"]});
  limit_source = first_text({metadata["limit_source"]});
  message = first_text({fault, fault["message"], top["message"], top["detail"], top["error_msg"]});
  retryable = fault["availability"]["retryable"].boolean();
  flagged = first_text({metadata["flagged_input"]});
  metadata["reasons"].for_each_element([this](const json::value& each) {
    const std::string_view reason = first_text({each});
    if (reason.empty()) return;
    reasons.append(reasons.empty() ? "" : ", ").append(reason);
  });
  read_raw(metadata["raw"]);
}

AGENT_WEBSOCKET_INLINE std::string fault_words::words_without_flagged() const {
  std::string text;
  if (from_provider && !provider.empty()) text.append(provider).append(": ");
  text.append(message);
  if (!reasons.empty()) text.append(" (reasons: ").append(reasons).push_back(')');
  return text;
}

AGENT_WEBSOCKET_INLINE std::string fault_words::words() const {
  std::string text = words_without_flagged();
  if (!flagged.empty()) text.append(" (flagged: ").append(flagged).push_back(')');
  return text;
}

AGENT_WEBSOCKET_INLINE void fault_words::read_raw(const json::value& raw) {
  json::value inner = raw;
  if (const auto text = raw.string()) {
    if (raw_.parse(*text) && !raw_.root().is_string()) {
      inner = raw_.root();
    } else if (!text->empty() && (message.empty() || message == "Provider returned error")) {
      message = *text;
      from_provider = true;
      return;
    }
  }
  if (inner.is_array()) inner = inner[0];
  const std::string_view found =
      first_text({inner["error"]["message"], inner["error"], inner["message"], inner["detail"]});
  if (found.empty()) return;
  message = found;
  from_provider = true;
}

/// `fault` and `raw` are what `said` was read from, and the whole of it as text.
inline failure make_failure(const fault_words& said, int status, const http::header_list& headers,
                            const json::value& fault, std::string_view raw,
                            const failure_context& context) {
  const fault_rule rule = choose_rule(status, said.type, said.availability, said.limit_source,
                                      said.message, !said.reasons.empty());
  failure made;
  made.status = status;
  made.type = words_for_client(said.type.empty() ? said.availability : said.type, context.secret);
  made.provider = words_for_client(said.provider, context.secret);
  made.why.code = rule.code;
  made.why.message = message_of(rule.code);
  // What went wrong inside the provider, or between it and this server, is no client's business.
  if (!rule.internal) {
    const std::string words = words_for_client(said.words(), context.secret);
    if (!words.empty()) made.why.message.append(": ").append(words);
  }
  const bool limited = rule.code == errc::provider_rate_limited;
  made.retry_after = read_retry_hint(headers, fault, limited, context.now);
  made.retryable = said.retryable.value_or(rule.retryable);
  // Only a budget that frees itself is worth a second try, and then only with a time to wait.
  if (status == 402) {
    made.retryable = made.retry_after && said.limit_source == "openrouter_in_flight_budget";
  }
  std::string head = "status " + std::to_string(status);
  if (!made.type.empty()) head.append(", type ").append(made.type);
  if (!made.provider.empty()) head.append(", provider ").append(made.provider);
  // What was flagged is the text of a client, which the log must not hold.
  head.append(": ").append(said.flagged.empty() ? std::string(cut_utf8(raw, 8192))
                                                : said.words_without_flagged());
  made.why.detail = words_for_log(head, context.secret);
  return made;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE json::value find_error(const json::value& top) {
  const auto [own, choices] = top.members("error", "choices");
  return find_error(top, own, choices);
}

AGENT_WEBSOCKET_INLINE json::value find_error(const json::value& top, const json::value& own,
                                              const json::value& choices) {
  const auto says_something = [](const json::value& fault) {
    if (const auto text = fault.string()) return !text->empty();
    return fault.is_object() && fault.size() > 0;
  };
  if (says_something(own)) return own;
  if (const json::value fault = choices[0]["error"]; says_something(fault)) return fault;
  if (choices.exists() && !choices.is_null()) return {};
  // Flat forms: vLLM's {"object":"error","message":..}, gateways' {"code":400,"message":..}.
  const bool flat = top["object"].string() == std::string_view("error") ||
                    (top["message"].is_string() && (top["code"].exists() || top["type"].exists()));
  return flat ? top : json::value();
}

AGENT_WEBSOCKET_INLINE failure read_stream_failure(const json::value& top, const json::value& fault,
                                                   const failure_context& context) {
  const detail::fault_words said(top, fault);
  return detail::make_failure(said, said.status, {}, fault, json::to_text(top), context);
}

AGENT_WEBSOCKET_INLINE failure read_http_failure(int status, const http::header_list& headers,
                                                 std::string_view body,
                                                 const failure_context& context) {
  json::document parsed;
  json::value top, fault;
  if (parsed.parse(body)) {
    top = parsed.root();
    if (top.is_array()) top = top[0];  // Google's gateways
    fault = find_error(top);
    if (!fault.exists()) fault = top;
  }
  const detail::fault_words said(top, fault);
  return detail::make_failure(said, status, headers, fault, body, context);
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
