// SPDX-License-Identifier: MIT
#include <agent_websocket/session/tool_handler.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <ostream>  // prints a shared_ptr
#include <stdexcept>
#include <string>
#include <vector>

using agent_websocket::tool_cancellation;
using agent_websocket::tool_invocation;
using agent_websocket::tool_reply;
using agent_websocket::tool_result;

namespace {
struct fake_session {};
using invocation = tool_invocation<fake_session>;
}  // namespace

TEST_CASE("tool_cancellation: tells everybody once") {
  tool_cancellation call;
  std::string told;
  call.on_cancel([&] { told += "a"; });
  call.on_cancel([&] { told += "b"; });
  CHECK_FALSE(call.cancelled());
  call.cancel();
  CHECK(call.cancelled());
  call.cancel();
  CHECK(told == "ab");
  call.on_cancel([&] { told += "c"; });  // too late to be told later
  CHECK(told == "abc");
}

TEST_CASE("tool_cancellation: a call that has ended is not cancelled") {
  tool_cancellation call;
  int told = 0;
  call.on_cancel([&] { ++told; });
  call.finish();
  call.cancel();
  call.on_cancel([&] { ++told; });
  CHECK(told == 0);
  CHECK_FALSE(call.cancelled());
}

TEST_CASE("tool_cancellation: cancelled before, it stays so") {
  tool_cancellation call;
  call.cancel();
  call.finish();
  CHECK(call.cancelled());
}

TEST_CASE("tool_cancellation: what one throws does not keep the next from being told") {
  tool_cancellation call;
  int told = 0;
  call.on_cancel([] { throw std::runtime_error("x"); });
  call.on_cancel([] { throw 7; });
  call.on_cancel([&] { ++told; });
  call.cancel();
  CHECK(told == 1);
}

TEST_CASE("tool_cancellation: told, one may ask for more, and end it") {
  tool_cancellation call;
  std::string told;
  call.on_cancel([&] {
    CHECK(call.cancelled());
    call.on_cancel([&] { told += "inner "; });
    call.cancel();
    call.finish();
    told += "outer ";
  });
  call.on_cancel([&] { told += "second "; });
  call.cancel();
  CHECK(told == "inner outer second ");
}

TEST_CASE("tool_cancellation: forgets what it was given when the call ends") {
  for (const bool answered : {true, false}) {
    tool_cancellation call;
    const auto held = std::make_shared<int>();
    call.on_cancel([held] {});
    CHECK(held.use_count() == 2);
    answered ? call.finish() : call.cancel();
    CHECK(held.use_count() == 1);
  }
}

TEST_CASE("tool_reply: a result, or a failure in words") {
  std::vector<tool_result> sent;
  const tool_reply reply([&](tool_result result) { sent.push_back(std::move(result)); });
  const tool_reply copy = reply;
  reply("text");
  copy.fail("words");
  reply({});
  REQUIRE(sent.size() == 3u);
  CHECK(sent[0].text == "text");
  CHECK_FALSE(sent[0].failed);
  CHECK(sent[1].text == "words");
  CHECK(sent[1].failed);
  CHECK(sent[2].text.empty());
}

TEST_CASE("tool_invocation: the call, its arguments, and whether it is wanted") {
  const auto session = std::make_shared<fake_session>();
  const auto cancellation = std::make_shared<tool_cancellation>();
  const invocation call("t_1", "weather", R"({"city":"Rome","days":[1,2]})", session, cancellation);
  CHECK(call.id == "t_1");
  CHECK(call.name == "weather");
  CHECK(call.arguments == R"({"city":"Rome","days":[1,2]})");
  CHECK(call.value()["city"].string() == "Rome");
  CHECK(call.value()["days"][1].integer() == 2);
  CHECK_FALSE(call.value()["none"].exists());
  CHECK(call.session() == session);
  int told = 0;
  const invocation copy = call;
  copy.on_cancel([&] { ++told; });
  cancellation->cancel();
  CHECK(call.cancelled());
  CHECK(copy.cancelled());
  CHECK(told == 1);
}

TEST_CASE("tool_invocation: outlives its session, and copies keep the arguments") {
  auto session = std::make_shared<fake_session>();
  auto first = std::make_unique<invocation>("t_1", "n", R"({"a":"b"})", session,
                                            std::make_shared<tool_cancellation>());
  const invocation copy = *first;
  const auto value = copy.value();
  first.reset();
  session.reset();
  CHECK(value["a"].string() == "b");
  CHECK(copy.session() == nullptr);
  CHECK_FALSE(copy.cancelled());
}

TEST_CASE(
    "tool_invocation: a handler that waits for the cancel of its own call holds nothing alive") {
  const auto watched = std::make_shared<int>();
  {
    const auto cancellation = std::make_shared<tool_cancellation>();
    const invocation call("t_1", "n", "{}", {}, cancellation);
    call.on_cancel([call, watched] {});
    CHECK(watched.use_count() == 2);
    cancellation->finish();
  }
  CHECK(watched.use_count() == 1);
}
