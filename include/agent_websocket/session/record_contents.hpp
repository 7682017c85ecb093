// SPDX-License-Identifier: MIT
//
// Reads what the records of a session are about (records.hpp): a turn that has ended, a query that
// was open, what its client has chosen, the digest of a resume token. Made of record_values.hpp,
// and stricter: no turn, query or digest comes of what lacks a part that it cannot do without.
// Pure; restoring.hpp puts it where it belongs.
#pragma once

#include <agent_websocket/base/base64url.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/sha256.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/message.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/session/inbox.hpp>
#include <agent_websocket/session/record_values.hpp>
#include <agent_websocket/session/settings.hpp>
#include <agent_websocket/session/turn.hpp>
#include <agent_websocket/wire/server_message.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace agent_websocket {
namespace records {

/// A query that had no end when its session was kept.
struct open_query {
  accepted_query accepted;
  std::optional<openrouter::chat_message> question;  ///< none: the one before is answered again
  bool started = false;                              ///< the beginning of its answer was told
  wall_time asked{};
};

/// Needs an id and a stream.
std::optional<open_query> open_query_of(json::value from);

/// Needs a status, a question and the number of its last message.
std::optional<turn> turn_of(json::value from);

session_overrides overrides_of(json::value from);

std::optional<digest256> digest_of(json::value from);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::optional<open_query> open_query_of(json::value from) {
  open_query open;
  open.accepted.query.id = text_of(from["id"]);
  open.accepted.query.meta = text_of(from["meta"]);
  open.accepted.stream = text_of(from["stream"]);
  open.accepted.streamed = from["streamed"].boolean().value_or(false);
  open.accepted.regenerate = from["regenerate"].boolean().value_or(false);
  open.question = message_of(from["question"]);
  open.started = from["started"].boolean().value_or(false);
  open.asked = time_of(from["at"]);
  if (open.accepted.query.id.empty() || open.accepted.stream.empty()) return std::nullopt;
  return open;
}

AGENT_WEBSOCKET_INLINE std::optional<turn> turn_of(json::value from) {
  turn ended;
  ended.id = text_of(from["id"]);
  ended.stream = text_of(from["stream"]);
  ended.seq = number_of(from["seq"]);
  ended.asked = time_of(from["asked"]);
  ended.answered = time_of(from["answered"]);
  ended.model = text_of(from["model"]);
  ended.shown = text_of(from["shown"]);
  const auto status = wire::detail::status_of(text_of(from["status"]));
  auto question = message_of(from["question"]);
  if (!status || !question || ended.seq == 0) return std::nullopt;
  ended.status = *status;
  ended.question = std::move(*question);
  ended.answer = message_of(from["answer"]);
  from["steps"].for_each_element([&](json::value each) {
    if (auto step = message_of(each)) ended.steps.push_back(std::move(*step));
  });
  from["feedback"].for_each_element(
      [&](json::value each) { ended.feedback.push_back(feedback_of(each)); });
  return ended;
}

AGENT_WEBSOCKET_INLINE session_overrides overrides_of(json::value from) {
  session_overrides chosen;
  if (const auto text = from["model"].string()) chosen.model = std::string(*text);
  chosen.temperature = from["temperature"].number();
  if (const auto number = from["max_tokens"].integer())
    chosen.max_tokens = static_cast<int>(*number);
  if (const auto text = from["system"].string()) chosen.system_prompt = std::string(*text);
  return chosen;
}

AGENT_WEBSOCKET_INLINE std::optional<digest256> digest_of(json::value from) {
  const auto bytes = decode_base64url(text_of(from));
  digest256 digest{};
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

#endif

}  // namespace records
}  // namespace agent_websocket
