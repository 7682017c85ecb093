// SPDX-License-Identifier: MIT
//
// Reads the values that records.hpp writes. What is missing or of another type reads as empty, and
// numbers that nobody has written are cut to what can be counted on. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/message.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/session/turn.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace records {

std::string text_of(json::value from);
/// At most 2^53, so that nothing overflows by what is added to it.
std::int64_t count_of(json::value from);
std::uint64_t number_of(json::value from);
wall_time time_of(json::value from);
/// The number in an id such as "r_17"; 0 when there is none.
std::uint64_t number_in(std::string_view id);

std::optional<openrouter::chat_message> message_of(json::value from);

usage_totals usage_of(json::value from);

feedback_entry feedback_of(json::value from);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string text_of(json::value from) {
  return std::string(from.string().value_or(std::string_view()));
}

AGENT_WEBSOCKET_INLINE std::int64_t count_of(json::value from) {
  return std::clamp<std::int64_t>(from.integer().value_or(0), 0, std::int64_t{1} << 53);
}

AGENT_WEBSOCKET_INLINE std::uint64_t number_of(json::value from) {
  return static_cast<std::uint64_t>(count_of(from));
}

AGENT_WEBSOCKET_INLINE wall_time time_of(json::value from) {  // clocks count to the year 2262
  return wall_time(
      std::chrono::milliseconds(std::min<std::int64_t>(count_of(from), 9'000'000'000'000)));
}

AGENT_WEBSOCKET_INLINE std::uint64_t number_in(std::string_view id) {
  std::uint64_t number = 0;
  const std::size_t digits = id.rfind('_') + 1;  // 0 when there is none
  std::from_chars(id.data() + digits, id.data() + id.size(), number);
  return number;
}

AGENT_WEBSOCKET_INLINE std::optional<openrouter::chat_message> message_of(json::value from) {
  const auto role = openrouter::chat_role_of(text_of(from["role"]));
  const auto text = from["text"].string();
  if (!role || !text) return std::nullopt;
  return openrouter::chat_message::restored(*role, std::string(*text), text_of(from["json"]),
                                            from["partial"].boolean().value_or(false));
}

AGENT_WEBSOCKET_INLINE usage_totals usage_of(json::value from) {
  usage_totals used;
  used.answers = count_of(from["answers"]);
  used.prompt_tokens = count_of(from["prompt_tokens"]);
  used.completion_tokens = count_of(from["completion_tokens"]);
  used.cost = from["cost"].number().value_or(0);
  used.counted = from["counted"].boolean().value_or(false);
  used.priced = from["priced"].boolean().value_or(false);
  return used;
}

AGENT_WEBSOCKET_INLINE feedback_entry feedback_of(json::value from) {
  feedback_entry said;
  said.id = text_of(from["id"]);
  said.answer = text_of(from["answer"]);
  said.rating = from["rating"].number();
  said.comment = text_of(from["comment"]);
  said.correction = text_of(from["correction"]);
  said.at = time_of(from["at"]);
  return said;
}

#endif

}  // namespace records
}  // namespace agent_websocket
