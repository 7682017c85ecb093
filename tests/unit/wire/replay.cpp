// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/replay.hpp>

#include <agent_websocket/wire/encode.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace wire = agent_websocket::wire;

namespace {

constexpr std::string_view stamp = "2026-01-01T00:00:00.000Z";

template <typename Message>
std::string encoded(const Message& message) {
  std::string text;
  wire::encode(text, message, stamp);
  return text;
}
template <typename Message>
frame replayed(const Message& message) {
  return frame(wire::as_replay(encoded(message)));
}

wire::response_end ended(bool streamed, std::string_view content) {
  wire::response_end end;
  end.seq = 59;
  end.ref = "q1";
  end.stream = "r_9";
  end.streamed = streamed;
  end.n = 52;
  end.content = content;
  return end;
}

}  // namespace

TEST_CASE("replay: the end of a streamed answer is the whole answer") {
  CHECK(wire::as_replay(encoded(ended(true, "whole"))) ==
        R"({"type":"response","seq":59,"ref":"q1","stream":"r_9","phase":"full","n":52,)"
        R"("content":"whole","status":"completed","timestamp":"2026-01-01T00:00:00.000Z",)"
        R"("replay":true})");
}

TEST_CASE("replay: everything else is as it was, and marked") {
  const std::string notification =
      encoded(wire::notification{62, {}, "build", "failed", R"({"build":812})"});
  CHECK(wire::as_replay(notification) ==
        notification.substr(0, notification.size() - 1) + R"(,"replay":true})");
  const std::string full = encoded(ended(false, "whole"));
  CHECK(wire::as_replay(full) == full.substr(0, full.size() - 1) + R"(,"replay":true})");
  const std::string start = encoded(wire::response_start{58, "q1", "r_9", "m"});
  CHECK(wire::as_replay(start) == start.substr(0, start.size() - 1) + R"(,"replay":true})");
  CHECK(frame(wire::as_replay(start)).phase() == "start");
}

TEST_CASE("replay: a failed stream keeps its error") {
  wire::failure_notice notice;
  notice.code = agent_websocket::errc::interrupted;
  notice.content = "interrupted";
  wire::response_end end = ended(true, "so far");
  end.status = wire::answer_status::failed;
  end.failure = &notice;
  end.meta = R"({"tab":2})";
  const frame got = replayed(end);
  CHECK(got.phase() == "full");
  CHECK(got.text("status") == "failed");
  CHECK(got.text("error.code") == "interrupted");
  CHECK(got.number("meta.tab") == 2);
  CHECK(got.truth("replay"));
  CHECK(got.number("seq") == 59);
}

TEST_CASE("replay: a numbered error stays the error it is") {
  wire::failure_notice notice;
  notice.seq = 4;
  notice.ref = "q2";
  notice.content = R"("phase":"end")";
  const frame got = replayed(notice);
  CHECK(got.type() == "error");
  CHECK(got.content() == R"("phase":"end")");
  CHECK(got.truth("terminal"));
  CHECK(got.truth("replay"));
  CHECK_FALSE(got.has("phase"));
}

TEST_CASE("replay: an answer that speaks of phases keeps its words") {
  for (const std::string_view words :
       {R"("phase":"end")", R"(,"phase":"end",)", R"(\"phase\":\"end\")", R"("content":)",
        R"({"type":"response","phase":"end"})", R"("replay":true})", "}", ""}) {
    CAPTURE(words);
    for (const bool streamed : {true, false}) {
      const frame got = replayed(ended(streamed, words));
      CHECK(got.content() == words);
      CHECK(got.phase() == "full");
      CHECK(got.truth("replay"));
    }
    const frame told = replayed(wire::notification{1, {}, {}, words, {}});
    CHECK(told.content() == words);
    CHECK_FALSE(told.has("phase"));
  }
}

TEST_CASE("replay: JSON that passes through is not taken for the message") {
  // An end of phase "full" whose passed-through objects have members of these names.
  wire::response_end end = ended(false, "text");
  end.usage = R"({"phase":"end"})";
  end.meta = R"({"phase":"end","content":"x"})";
  const frame full = replayed(end);
  CHECK(full.text("usage.phase") == "end");
  CHECK(full.text("meta.phase") == "end");
  CHECK(full.phase() == "full");
  end.streamed = true;
  const frame whole = replayed(end);
  CHECK(whole.text("usage.phase") == "end");
  CHECK(whole.text("meta.phase") == "end");
  CHECK(whole.phase() == "full");
  const frame told = replayed(wire::notification{1, {}, {}, "x", R"({"phase":"end"})"});
  CHECK(told.text("data.phase") == "end");
}

TEST_CASE("replay: a start whose model has a strange name is still a start") {
  for (const std::string_view model : {R"("phase":"end")", "end", R"(,"content":)"}) {
    const frame got = replayed(wire::response_start{58, "q1", "r_9", model});
    CHECK(got.phase() == "start");
    CHECK(got.text("model") == model);
    CHECK(got.truth("replay"));
  }
}
