// SPDX-License-Identifier: MIT
#include <agent_websocket/server/message_gate.hpp>
#include <agent_websocket/wire/decode.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string_view>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

const time_point start{1000s};
const wall_time noon{std::chrono::hours(24 * 20'000 + 12)};

wire::client_message read(std::string_view text) {
  json::document scratch;
  return wire::decode(text, scratch);
}
const wire::client_message asks = read(R"({"content":"x"})");
const wire::client_message reads = read(R"({"type":"command","op":"history"})");
const wire::client_message steers = read(R"({"type":"command","op":"cancel"})");
const wire::client_message is_none = read("{");

}  // namespace

TEST_CASE("message_gate: messages that ask for something count, those that keep it going do not") {
  const user_limits users({});
  message_gate gate(60, 2);
  CHECK_FALSE(gate.take(asks, users, nullptr, start, noon));
  CHECK_FALSE(gate.take(reads, users, nullptr, start, noon));
  const auto refused = gate.take(asks, users, nullptr, start + 1us, noon);
  REQUIRE(refused);
  CHECK(refused->why.code == errc::rate_limited);
  CHECK(is_retryable(refused->why.code));
  CHECK(refused->retry_after == 1000ms);  // rounded up
  for (int i = 0; i < 1'000; ++i) {
    CHECK_FALSE(gate.take(steers, users, nullptr, start, noon));
    CHECK_FALSE(gate.take(is_none, users, nullptr, start, noon));
  }
  CHECK(gate.take(reads, users, nullptr, start + 999ms, noon));
  CHECK_FALSE(gate.take(reads, users, nullptr, start + 1000ms, noon));
}

TEST_CASE("message_gate: the user's rate holds over all of his sockets") {
  user_limits::limits allowed;
  allowed.messages = rate::per_minute(60, 3);
  user_limits users(allowed);
  user_limits::place ada;
  users.connect(ada, "ada", start, noon);
  message_gate one(60, 2), other(60, 2);
  CHECK_FALSE(one.take(asks, users, &ada.who(), start, noon));
  CHECK_FALSE(one.take(asks, users, &ada.who(), start, noon));
  CHECK(one.take(asks, users, &ada.who(), start, noon)->why.message ==
        "Too many messages");
  CHECK_FALSE(other.take(asks, users, &ada.who(), start, noon));
  const auto refused = other.take(asks, users, &ada.who(), start, noon);
  REQUIRE(refused);
  CHECK(refused->why.message == "Too many messages of this user");
  CHECK(refused->retry_after == 1000ms);
  // What was refused for the user has taken nothing of the socket.
  CHECK_FALSE(other.take(asks, users, &ada.who(), start + 1s, noon));
}

TEST_CASE("message_gate: a budget holds for answers only, until midnight") {
  user_limits::limits allowed;
  allowed.daily_tokens = 100;
  user_limits users(allowed);
  user_limits::place ada;
  users.connect(ada, "ada", start, noon);
  message_gate gate(0, 1);
  CHECK_FALSE(gate.take(asks, users, &ada.who(), start, noon));
  ada.who().spend(100, 0, noon);
  const auto refused = gate.take(asks, users, &ada.who(), start, noon + 11h);
  REQUIRE(refused);
  CHECK(refused->why.code == errc::quota_exceeded);
  CHECK(refused->retry_after == 1h);
  CHECK_FALSE(gate.take(reads, users, &ada.who(), start, noon));
  CHECK_FALSE(gate.take(asks, users, &ada.who(), start, noon + 12h));
}

TEST_CASE("message_gate: frames, far above the messages") {
  const rate usual = message_gate::frames_for(60, 30);
  CHECK(usual.count == 1200u);
  CHECK(usual.burst == 600u);
  CHECK(message_gate::frames_for(1, 1).count == 600u);
  CHECK(message_gate::frames_for(1, 1).burst == 300u);
  CHECK(message_gate::frames_for(UINT32_MAX, UINT32_MAX).count == 1'000'000'000u);
  CHECK(message_gate::frames_for(0, 30).unlimited());
  message_gate gate(60, 30);
  for (int i = 0; i < 600; ++i) CHECK(gate.take_frame(start));
  CHECK_FALSE(gate.take_frame(start));
  CHECK(gate.take_frame(start + 50ms));
  message_gate open(0, 1);
  for (int i = 0; i < 5'000; ++i) CHECK(open.take_frame(start));
}
