// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/server_message.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

using namespace agent_websocket;
using namespace std::chrono_literals;
using wire::response_phase;
using wire::server_type;

namespace {

struct bench {
  json::document document;
  std::optional<wire::server_message> read(std::string_view text) {
    return wire::read_server_message(text, document);
  }
};

}  // namespace

TEST_CASE("server message: types, phases and what is numbered") {
  bench b;
  const auto delta =
      b.read(R"({"type":"response","stream":"r_9","phase":"delta","idx":0,"n":1,"content":"As"})");
  REQUIRE(delta);
  CHECK(delta->type == server_type::response);
  CHECK(delta->phase == response_phase::delta);
  CHECK(delta->is_piece());
  CHECK_FALSE(delta->is_terminal());
  CHECK_FALSE(delta->is_numbered());
  CHECK(delta->stream == "r_9");
  CHECK(delta->content == "As");
  for (const auto& [name, phase] :
       {std::pair<std::string, response_phase>{"start", response_phase::start},
        {"reasoning", response_phase::reasoning},
        {"snapshot", response_phase::snapshot},
        {"end", response_phase::end},
        {"full", response_phase::full},
        {"wonder", response_phase::none}}) {
    CHECK(b.read(R"({"type":"response","phase":")" + name + R"("})")->phase == phase);
    CHECK(b.read(R"({"type":"status","phase":")" + name + R"("})")->phase == response_phase::none);
  }
  for (const auto& [name, type] :
       {std::pair<std::string, server_type>{"notification", server_type::notification},
        {"status", server_type::status},
        {"error", server_type::error},
        {"human_feedback", server_type::human_feedback},
        {"wonder", server_type::unknown}}) {
    CHECK(b.read(R"({"type":")" + name + R"(","seq":7})")->type == type);
  }
  CHECK(b.read(R"({"type":"response","phase":"full","seq":7})")->is_terminal());
  CHECK(b.read(R"({"type":"error","terminal":true})")->is_terminal());
  CHECK_FALSE(b.read(R"({"type":"error"})")->is_terminal());
  CHECK(b.read(R"({"type":"notification","seq":7})")->is_numbered());
  CHECK_FALSE(b.read(R"({"type":"notification","op":"welcome","seq":7})")->is_numbered());
  CHECK_FALSE(b.read(R"({"type":"status","op":"live","seq":7})")->is_numbered());
  CHECK(b.read(R"({"type":"notification","op":"welcome"})")->is_welcome());
  CHECK_FALSE(b.read(R"({"type":"status","op":"welcome"})")->is_welcome());
  CHECK(b.read(R"({"type":"status","replay":true})")->replay);
}

TEST_CASE("server message: what is no message") {
  bench b;
  for (const char* text : {"", "x", "7", "[]", "\"a\"", "null", R"({"type")"})
    CHECK_FALSE(b.read(text));
  CHECK(b.read("{}")->type == server_type::unknown);
}

TEST_CASE("server message: a number that cannot be read makes the message unusable") {
  bench b;
  for (const char* seq : {"\"2\"", "1.5", "true", "{}", "[2]", "-1", "9007199254740992", "1e30"}) {
    CAPTURE(seq);
    CHECK_FALSE(b.read(std::string(R"({"type":"notification","seq":)") + seq + "}"));
  }
  CHECK(b.read(R"({"type":"notification","seq":null})"));
  CHECK(b.read(R"({"type":"notification","seq":2.0})")->seq == 2);
  CHECK(b.read(R"({"type":"notification","seq":9007199254740991})")->seq == wire::max_json_integer);
}

TEST_CASE("server message: fields of the wrong type are absent") {
  bench b;
  const auto read = b.read(
      R"({"type":"status","op":1,"id":[],"ref":{},"stream":true,"content":null,"replay":"yes"})");
  REQUIRE(read);
  CHECK(read->op.empty());
  CHECK(read->id.empty());
  CHECK(read->ref.empty());
  CHECK(read->stream.empty());
  CHECK(read->content.empty());
  CHECK_FALSE(read->replay);
}

TEST_CASE("server message: welcome") {
  bench b;
  const auto read = [&b](std::string_view text) { return wire::read_welcome(*b.read(text)); };
  auto w = read(
      R"({"type":"notification","op":"welcome","session_id":"s1","resume_token":"t","epoch":"e","seq":41,"recovered":true,"reason":"ok","heartbeat_ms":1000,"timeout_ms":500,"limits":{"max_message_bytes":65536,"max_queued":16}})");
  CHECK(w.session_id == "s1");
  CHECK(w.resume_token == "t");
  CHECK(w.epoch == "e");
  CHECK(w.seq == 41);
  CHECK(w.recovered);
  CHECK(w.reason == "ok");
  CHECK(w.heartbeat == 1s);
  CHECK(w.timeout == 500ms);
  CHECK(w.max_message_bytes == 65536u);
  CHECK(w.max_queued == 16u);
  w = read(R"({"type":"notification","op":"welcome"})");
  CHECK(w.session_id.empty());
  CHECK(w.reason == "new");
  CHECK_FALSE(w.recovered);
  CHECK(w.heartbeat == 25s);
  CHECK(w.timeout == 8s);
  CHECK(w.max_queued == 0u);
  w = read(R"({"op":"welcome","heartbeat_ms":-5,"timeout_ms":1e300,"limits":{"max_queued":-1}})");
  CHECK(w.heartbeat == 25s);
  CHECK(w.timeout == 24h);
  CHECK(w.max_queued == 0u);
}

TEST_CASE("server message: how an answer ended") {
  bench b;
  const auto status = [&b](std::string_view text) {
    return wire::read_answer_status(*b.read(text));
  };
  CHECK(status(R"({"status":"cancelled"})") == wire::answer_status::cancelled);
  CHECK(status(R"({"status":"incomplete"})") == wire::answer_status::incomplete);
  CHECK(status(R"({"status":"failed"})") == wire::answer_status::failed);
  CHECK(status(R"({"status":"completed"})") == wire::answer_status::completed);
  CHECK(status(R"({"status":"wonder"})") == wire::answer_status::completed);
  CHECK(status(R"({"error":{}})") == wire::answer_status::failed);
  const auto message = b.read(
      R"({"type":"error","code":"busy","content":"wait","retryable":true,"retry_after_ms":1500})");
  const auto failure = wire::read_failure(message->body);
  CHECK(failure.code == "busy");
  CHECK(failure.content == "wait");
  CHECK(failure.retryable);
  CHECK(failure.retry_after == 1500ms);
  CHECK_FALSE(wire::read_failure(json::value()).retry_after);
}

TEST_CASE("server message: tools and requests for a decision") {
  bench b;
  const auto message = b.read(
      R"({"type":"human_feedback","seq":60,"id":"f_1","ref":"q1","kind":"approval","content":"Run?",)"
      R"("tool":{"call":"t_3","name":"x","arguments":{"a":1},"state":"waiting","error":"no"},)"
      R"("expires_at":"2026","default":"reject"})");
  const auto request = wire::read_feedback_request(message->body);
  CHECK(request.id == "f_1");
  CHECK(request.ref == "q1");
  CHECK(request.kind == "approval");
  CHECK(request.content == "Run?");
  CHECK(request.expires_at == "2026");
  CHECK(request.default_decision == "reject");
  CHECK(request.tool.call == "t_3");
  CHECK(request.tool.name == "x");
  CHECK(request.tool.state == "waiting");
  CHECK(request.tool.error == "no");
  CHECK(json::to_text(request.tool.arguments) == R"({"a":1})");
  const auto none = wire::read_feedback_request(b.read(R"({"id":1,"tool":[]})")->body);
  CHECK(none.id.empty());
  CHECK(none.tool.name.empty());
  CHECK_FALSE(none.tool.arguments.exists());
}
