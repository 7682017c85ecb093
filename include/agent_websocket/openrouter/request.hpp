// SPDX-License-Identifier: MIT
//
// The body of `POST /chat/completions` (OpenRouter's API reference, "Create a chat completion";
// the same for other OpenAI-compatible servers): fields as a plain value, and its JSON text. Only
// fields that are set are sent, always in the same order, since the order is part of the key of
// OpenRouter's response cache. No headers, no I/O.
#pragma once

#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/openrouter/message.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace openrouter {

/// What is asked of a model. A field that is not set (nullopt, empty) is left out.
struct chat_request {
  std::string model;                         ///< "author/slug"; left out: the account's default
  std::vector<std::string> fallback_models;  ///< tried in this order after `model`
  std::vector<chat_message> messages;        ///< at least one

  std::optional<double> temperature;         ///< 0 to 2
  std::optional<double> top_p;               ///< above 0, up to 1
  std::optional<int> top_k;                  ///< 0 (off) or more
  std::optional<double> min_p;               ///< 0 to 1
  std::optional<double> top_a;               ///< 0 to 1
  std::optional<double> frequency_penalty;   ///< -2 to 2
  std::optional<double> presence_penalty;    ///< -2 to 2
  std::optional<double> repetition_penalty;  ///< above 0, up to 2
  std::optional<int> max_tokens;             ///< 1 or more; `dialect` says under which name
  std::vector<std::string> stop;             ///< at most 4
  std::optional<std::int64_t> seed;
  std::optional<bool> logprobs;
  std::optional<int> top_logprobs;  ///< 0 to 20; needs logprobs
  std::optional<bool> parallel_tool_calls;

  std::string reasoning_effort;
  std::string verbosity;
  std::string service_tier;
  std::string user;        ///< a stable pseudonym of the end user
  std::string session_id;  ///< at most 256 characters; sticky routing

  // JSON text, checked by encode() and sent byte for byte.
  std::string tools;            ///< array
  std::string tool_choice;      ///< string or object
  std::string response_format;  ///< object
  std::string reasoning;        ///< object
  std::string provider;         ///< object
  std::string plugins;          ///< array
  /// An object whose members are added to the body, for all that has no field here. A name that is
  /// sent already is refused.
  std::string extra;

  bool stream = true;
};

/// Under which name the limit of the answer goes out: servers know one or the other.
enum class max_tokens_name { max_tokens, max_completion_tokens, both };

/// In what one OpenAI-compatible server differs from another.
struct dialect {
  max_tokens_name limit_name = max_tokens_name::max_tokens;
  /// Sends stream_options.include_usage with streams: OpenRouter needs it no more, others do.
  bool include_usage = true;
};

namespace detail {

/// Writes the body field by field and keeps the first refusal.
class request_encoder {
 public:
  explicit request_encoder(std::string& out) : writer_(out) {}

  void text(std::string_view name, const std::string& what) {
    if (!what.empty()) key(name).value(what);
  }
  void texts(std::string_view name, const std::vector<std::string>& what) {
    if (what.empty()) return;
    key(name).begin_array();
    for (const std::string& each : what) writer_.value(each);
    writer_.end_array();
  }
  template <typename T>  // bool or an integer
  void plain(std::string_view name, const std::optional<T>& what) {
    if (what) key(name).value(*what);
  }
  void integer(std::string_view name, const std::optional<int>& what, int low, int high,
               const char* range) {
    if (!what) return;
    if (*what < low || *what > high) return refuse(name, "must be a whole number", range);
    key(name).value(*what);
  }
  void real(std::string_view name, const std::optional<double>& what, double low, double high,
            const char* range, bool low_is_open = false) {
    if (!what) return;
    // Written so that NaN, which compares false with everything, is refused.
    const bool fits = *what <= high && (low_is_open ? *what > low : *what >= low);
    if (!fits) return refuse(name, "must be a number", range);
    key(name).value(*what);
  }
  void raw(std::string_view name, const std::string& what, json::kind wanted,
           json::kind also = json::kind::absent) {
    if (what.empty() || !parse(name, what, wanted, also)) return;
    key(name).raw(what);
  }
  void members_of(std::string_view name, const std::string& what) {
    if (what.empty() || !parse(name, what, json::kind::object, json::kind::absent)) return;
    parsed_.root().for_each_member([this](std::string_view member, const json::value& value) {
      names_.push_back(member);
      json::print(writer_.key_escaped(member), value);
    });
  }

  void messages(const std::vector<chat_message>& what) {
    if (what.empty()) return refuse("messages", "must have at least one message", "");
    key("messages").begin_array();
    for (const chat_message& each : what) writer_.raw(each.json());
    writer_.end_array();
  }

  json::writer& key(std::string_view name) {
    names_.push_back(name);
    return writer_.key(name);
  }
  json::writer& writer() { return writer_; }

  void refuse(std::string_view name, std::string_view what, std::string_view range) {
    if (refusal_) return;
    std::string words("`");
    words.append(name).append("` ").append(what).append(range);
    refusal_ = error(errc::bad_message, std::move(words));
  }
  void check_names() {
    std::sort(names_.begin(), names_.end());
    const auto twice = std::adjacent_find(names_.begin(), names_.end());
    if (twice != names_.end()) refuse(*twice, "is given twice", "");
  }
  const std::optional<error>& refusal() const noexcept { return refusal_; }

 private:
  bool parse(std::string_view name, const std::string& what, json::kind wanted, json::kind also) {
    const result<void> outcome = parsed_.parse(what);
    if (!outcome) {
      refuse(name, "is wrong: ", outcome.error().message);
      return false;
    }
    const json::kind found = parsed_.root().kind();
    if (found == wanted || found == also) return true;
    refuse(name, "must be ", json::describe(wanted));
    return false;
  }

  json::writer writer_;
  json::document parsed_;
  std::vector<std::string_view> names_;  // literals, or in parsed_, which `extra` fills last
  std::optional<error> refusal_;
};

}  // namespace detail

/// The JSON body, or errc::bad_message with words that name the wrong field. Integers are written
/// without a point, doubles in their shortest form; NaN and infinity are refused.
inline result<std::string> encode(const chat_request& request, const dialect& as = {}) {
  constexpr int any = 2'147'483'647;
  std::size_t size = 512 + request.extra.size() + request.tools.size();
  for (const chat_message& each : request.messages) size += each.bytes() + 1;
  std::string body;
  body.reserve(size);
  detail::request_encoder out(body);
  out.writer().begin_object();
  out.text("model", request.model);
  out.texts("models", request.fallback_models);
  out.messages(request.messages);
  out.real("temperature", request.temperature, 0, 2, " from 0 to 2");
  out.real("top_p", request.top_p, 0, 1, " above 0, up to 1", true);
  out.integer("top_k", request.top_k, 0, any, ", 0 or more");
  out.real("min_p", request.min_p, 0, 1, " from 0 to 1");
  out.real("top_a", request.top_a, 0, 1, " from 0 to 1");
  out.real("frequency_penalty", request.frequency_penalty, -2, 2, " from -2 to 2");
  out.real("presence_penalty", request.presence_penalty, -2, 2, " from -2 to 2");
  out.real("repetition_penalty", request.repetition_penalty, 0, 2, " above 0, up to 2", true);
  if (as.limit_name != max_tokens_name::max_completion_tokens) {
    out.integer("max_tokens", request.max_tokens, 1, any, ", 1 or more");
  }
  if (as.limit_name != max_tokens_name::max_tokens) {
    out.integer("max_completion_tokens", request.max_tokens, 1, any, ", 1 or more");
  }
  if (request.stop.size() > 4) out.refuse("stop", "must have at most 4 texts", "");
  out.texts("stop", request.stop);
  out.plain("seed", request.seed);
  out.plain("logprobs", request.logprobs);
  out.integer("top_logprobs", request.top_logprobs, 0, 20, " from 0 to 20");
  if (request.top_logprobs && !request.logprobs.value_or(false)) {
    out.refuse("top_logprobs", "needs `logprobs`", "");
  }
  out.raw("tools", request.tools, json::kind::array);
  out.raw("tool_choice", request.tool_choice, json::kind::object, json::kind::string);
  out.plain("parallel_tool_calls", request.parallel_tool_calls);
  out.raw("response_format", request.response_format, json::kind::object);
  out.raw("reasoning", request.reasoning, json::kind::object);
  out.text("reasoning_effort", request.reasoning_effort);
  out.text("verbosity", request.verbosity);
  out.raw("provider", request.provider, json::kind::object);
  out.raw("plugins", request.plugins, json::kind::array);
  out.text("service_tier", request.service_tier);
  out.text("user", request.user);
  const auto begins_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  };
  if (std::count_if(request.session_id.begin(), request.session_id.end(), begins_character) > 256) {
    out.refuse("session_id", "must have at most 256 characters", "");
  }
  out.text("session_id", request.session_id);
  out.members_of("extra", request.extra);
  out.key("stream").value(request.stream);
  if (request.stream && as.include_usage) {
    out.key("stream_options").begin_object().member("include_usage", true).end_object();
  }
  out.writer().end_object();
  out.check_names();
  if (out.refusal()) return *out.refusal();
  return body;
}

}  // namespace openrouter
}  // namespace agent_websocket
