// SPDX-License-Identifier: MIT
//
// The settings that the application gave to one session, as JSON for its store: what differs from
// those that all sessions share, so that what the operator changes later holds for the rest. Tools,
// commands and clocks are the program's and are not kept.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/session/settings.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace detail {

/// Visits what is kept: visit(name, pointer to member).
template <typename Visit>
void for_each_kept_setting(Visit&& visit) {
  using s = session_settings;
  visit("agent_name", &s::agent_name);
  visit("model", &s::model);
  visit("fallback_models", &s::fallback_models);
  visit("system_prompt", &s::system_prompt);
  visit("temperature", &s::temperature);
  visit("max_tokens", &s::max_tokens);
  visit("reasoning_effort", &s::reasoning_effort);
  visit("max_history", &s::max_history);
  visit("max_history_bytes", &s::max_history_bytes);
  visit("max_content_bytes", &s::max_content_bytes);
  visit("max_queue", &s::max_queue);
  visit("allowed_models", &s::allowed_models);
  visit("client_settings", &s::client_settings);
  visit("client_tools", &s::client_tools);
  visit("max_tool_rounds", &s::max_tool_rounds);
  visit("welcome_data", &s::welcome_data);
}

void write_setting(json::writer& w, const std::vector<std::string>& list);
template <typename T>
void write_setting(json::writer& w, const T& what) {
  w.value(what);
}

void read_setting(json::value from, std::string& to);
inline void read_setting(json::value from, double& to) { to = from.number().value_or(to); }
inline void read_setting(json::value from, bool& to) { to = from.boolean().value_or(to); }
template <typename Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
void read_setting(json::value from, Integer& to) {
  if (const auto number = from.integer(); number && *number >= 0)
    to = static_cast<Integer>(*number);
}
void read_setting(json::value from, std::vector<std::string>& to);

}  // namespace detail

/// Writes one object: what of `own` is not as in `shared`.
void write_kept_settings(json::writer& w, const session_settings& own,
                         const session_settings& shared);

/// Takes over what the object has; what is missing or of another type stays as it is.
void read_kept_settings(json::value from, session_settings& to);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE void write_setting(json::writer& w, const std::vector<std::string>& list) {
  w.begin_array();
  for (const std::string& each : list) w.value(each);
  w.end_array();
}

AGENT_WEBSOCKET_INLINE void read_setting(json::value from, std::string& to) {
  if (const auto text = from.string()) to = std::string(*text);
}

AGENT_WEBSOCKET_INLINE void read_setting(json::value from, std::vector<std::string>& to) {
  if (!from.is_array()) return;
  to.clear();
  from.for_each_element([&to](json::value each) {
    if (const auto text = each.string()) to.emplace_back(*text);
  });
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE void write_kept_settings(json::writer& w, const session_settings& own,
                                                const session_settings& shared) {
  w.begin_object();
  detail::for_each_kept_setting([&](std::string_view name, auto member) {
    if (own.*member == shared.*member) return;
    w.key(name);
    detail::write_setting(w, own.*member);
  });
  w.end_object();
}

AGENT_WEBSOCKET_INLINE void read_kept_settings(json::value from, session_settings& to) {
  detail::for_each_kept_setting(
      [&](std::string_view name, auto member) { detail::read_setting(from[name], to.*member); });
}

#endif

}  // namespace agent_websocket
