// SPDX-License-Identifier: MIT
#include <agent_websocket/session/core_data.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

const moment at{time_point(24h), wall_time(1'767'225'600s)};

core_data made_with(const session_settings& settings) {
  return core_data("id", "epoch", std::make_shared<const session_settings>(settings), at);
}

}  // namespace

TEST_CASE("core_data: begins empty, at its moment") {
  const core_data data = made_with({});
  CHECK(data.id_ == "id");
  CHECK(data.epoch_ == "epoch");
  CHECK(data.created_ == at.wall);
  CHECK(data.active_.now == at.now);
  CHECK(data.conversation_.empty());
  CHECK(data.inbox_.empty());
  CHECK(data.storing_.empty());
  CHECK(data.outbox_.log().top() == 0u);
  CHECK_FALSE(data.ledger_.is_on());
  CHECK_FALSE(data.run_);
  CHECK_FALSE(data.closing_);
  CHECK_FALSE(static_cast<bool>(data.shared_settings_));
  CHECK(data.actions_.empty());
  CHECK_FALSE(data.tally_);
  CHECK_FALSE(data.overrides_);
  CHECK(std::as_const(data).tally().usage.answers == 0);
}

TEST_CASE("core_data: its parts have the limits of its settings") {
  session_settings settings;
  settings.max_history = 1;
  settings.max_queue = 1;
  settings.max_log_messages = 3;
  settings.max_log_bytes = 77;
  settings.resume_window = 10min;
  core_data data = made_with(settings);
  CHECK(data.outbox_.log().max_messages() == 3u);
  CHECK(data.outbox_.log().max_bytes() == 77u);
  data.inbox_.push({});
  CHECK(data.inbox_.full());
  for (int i = 0; i < 3; ++i) data.conversation_.begin({});
  CHECK(data.conversation_.turns().size() == 1u);
  // A client that comes back at the last moment may repeat what it sent before it went.
  data.claims_.take("q", "r_1", at.now);
  CHECK(data.claims_.find("q", at.now + 10min + claimed_ids::max_age - 1ms) != nullptr);
  CHECK(data.claims_.find("q", at.now + 10min + claimed_ids::max_age) == nullptr);
}
