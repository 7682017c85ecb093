// SPDX-License-Identifier: MIT
//
// The demo upstream in the place of a real one: for a server that was given no key.
#pragma once

#include "upstream.hpp"

#include <agent_websocket.hpp>

#include <string>

namespace demo {

/// True when the options name nobody to ask: no key, and no upstream of their own.
inline bool is_needed(const agent_websocket::options& of) {
  return of.api_key.empty() && of.base_url == agent_websocket::options().base_url;
}

/// Makes a demo upstream that runs already answer for a server with these options.
inline void stand_in(agent_websocket::options& of, const std::string& base_url) {
  of.base_url = base_url;
  const std::string usual = agent_websocket::session_settings().model;
  if (of.session.model == usual) of.session.model = "demo/echo";
  of.session.welcome_data = R"({"demo":true})";
}

/// Starts `with` and makes it answer.
inline result<void> stand_in(agent_websocket::options& of, upstream& with) {
  if (const result<void> started = with.start(); !started) return started;
  stand_in(of, with.base_url());
  return {};
}

}  // namespace demo
