// SPDX-License-Identifier: MIT
//
// A client_connection in the hands of a test, which plays the server and the clock.
#pragma once

#include <agent_websocket/client/connection.hpp>
#include <agent_websocket/client/following.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

struct connection_bench {
  agent_websocket::client_options options;
  agent_websocket::client_action::list actions;
  agent_websocket::time_point now{std::chrono::hours(24)};
  agent_websocket::client_connection subject;

  explicit connection_bench(agent_websocket::resume_point from = {})
      : subject((prepare(std::move(from)), options), actions) {}

  void prepare(agent_websocket::resume_point from) {
    options.random = agent_websocket::random_source([] { return std::uint64_t{1} << 63; });
    options.resume = std::move(from);
  }

  static agent_websocket::wire::welcome_view welcome(std::string_view session,
                                                     std::string_view reason,
                                                     std::int64_t seq = 0) {
    agent_websocket::wire::welcome_view made;
    made.session_id = session;
    made.resume_token = "t";
    made.epoch = "e1";
    made.reason = reason;
    made.seq = seq;
    made.recovered = reason == "ok";
    return made;
  }
  void become_live() {
    subject.connect(now);
    subject.opened({}, now);
    CHECK(subject.welcomed(welcome("s1", "new")) ==
          agent_websocket::client_connection::greeting::first);
    CHECK(subject.caught_up(now));
    actions.clear();
  }
  void pass(std::chrono::milliseconds time) {
    now += time;
    subject.tick(now);
  }
  /// Frames since the last call.
  std::vector<frame> frames() {
    std::vector<frame> found;
    for (const auto& each : actions) {
      if (const auto* sent = std::get_if<agent_websocket::client_action::send>(&each))
        found.emplace_back(sent->json);
    }
    actions.clear();
    return found;
  }
  bool opens() const {
    return !actions.empty() &&
           std::holds_alternative<agent_websocket::client_action::open>(actions.back());
  }
};
