// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/encode_client.hpp>
#include <agent_websocket/wire/decode.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

template <typename Message>
std::string text_of(const Message& message) {
  std::string text;
  encode(text, message);
  return text;
}

/// What a server makes of it.
template <typename Message>
Message round_trip(const Message& message) {
  json::document scratch;
  auto read = wire::decode(text_of(message), scratch);
  REQUIRE(std::holds_alternative<Message>(read));
  return std::get<Message>(std::move(read));
}

}  // namespace

TEST_CASE("encode client: a query") {
  wire::query m;
  m.id = "q1";
  m.content = "say \"hi\"";
  CHECK(text_of(m) == R"({"type":"query","id":"q1","content":"say \"hi\""})");
  m.stream = true;
  m.priority = 0;
  m.overlap = wire::overlap::latest;
  m.timeout = 2s;
  m.model = "m";
  m.meta = R"({"tab":2})";
  const wire::query read = round_trip(m);
  CHECK(read.id == m.id);
  CHECK(read.content == m.content);
  CHECK(read.stream == m.stream);
  CHECK(read.priority == 0);
  CHECK(read.overlap == wire::overlap::latest);
  CHECK(read.timeout == m.timeout);
  CHECK(read.model == m.model);
  CHECK(read.meta == m.meta);
  m.parts = R"([{"type":"text","text":"a"}])";
  CHECK(round_trip(m).parts == m.parts);
  for (const auto each : {wire::overlap::queue, wire::overlap::reject, wire::overlap::interrupt,
                          wire::overlap::latest}) {
    m.overlap = each;
    CHECK(round_trip(m).overlap == each);
  }
}

TEST_CASE("encode client: commands") {
  wire::command m;
  m.op = "cancel";
  CHECK(text_of(m) == R"({"type":"command","op":"cancel"})");
  m.id = "c1";
  m.ref = "q1";
  m.content = "text";
  m.data = "[1]";
  m.meta = "{}";
  wire::command read = round_trip(m);
  CHECK(read.id == "c1");
  CHECK(read.ref == "q1");
  CHECK(read.content == "text");
  CHECK(read.data == "[1]");
  CHECK(read.meta == "{}");
  m.op = "history";
  m.before_seq = 40;
  m.limit = 50;
  read = round_trip(m);
  CHECK(read.before_seq == 40);
  CHECK(read.limit == 50);
  m.op = "regenerate";
  m.stream = false;
  CHECK(round_trip(m).stream == false);
  std::string ack;
  wire::encode_ack(ack, 57);
  CHECK(ack == R"({"type":"command","op":"ack","seq":57})");
}

TEST_CASE("encode client: feedback") {
  wire::human_feedback m;
  m.id = "f1";
  m.ref = "r_1";
  m.rating = -1;
  m.content = "no";
  m.correction = "yes";
  m.data = R"({"a":1})";
  m.meta = "{}";
  wire::human_feedback read = round_trip(m);
  CHECK(read.ref == "r_1");
  CHECK(read.rating == -1);
  CHECK(read.content == "no");
  CHECK(read.correction == "yes");
  CHECK(read.data == m.data);
  m.decision = "approve";
  CHECK(round_trip(m).decision == "approve");
}

TEST_CASE("encode client: hello") {
  wire::hello m;
  CHECK(text_of(m) == R"({"type":"command","op":"hello","v":1,"caps":[]})");
  const std::vector<std::string> caps = {"delta", "feedback"};
  m.client = "cpp/1";
  m.caps = &caps;
  m.auth_token = "secret";
  m.session_id = "s1";
  m.outbox = {"q1", "q2"};
  CHECK(text_of(m) ==
        R"({"type":"command","op":"hello","v":1,"client":"cpp/1","caps":["delta","feedback"],)"
        R"("auth":{"token":"secret"}})");
  m.resume_token = "t";
  m.epoch = "e";
  CHECK(
      text_of(m).find(
          R"("session_id":"s1","resume":{"token":"t","epoch":"e","last_seq":0},"outbox":["q1","q2"]})") !=
      std::string::npos);
  m.outbox.clear();
  CHECK(text_of(m).find("outbox") == std::string::npos);
}

TEST_CASE("encode client: tools of a hello and of a query") {
  const std::vector<wire::declared_tool> tools = {
      {"where_am_i", "The \"place\"", R"({"type":"object"})"}, {"beep", "", ""}};
  wire::hello m;
  m.tools = &tools;
  const std::string declared = R"("tools":[{"name":"where_am_i","description":"The \"place\"",)"
                               R"("parameters":{"type":"object"}},{"name":"beep"}]})";
  CHECK(text_of(m) == R"({"type":"command","op":"hello","v":1,"caps":[],)" + declared);
  const std::vector<wire::declared_tool> none;
  m.tools = &none;
  CHECK(text_of(m).find("tools") == std::string::npos);
  wire::query asked;
  asked.content = "a";
  asked.tools = tools;
  CHECK(text_of(asked) == R"({"type":"query","content":"a",)" + declared);
  const wire::query read = round_trip(asked);
  REQUIRE(read.tools.size() == 2u);
  CHECK(read.tools[0].parameters == tools[0].parameters);
  CHECK(read.tools[1].name == "beep");
}

TEST_CASE("encode client: the result of a tool, or words in place of it") {
  wire::command m;
  m.op = "tool_result";
  m.id = "m1";
  m.ref = "t_3";
  m.data = R"({"ok":true})";
  CHECK(text_of(m) ==
        R"({"type":"command","op":"tool_result","id":"m1","ref":"t_3","data":{"ok":true}})");
  CHECK(round_trip(m).data == m.data);
  m.data.clear();
  m.failure = "no speaker";
  CHECK(text_of(m) ==
        R"({"type":"command","op":"tool_result","id":"m1","ref":"t_3","error":"no speaker"})");
  CHECK(round_trip(m).failure == "no speaker");
}
