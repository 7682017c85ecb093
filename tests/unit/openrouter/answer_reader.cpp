// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/answer_reader.hpp>

#include <doctest/doctest.h>

#include <string>

#include "answers.hpp"

using agent_websocket::errc;
using agent_websocket::json::document;
using agent_websocket::openrouter::answer_limits;
using agent_websocket::openrouter::answer_reader;
using agent_websocket::openrouter::dialect;
using agent_websocket::openrouter::failure;
using agent_websocket::openrouter::tool_call;

// How answers end, and how they arrive, is stream_decoder.cpp's; here is what one chunk holds.

namespace {

struct reading {
  explicit reading(const answer_limits& limits = {}, const dialect& as = {}) : reader(limits, as) {}

  answers::decoded seen;
  answers::recording_sink sink{seen};
  answer_reader reader;
  document parsed;

  void chunk(const std::string& json) {
    REQUIRE(parsed.parse(json));
    reader.read_chunk(parsed.root(), sink);
  }
  void delta(const std::string& json) {
    chunk(R"({"choices":[{"index":0,"delta":)" + json + "}]}");
  }
};

}  // namespace

TEST_CASE("answer reader: first come the thoughts, then the text, each with its begin before it") {
  reading one;
  one.chunk(R"({"model":"a/b","choices":[{"delta":{"content":"x","reasoning":"hm"}}]})");
  CHECK(one.seen.model == "a/b");
  CHECK(one.seen.reasoning == "hm");
  CHECK(one.seen.text == "x");
  CHECK(one.seen.late == 0);
  CHECK(one.reader.has_output());
  CHECK(one.reader.has_text());
  CHECK(!one.reader.stopped());
}

TEST_CASE("answer reader: the first name that is said stays") {
  reading one;
  one.chunk(R"({"id":"","model":null})");
  one.chunk(R"({"id":"g1","model":"m1","provider":"p1"})");
  one.chunk(R"({"id":"g2","model":"m2","provider":"p2"})");
  CHECK(one.reader.ended().generation_id == "g1");
  CHECK(one.reader.ended().model == "m1");
  CHECK(one.reader.ended().provider == "p1");
  CHECK(!one.reader.has_output());
}

TEST_CASE("answer reader: what begins an answer") {
  for (const char* nothing : {R"({"role":"assistant","content":""})", R"({"reasoning":""})",
                              R"({"reasoning_details":[]})", R"({"tool_calls":[]})",
                              R"({"images":[]})", R"({"audio":null})"}) {
    reading one;
    one.delta(nothing);
    CHECK(!one.reader.has_output());
  }
  for (const char* something :
       {R"({"content":"x"})", R"({"refusal":"no"})", R"({"reasoning":"x"})",
        R"({"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]})",
        R"({"tool_calls":[{"index":0}]})", R"({"images":[{}]})", R"({"audio":{"data":"x"}})"}) {
    CAPTURE(something);
    reading one;
    one.delta(something);
    CHECK(one.reader.has_output());
    CHECK(one.seen.begins == 1);
  }
}

TEST_CASE("answer reader: content in parts, and refusals") {
  reading one;
  one.delta(
      R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"no"}]},{"type":"text","text":"a"},{"type":"text","text":"b"}]})");
  one.delta(R"({"content":null,"refusal":"I cannot"})");
  one.delta(R"({"content":"c","refusal":"twice"})");
  CHECK(one.seen.text == "abI cannotc");
}

TEST_CASE("answer reader: thoughts in tags, in content of all kinds") {
  reading one;
  one.delta(R"({"content":"\n<thi"})");
  CHECK(one.reader.has_output());
  CHECK(one.seen.text.empty());
  one.delta(R"({"content":[{"type":"text","text":"nk>a</think>"},{"type":"text","text":"\nb"}]})");
  CHECK(one.seen.begins == 1);
  CHECK(one.seen.reasoning == "a");
  CHECK(one.seen.text == "b");
  CHECK(one.reader.has_text());

  reading thought;
  thought.delta(R"({"content":"<think>a"})");
  CHECK(!thought.reader.has_text());
  // A field of reasoning does not take the tags' place, nor they its.
  thought.delta(R"({"reasoning":"b","content":"c</think>d"})");
  CHECK(thought.seen.reasoning == "abc");
  CHECK(thought.seen.text == "d");

  dialect plain;
  plain.think_tags = false;
  reading off({}, plain);
  off.delta(R"({"content":"<think>a</think>b"})");
  CHECK(off.seen.text == "<think>a</think>b");
}

TEST_CASE("answer reader: what may have become a tag is given at the end, however that comes") {
  for (const bool fails : {false, true}) {
    reading one;
    one.delta(R"({"content":"<thi"})");
    fails ? one.reader.fail(failure(errc::timeout_idle), one.sink) : one.reader.finish(one.sink);
    CHECK(one.seen.text == "<thi");
    CHECK(one.reader.stopped() == fails);
  }
  reading stopped;
  stopped.delta(R"({"content":"<thi"})");
  stopped.reader.stop();
  stopped.reader.finish(stopped.sink);
  CHECK(stopped.seen.text.empty());
}

TEST_CASE("answer reader: a whole message as the only chunk") {
  reading one;
  one.chunk(R"({"choices":[{"message":{"content":"all"},"finish_reason":"stop"}]})");
  one.chunk(R"({"choices":[{"message":{"content":"all"}}]})");
  CHECK(one.seen.text == "all");
}

TEST_CASE("answer reader: what is kept for the end") {
  reading one;
  one.delta(R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}],)"
            R"("reasoning_details":[{"type":"reasoning.text","text":"h","index":0}]})");
  CHECK(one.seen.begins == 1);
  CHECK(one.reader.has_tool_calls());
  one.delta(
      R"({"tool_calls":[{"index":0,"function":{"arguments":"}"}}],)"
      R"("reasoning_details":[{"type":"reasoning.text","text":"m","signature":"s","index":0}],)"
      R"("annotations":[{"type":"url_citation"}],"images":[{"n":1}]})");
  one.delta(R"({"annotations":[{"type":"file"}],"images":[{"n":1},{"n":2}]})");
  const auto ended = one.reader.take_outcome(true);
  REQUIRE(ended.tool_calls.size() == 1);
  CHECK(ended.tool_calls[0] == tool_call{"a", "f", "{}", true});
  CHECK(ended.has_tool_calls);
  CHECK(ended.reasoning_details ==
        R"([{"type":"reasoning.text","text":"hm","index":0,"signature":"s"}])");
  CHECK(ended.annotations == R"([{"type":"url_citation"},{"type":"file"}])");
  CHECK(ended.images == R"([{"n":1},{"n":2}])");
  CHECK(one.seen.reasoning == "hm");
}

TEST_CASE("answer reader: limits of what is kept") {
  answer_limits limits;
  limits.max_text_bytes = 40;
  limits.max_image_bytes = 30;
  const std::string long_text(31, 'x');
  for (const std::string& piece : {R"({"tool_calls":[{"function":{"name":"long","arguments":")" +
                                       long_text + long_text + "\"}}]}",
                                   R"({"reasoning_details":[{"data":")" + long_text + "\"}]}",
                                   R"({"images":[")" + long_text + "\"]}",
                                   R"({"annotations":[")" + long_text + long_text + "\"]}"}) {
    CAPTURE(piece);
    reading one(limits);
    one.delta(piece);
    CHECK(one.reader.stopped());
    const auto ended = one.reader.take_outcome(false);
    REQUIRE(ended.failed);
    CHECK(ended.failed->why.code == errc::truncated);
    CHECK(!ended.failed->retryable);
    reading fits;
    fits.delta(piece);
    CHECK(!fits.reader.stopped());
  }
}

TEST_CASE("answer reader: the first failure stays, and ends it") {
  reading one;
  one.reader.fail(failure(errc::timeout_idle), one.sink);
  one.reader.fail(failure(errc::truncated), one.sink);
  CHECK(one.reader.stopped());
  CHECK(one.reader.ended().failed->why.code == errc::timeout_idle);
}
