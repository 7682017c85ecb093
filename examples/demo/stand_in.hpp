// SPDX-License-Identifier: MIT
//
// The demo upstream in the place of a real one: for a server that was given no key.
#pragma once

#include "upstream.hpp"

#include <agent_websocket.hpp>

namespace demo {

/// True when the options name nobody to ask: no key, and no upstream of their own.
inline bool is_needed(const agent_websocket::options& of) {
  return of.api_key.empty() && of.base_url == agent_websocket::options().base_url;
}

/// Starts `with` and makes it answer for a server with these options.
inline result<void> stand_in(agent_websocket::options& of, upstream& with) {
  if (const result<void> started = with.start(); !started) return started;
  of.base_url = with.base_url();
  const std::string usual = agent_websocket::session_settings().model;
  if (of.session.model == usual) of.session.model = "demo/echo";
  of.session.welcome_data = R"({"demo":true})";
  return {};
}

}  // namespace demo
