// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/encode.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <string>
#include <string_view>

using agent_websocket::errc;
namespace wire = agent_websocket::wire;

namespace {

constexpr std::string_view stamp = "2026-01-01T00:00:00.000Z";

template <typename Message>
std::string encoded(const Message& message) {
  std::string text;
  wire::encode(text, message, stamp);
  return text;
}

}  // namespace

TEST_CASE("encode: welcome") {
  wire::welcome hello;
  hello.session_id = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
  hello.epoch = "e1";
  hello.heartbeat = std::chrono::milliseconds(25'000);
  hello.timeout = std::chrono::milliseconds(8'000);
  hello.limits = {65'536, 16};
  const frame sent(encoded(hello));
  CHECK(sent.type() == "notification");
  CHECK(sent.op() == "welcome");
  CHECK(sent.content() ==
        "Connected to Agent WebSocket. Session ID: f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
  CHECK(sent.number("v") == 1);
  CHECK(sent.text("session_id") == "f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
  CHECK(sent.text("epoch") == "e1");
  CHECK(sent.json("seq") == "0");
  CHECK(sent.json("recovered") == "false");
  CHECK(sent.text("reason") == "new");
  CHECK(sent.number("heartbeat_ms") == 25'000);
  CHECK(sent.number("timeout_ms") == 8'000);
  CHECK(sent.number("limits.max_message_bytes") == 65'536);
  CHECK(sent.number("limits.max_queued") == 16);
  // A client is not told of limits that there are not.
  CHECK_FALSE(sent.has("limits.messages_per_minute"));
  CHECK_FALSE(sent.has("limits.message_burst"));
  CHECK_FALSE(sent.has("limits.max_content_bytes"));
  CHECK(sent.text("timestamp") == stamp);
  CHECK_FALSE(sent.has("data"));

  hello.limits.messages_per_minute = 60;
  hello.limits.message_burst = 30;
  hello.limits.max_content_bytes = 8'000;
  const frame limited(encoded(hello));
  CHECK(limited.number("limits.messages_per_minute") == 60);
  CHECK(limited.number("limits.message_burst") == 30);
  CHECK(limited.number("limits.max_content_bytes") == 8'000);

  hello.data = R"({"motd":"hi"})";
  hello.reason = "expired";
  const frame other(encoded(hello));
  CHECK(other.text("data.motd") == "hi");
  CHECK(other.text("reason") == "expired");
}

TEST_CASE("encode: a welcome of any length, also with what has to be escaped") {
  wire::welcome hello;
  hello.seq = ~std::uint64_t{0};
  hello.recovered = true;
  hello.heartbeat = hello.timeout = hello.resume_window = std::chrono::milliseconds::max();
  constexpr std::size_t most = ~std::size_t{0};
  hello.limits.max_message_bytes = hello.limits.max_content_bytes = most;
  hello.limits.max_queued = most;
  hello.limits.messages_per_minute = hello.limits.message_burst =
      std::numeric_limits<decltype(hello.limits.message_burst)>::max();
  for (const std::string_view sign : {"a", "\"", "\x01", "\xC3\xA9"}) {
    for (std::size_t size = 0; size < 500; ++size) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i) text += sign;
      hello.session_id = text;
      hello.resume_token = hello.epoch = hello.reason = {};
      CHECK(frame(encoded(hello)).text("session_id") == text);
      hello.session_id = "s";
      hello.resume_token = hello.epoch = hello.reason = text;
      const frame sent(encoded(hello));
      CHECK(sent.text("reason") == text);
      if (size != 0) CHECK(sent.text("resume_token") == text);
      CHECK(sent.json("limits.max_queued") == std::to_string(most));
      CHECK(sent.json("seq") == std::to_string(hello.seq));
    }
  }
}

TEST_CASE("encode: a welcome of nothing, of odd numbers, at an odd time") {
  const wire::welcome none;
  CHECK(frame(encoded(none)).text("session_id").empty());
  wire::welcome odd;
  odd.heartbeat = std::chrono::milliseconds(-1);
  odd.resume_window = std::chrono::milliseconds::min();
  CHECK(frame(encoded(odd)).json("heartbeat_ms") == "-1");
  CHECK(frame(encoded(odd)).json("resume_window_ms") ==
        std::to_string(std::chrono::milliseconds::min().count()));
  std::string out;
  wire::encode(out, odd, "a\"b\n");
  CHECK(frame(out).text("timestamp") == "a\"b\n");
}

TEST_CASE("encode: a welcome says how to come back") {
  wire::welcome hello;
  hello.session_id = "s1";
  hello.resume_token = "secret";
  hello.epoch = "e1";
  hello.seq = 41;
  hello.resume_window = std::chrono::minutes(5);
  const frame first(encoded(hello));
  CHECK(first.text("resume_token") == "secret");
  CHECK(first.number("resume_window_ms") == 300'000);
  CHECK(first.number("seq") == 41);
  // Nothing was asked for, so nothing is told of it.
  CHECK_FALSE(first.has("accepted"));
  CHECK_FALSE(first.has("active"));
  CHECK_FALSE(first.has("pending_feedback"));

  hello.recovered = true;
  hello.reason = "ok";
  hello.resumed.emplace();
  const frame nothing_open(encoded(hello));
  CHECK(nothing_open.truth("recovered"));
  CHECK(nothing_open.text("reason") == "ok");
  CHECK(nothing_open.json("accepted") == "[]");
  CHECK(nothing_open.json("active") == "[]");
  CHECK(nothing_open.json("pending_feedback") == "[]");

  hello.resumed->accepted = {"q1", "q2"};
  hello.resumed->active = {{"q2", "r_9"}};
  hello.data = R"({"motd":"hi"})";
  const frame open(encoded(hello));
  CHECK(open.json("accepted") == R"(["q1","q2"])");
  CHECK(open.json("active") == R"([{"ref":"q2","stream":"r_9"}])");
  CHECK(open.text("data.motd") == "hi");

  hello.resume_token = {};
  hello.epoch = {};
  const frame bare(encoded(hello));
  CHECK_FALSE(bare.has("resume_token"));
  CHECK_FALSE(bare.has("epoch"));
}

TEST_CASE("encode: the whole text of each small message") {
  CHECK(encoded(wire::status{"thinking", "q1", "Thinking...", {}, {}, std::nullopt, {}}) ==
        R"({"type":"status","op":"thinking","content":"Thinking...","ref":"q1",)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::status{"pong", {}, {}, {}, {}, std::nullopt, {}}) ==
        R"({"type":"status","op":"pong","timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::ack{"q1", "r_9", 0, false, true}) ==
        R"({"type":"status","op":"ack","ref":"q1","stream":"r_9","position":0,"duplicate":false,)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::ack{"c1", {}, 0, true, false}) ==
        R"({"type":"status","op":"ack","ref":"c1","duplicate":true,)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::queued{"q2", 2}) ==
        R"({"type":"status","op":"queued","content":"Queued","ref":"q2","position":2,)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::response_start{58, "q1", "r_9", "m"}) ==
        R"({"type":"response","seq":58,"ref":"q1","stream":"r_9","phase":"start","model":"m",)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::status{"live", {}, {}, {}, {}, 57, {}}) ==
        R"({"type":"status","seq":57,"op":"live","timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::status{"live", {}, {}, {}, {}, 0, {}}) ==
        R"({"type":"status","seq":0,"op":"live","timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(
            wire::status{"drain", {}, {}, {}, {}, std::nullopt, std::chrono::milliseconds(4200)}) ==
        R"({"type":"status","op":"drain","retry_after_ms":4200,)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::notification{62, {}, "build", "Build 812 failed", R"({"build":812})"}) ==
        R"({"type":"notification","seq":62,"topic":"build","content":"Build 812 failed",)"
        R"("data":{"build":812},"timestamp":"2026-01-01T00:00:00.000Z"})");
}

TEST_CASE("encode: what becomes of a tool call") {
  wire::tool_status told;
  told.ref = "q1";
  told.stream = "r_1";
  told.call = "t_3";
  told.name = "clock";
  told.arguments = "{}";
  told.state = "calling";
  CHECK(encoded(told) ==
        R"({"type":"status","op":"tool","ref":"q1","stream":"r_1","content":"Calling clock",)"
        R"("tool":{"call":"t_3","name":"clock","arguments":{},"state":"calling"},)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  told.to_be_run = true;
  CHECK(frame(encoded(told)).text("id") == "t_3");
  told.to_be_run = false;
  for (const char* state : {"waiting", "done", "failed"}) {
    told.state = state;
    const frame sent(encoded(told));
    CHECK(sent.text("tool.state") == state);
    CHECK(sent.content().find("clock") != std::string::npos);
    CHECK_FALSE(sent.has("id"));
    CHECK_FALSE(sent.has("tool.error"));
    CHECK_FALSE(sent.has("seq"));
  }
  told.arguments = {};
  told.failure = "No \"luck\"";
  const frame failed(encoded(told));
  CHECK_FALSE(failed.has("tool.arguments"));
  CHECK(failed.text("tool.error") == "No \"luck\"");
}

TEST_CASE("encode: a request for a decision, and what became of it") {
  wire::feedback_request asked{"f_1",
                               "q1",
                               "approval",
                               "Run delete_file?",
                               "delete_file",
                               R"({"path":"notes.txt"})",
                               "2026-01-01T00:05:00.000Z",
                               "reject",
                               60};
  CHECK(encoded(asked) ==
        R"({"type":"human_feedback","seq":60,"id":"f_1","ref":"q1","kind":"approval",)"
        R"("content":"Run delete_file?","tool":{"name":"delete_file","arguments":)"
        R"({"path":"notes.txt"}},"expires_at":"2026-01-01T00:05:00.000Z","default":"reject",)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(encoded(wire::feedback_resolved{61, "f_1", "approve", {}}) ==
        R"({"type":"status","seq":61,"op":"feedback_resolved","ref":"f_1","decision":"approve",)"
        R"("timestamp":"2026-01-01T00:00:00.000Z"})");
  CHECK(frame(encoded(wire::feedback_resolved{61, "f_1", "reject", "expired"})).text("reason") ==
        "expired");

  wire::welcome back;
  back.resumed.emplace();
  CHECK(frame(encoded(back)).json("pending_feedback") == "[]");
  back.resumed->pending_feedback = {asked, asked};
  const frame sent(encoded(back));
  CHECK(sent.size("pending_feedback") == 2u);
  CHECK(sent.json("pending_feedback.0") ==
        R"({"id":"f_1","ref":"q1","kind":"approval","content":"Run delete_file?","tool":)"
        R"({"name":"delete_file","arguments":{"path":"notes.txt"}},)"
        R"("expires_at":"2026-01-01T00:05:00.000Z","default":"reject"})");
  back.resumed.reset();
  CHECK_FALSE(frame(encoded(back)).has("pending_feedback"));
}

TEST_CASE("encode: the citations of an answer") {
  wire::response_end end;
  CHECK_FALSE(frame(encoded(end)).has("annotations"));
  end.annotations = R"([{"type":"url_citation","url_citation":{"url":"https://x"}}])";
  const frame sent(encoded(end));
  CHECK(sent.text("annotations.0.url_citation.url") == "https://x");
}

TEST_CASE("encode: a status carries what it has") {
  const frame sent(encoded(wire::status{"info", "i1", "c", R"({"a":1})", R"({"tab":2})", 7, {}}));
  CHECK(sent.is_status("info"));
  CHECK(sent.ref() == "i1");
  CHECK(sent.content() == "c");
  CHECK(sent.number("data.a") == 1);
  CHECK(sent.number("meta.tab") == 2);
  CHECK(sent.number("seq") == 7);
}

TEST_CASE("encode: a whole answer") {
  wire::response_end end;
  end.seq = 2;
  end.ref = "q1";
  end.stream = "r_1";
  end.content = "text";
  end.finish_reason = "stop";
  end.model = "m";
  end.usage = R"({"prompt_tokens":12,"cost":0.0004})";
  end.meta = R"({"tab":2})";
  end.n = 5;
  const frame sent(encoded(end));
  CHECK(sent.type() == "response");
  CHECK(sent.phase() == "full");
  CHECK(sent.number("seq") == 2);
  CHECK(sent.ref() == "q1");
  CHECK(sent.text("stream") == "r_1");
  CHECK(sent.content() == "text");
  CHECK(sent.text("status") == "completed");
  CHECK(sent.text("finish_reason") == "stop");
  CHECK(sent.text("model") == "m");
  CHECK(sent.json("usage") == R"({"prompt_tokens":12,"cost":0.0004})");
  CHECK(sent.number("meta.tab") == 2);
  CHECK_FALSE(sent.has("n"));
  CHECK_FALSE(sent.has("error"));
  CHECK_FALSE(sent.has("terminal"));
  CHECK_FALSE(sent.has("replay"));
  end.replay = true;
  CHECK(frame(encoded(end)).truth("replay"));
}

TEST_CASE("encode: an answer without text still has its content") {
  wire::response_end end;
  end.seq = 2;
  CHECK(frame(encoded(end)).json("content") == R"("")");
}

TEST_CASE("encode: the end of a stream, also of one that failed") {
  wire::response_end end;
  end.seq = 59;
  end.ref = "q1";
  end.stream = "r_9";
  end.streamed = true;
  end.n = 52;
  end.content = "whole";
  const frame good(encoded(end));
  CHECK(good.phase() == "end");
  CHECK(good.number("n") == 52);
  CHECK_FALSE(good.has("error"));

  wire::failure_notice notice;
  notice.code = errc::provider_rate_limited;
  notice.content = "The model's provider limits the rate";
  notice.retryable = true;
  notice.retry_after = std::chrono::milliseconds(1500);
  end.status = wire::answer_status::failed;
  end.failure = &notice;
  const frame failed(encoded(end));
  CHECK(failed.text("status") == "failed");
  CHECK(failed.text("error.code") == "provider_rate_limited");
  CHECK(failed.text("error.content") == "The model's provider limits the rate");
  CHECK(failed.truth("error.retryable"));
  CHECK(failed.number("error.retry_after_ms") == 1500);
  CHECK(failed.content() == "whole");
}

TEST_CASE("encode: an error ends a query exactly when it is numbered") {
  wire::failure_notice notice;
  notice.code = errc::queue_full;
  notice.content = "Too many queries are waiting";
  notice.ref = "q2";
  notice.retryable = true;
  const frame refusal(encoded(notice));
  CHECK(refusal.type() == "error");
  CHECK(refusal.code() == "queue_full");
  CHECK(refusal.content() == "Too many queries are waiting");
  CHECK(refusal.ref() == "q2");
  CHECK(refusal.truth("retryable"));
  CHECK_FALSE(refusal.has("terminal"));
  CHECK_FALSE(refusal.has("seq"));
  CHECK_FALSE(refusal.has("retry_after_ms"));

  notice.seq = 4;
  notice.retryable = false;
  notice.meta = R"({"tab":2})";
  const frame last(encoded(notice));
  CHECK(last.truth("terminal"));
  CHECK(last.number("seq") == 4);
  CHECK(last.json("retryable") == "false");
  CHECK(last.number("meta.tab") == 2);
}

TEST_CASE("encode: fields without a value are left out") {
  const std::string bare = encoded(wire::notification{std::nullopt, {}, {}, "x", {}});
  CHECK(bare == R"({"type":"notification","content":"x","timestamp":"2026-01-01T00:00:00.000Z"})");
  wire::failure_notice notice;
  notice.content = "x";
  const frame error(encoded(notice));
  CHECK_FALSE(error.has("ref"));
  CHECK_FALSE(error.has("meta"));
  const frame start(encoded(wire::response_start{1, "q", "r", {}}));
  CHECK_FALSE(start.has("model"));
}

TEST_CASE("encode: any text comes out as valid JSON and reads back") {
  using namespace std::string_view_literals;
  for (const std::string_view text : {"\"\\/\b\f\n\r\t"sv, "\0\x01\x1F\x7F"sv,
                                      "</script> \xE2\x80\xA8 日本 \xF0\x9F\xA6\x80"sv}) {
    CHECK(frame(encoded(wire::status{"x", text, text, {}, {}, std::nullopt, {}})).ref() == text);
    wire::failure_notice notice;
    notice.content = text;
    CHECK(frame(encoded(notice)).content() == text);
  }
}

TEST_CASE("encode: appends to what the caller has") {
  std::string text = "before ";
  wire::encode(text, wire::queued{"q", 1}, stamp);
  CHECK(text.substr(0, 15) == R"(before {"type":)");
  CHECK(text.back() == '}');
}

TEST_CASE("encode: a token that ends soon") {
  const frame sent(encoded(wire::auth_expiring{"2026-01-01T00:10:00.000Z"}));
  CHECK(sent.is_status("auth_expiring"));
  CHECK(sent.text("expires_at") == "2026-01-01T00:10:00.000Z");
  CHECK(sent.text("timestamp") == stamp);
}
