// SPDX-License-Identifier: MIT
//
// Server-sent events as they come from model servers: comments, line ends, cuts, ends.
#include "bench.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

using namespace upstream;

namespace {

const std::string hello = ping + ping + content("Hel") + content("lo") + ping + content("!") +
                          finish("stop") + usage + done;

void check_hello(const recorder& told) {
  CHECK(told.text == "Hello!");
  CHECK(told.reasoning.empty());
  CHECK(told.model == "a/b-1");
  REQUIRE(told.complete());
  CHECK(told.ended->finish_reason == "stop");
  CHECK(told.ended->model == "a/b-1");
  CHECK(told.ended->provider == "P");
  CHECK(told.ended->generation_id == "gen-1");
  CHECK(told.ended->usage.prompt_tokens == 14);
  CHECK(told.ended->usage.completion_tokens == 3);
  CHECK(told.ended->usage.total_tokens == 17);
  CHECK(told.ended->usage.cost == 0.000087);
  CHECK(told.ended->comments == 3);
  CHECK(!told.ended->no_done);
}

}  // namespace

TEST_CASE("T01: comments, content, finish, usage, DONE") {
  check_hello(read(hello));
  // With all that chunks of OpenRouter have.
  check_hello(read(replace_all(
      replace_all(hello, R"("choices":[)",
                  R"("object":"chat.completion.chunk","created":1762345678,"choices":[)"),
      R"("finish_reason":)", R"("native_finish_reason":null,"logprobs":null,"finish_reason":)")));
}

TEST_CASE("T02: one byte per write") {
  exchange one;
  one.http.split(1);
  one.http.reply_with(http_script().head(200).body(hello).complete());
  one.run();
  check_hello(one.sink);
}

TEST_CASE("T03: characters of several bytes, cut inside") {
  const recorder told = read(content("\xE6\x97\xA5\xE6\x9C\xAC") + finish("stop") + done);
  CHECK(told.complete());
  CHECK(told.text == "\xE6\x97\xA5\xE6\x9C\xAC");
  // Four bytes, and a sequence of several code points.
  const std::string family = "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7";
  CHECK(read(content(family) + finish("stop") + done).text == family);
}

TEST_CASE("T04: a JSON escape, cut inside") {
  const recorder told = read(content(R"(\ud83e\udd80)") + finish("stop") + done);
  CHECK(told.complete());
  CHECK(told.text == "\xF0\x9F\xA6\x80");
}

TEST_CASE("T06: CRLF, and CR alone") {
  check_hello(read(replace_all(hello, "\n", "\r\n")));
  check_hello(read(replace_all(hello, "\n", "\r")));
}

TEST_CASE("T07: no space, and two spaces, after the colon") {
  check_hello(read(replace_all(hello, "data: ", "data:")));
  check_hello(read(replace_all(hello, "data: {", "data:  {")));
}

TEST_CASE("T08: an event of two data lines") {
  const std::string bytes =
      "data: {\"id\":\"a\",\ndata: \"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},"
      "\"finish_reason\":\"stop\"}]}\n\n" +
      done;
  for (const char* end : {"\n", "\r\n", "\r"}) {
    const recorder told = read(replace_all(bytes, "\n", end));
    CHECK(told.complete());
    CHECK(told.text == "x");
    CHECK(told.ended->generation_id == "a");
  }
}

TEST_CASE("T09: other fields, and a line without colon") {
  const recorder told = read("id: 7\nretry: 100\nfoo: bar\nlonely\n" + answer("x"));
  CHECK(told.complete());
  CHECK(told.text == "x");
  CHECK(told.ended->generation_id == "gen-1");
}

TEST_CASE("T10: a byte order mark") {
  check_hello(read("\xEF\xBB\xBF" + hello));
  const recorder told = read("\xEF\xBB\xBF" + answer("x"));  // in front of "data:"
  CHECK(told.complete());
  CHECK(told.text == "x");
}

TEST_CASE("T11: blank lines between events") {
  const recorder told = read(content("a") + ": x\n\n\n\n" + answer("b"));
  CHECK(told.complete());
  CHECK(told.text == "ab");
  CHECK(told.ended->comments == 1);
  CHECK(told.ended->skipped == 0);
}

TEST_CASE("T12: DONE without its line end") {
  for (const char* end : {"data: [DONE]", "data:[DONE]\r\n", "data: [DONE]\n", "data: [DONE]\r"}) {
    CAPTURE(end);
    const recorder told = read(content("x") + finish("stop") + usage + end);
    CHECK(told.complete());
    CHECK(told.text == "x");
    CHECK(!told.ended->no_done);
    // Only its DONE makes this one complete.
    CHECK(read(content("x") + end).complete());
  }
}

TEST_CASE("T13: the last chunk with one LF, no DONE") {
  std::string bytes = content("x") + finish("stop");
  bytes.pop_back();
  const recorder told = read(bytes);
  CHECK(told.complete());
  CHECK(told.text == "x");
  CHECK(told.ended->finish_reason == "stop");
  CHECK(told.ended->no_done);
  bytes.pop_back();  // and without even that
  CHECK(read(bytes).complete());
}

TEST_CASE("T14: a comment that a proxy has put into data") {
  const recorder told = read("data: : OPENROUTER PROCESSING\n\n" + content("a") +
                             "data: : OPENROUTER PROCESSING\n\n" + answer("b"));
  CHECK(told.complete());
  CHECK(told.text == "ab");
  CHECK(told.ended->skipped == 2);
}

TEST_CASE("T15: a malformed chunk between good ones") {
  const std::string before = ping + content("part");
  const recorder told = read(before + "data: {broken\n\n" + answer("more"));
  CHECK(told.text == "part");
  CHECK(told.code() == errc::provider_error);
  CHECK(told.says("malformed chunk"));
  CHECK(told.says(std::to_string(before.size())));
  CHECK(!told.says("broken"));
  CHECK(told.why().why.detail.find("{broken") != std::string::npos);
}

TEST_CASE("T16: five megabytes in one event") {
  class counter final : public openrouter::answer_sink {
   public:
    void on_begin(std::string_view) override {}
    void on_text(std::string_view piece) override { text += piece; }
    void on_reasoning(std::string_view) override {}
    openrouter::failure_context context() const override { return {}; }
    std::string text;
  };
  const std::string big =
      delta(R"({"content":"x","images":[{"type":"image_url","image_url":{"url":"data:image/png;)"
            R"(base64,)" +
            std::string(5u << 20, 'A') + R"("}}]})") +
      finish("stop") + done;
  // Also a byte at a time: who searches again what was there would need 10^13 steps.
  for (const std::size_t piece : {std::size_t{16384}, std::size_t{1}}) {
    CAPTURE(piece);
    counter sink;
    openrouter::stream_decoder decoder;
    for (std::size_t at = 0; at < big.size(); at += piece) {
      decoder.feed(std::string_view(big).substr(at, piece), sink);
    }
    CHECK(decoder.done());
    CHECK(decoder.take_outcome().complete());
    CHECK(sink.text == "x");
  }
  // Above the limit it is given up when the limit is reached, and no later.
  openrouter::answer_limits limits;
  limits.max_event_bytes = 1u << 20;
  for (const std::size_t piece : {std::size_t{16384}, std::size_t{1}}) {
    CAPTURE(piece);
    counter sink;
    openrouter::stream_decoder decoder(limits);
    std::size_t fed = 0;
    while (!decoder.done() && fed < big.size()) {
      decoder.feed(std::string_view(big).substr(fed, piece), sink);
      fed += piece;
    }
    CHECK(fed <= limits.max_event_bytes + 2 * 16384);
    decoder.finish(sink);
    const openrouter::outcome ended = decoder.take_outcome();
    REQUIRE(ended.failed);
    CHECK(ended.failed->why.code == errc::truncated);
    CHECK(!ended.failed->retryable);
    CHECK(faults_of(*ended.failed).empty());
  }
}

TEST_CASE("T17: DONE, and the socket stays open") {
  exchange one;
  one.http.reply_with(http_script().head(200).body(hello));
  const time_point asked_at = one.clock.now();
  one.ask();
  one.http.run();
  REQUIRE(one.sink.ended);
  CHECK(one.clock.now() == asked_at);  // at once
  check_hello(one.sink);
  one.advance(seconds(5));
  one.check_end();  // closed or read to its end
}

TEST_CASE("T17: bytes after DONE are nothing") {
  const std::string after =
      content("more") + "data: {broken\n\n" + frame(R"({"error":{"code":500}})");
  check_hello(read(hello + after));
  check_hello(read(hello + after, ending::lost));
}
