// SPDX-License-Identifier: MIT
//
// Chunks of a stream and the ways in which a stream ends.
#include "bench.hpp"

#include <cmath>
#include <string>

using namespace upstream;

TEST_CASE("T18: deltas that hold no text") {
  std::string silent = delta(R"({"role":"assistant"})");
  for (const char* each :
       {R"({"content":null})", R"({"role":"assistant","content":""})", "{}", "null",
        R"({"reasoning":null,"reasoning_details":[]})", R"({"tool_calls":null,"refusal":null})"}) {
    silent += delta(each);
  }
  silent += chunk(R"({"index":0,"finish_reason":null})");  // no delta at all
  const recorder told = read(silent + delta(R"({"content":"a"})") + silent +
                             delta(R"({"content":"b"})") + finish("stop") + done);
  CHECK(told.complete());
  CHECK(told.text == "ab");
  CHECK(told.reasoning.empty());
  CHECK(told.ended->skipped == 0);
}

TEST_CASE("T19: usage with a finish reason of null") {
  const recorder told = read(
      content("x") + finish("stop") +
      chunk(choice(R"({"role":"assistant","content":""})"), ",\"usage\":" + usage_object) + done);
  CHECK(told.complete());
  CHECK(told.ended->finish_reason == "stop");
  CHECK(told.ended->usage.total_tokens == 17);
  CHECK(told.ended->usage.json == usage_object);
}

TEST_CASE("T19: usage with the reason repeated, and a reason given twice") {
  const recorder told = read(content("x") + finish("stop") + usage + done);
  CHECK(told.ended->finish_reason == "stop");
  CHECK(told.ended->usage.total_tokens == 17);
  const recorder twice =
      read(content("x") + finish("length") + content("y") + finish("length") + usage + done);
  CHECK(twice.complete());
  CHECK(twice.text == "xy");
  CHECK(twice.ended->usage.total_tokens == 17);
}

TEST_CASE("T21: usage without choices, and null on all chunks before") {
  const std::string none = ",\"usage\":null";
  const recorder told =
      read(chunk(choice(R"({"content":"x"})"), none) + chunk(choice("{}", "\"stop\""), none) +
           chunk("", ",\"usage\":" + usage_object) + done);
  CHECK(told.complete());
  CHECK(told.text == "x");
  CHECK(told.ended->finish_reason == "stop");
  CHECK(told.ended->usage.prompt_tokens == 14);
}

TEST_CASE("T22: chunks without choices before the content") {
  const recorder told =
      read(chunk("", R"(,"debug":{"echo_upstream_body":{"model":"x","messages":[]}})") +
           chunk("", R"(,"usage":{"prompt_tokens":1,"completion_tokens":0,"total_tokens":1})") +
           answer("Hello"));
  CHECK(told.complete());
  CHECK(told.text == "Hello");
  CHECK(told.ended->usage.prompt_tokens == 14);
  CHECK(told.ended->usage.total_tokens == 17);
}

TEST_CASE("T23: an empty finish reason is none") {
  const std::string middle = chunk(choice(R"({"content":"a"})", R"("")"));
  const recorder told = read(middle + middle + content("b") + finish("stop") + done);
  CHECK(told.complete());
  CHECK(told.text == "aab");
  CHECK(told.ended->finish_reason == "stop");
  CHECK(read(middle).code() == errc::truncated);
  // Nor does it, or a null, take back the reason that was given before.
  for (const std::string& later : {finish(""), delta(R"({"content":""})")}) {
    const recorder after = read(content("x") + finish("stop") + later);
    CHECK(after.complete());
    CHECK(after.ended->finish_reason == "stop");
  }
}

TEST_CASE("T24: an unknown finish reason, unknown keys") {
  const recorder told =
      read(chunk(R"({"index":0,"delta":{"content":"x","mood":{"deep":[1,2]},"b":7},"new":true,)"
                 R"("finish_reason":null})",
                 R"(,"novel":[{}],"timings":{"a":1.5})") +
           finish("banana") + done);
  CHECK(told.complete());
  CHECK(told.text == "x");
  CHECK(told.ended->finish_reason == "banana");
}

TEST_CASE("T25: reasoning is shown once, apart from the text") {
  const std::string both =
      R"({"role":"assistant","content":"","reasoning":"Hm. ","reasoning_details":)"
      R"([{"type":"reasoning.text","text":"Hm. ","format":"anthropic-claude-v1","index":0}]})";
  CHECK(read(delta(both) + delta(both) + answer("x")).reasoning == "Hm. Hm. ");
  CHECK(read(delta(both) + answer("x")).text == "x");
  const auto shown = [](const std::string& json) {
    const recorder told = read(delta(json) + answer("x"));
    CHECK(told.complete());
    CHECK(told.text == "x");
    return told.reasoning;
  };
  CHECK(shown(R"({"reasoning_content":"think"})") == "think");
  CHECK(shown(R"({"reasoning":"think","reasoning_content":"think"})") == "think");
  CHECK(shown(R"({"reasoning":null,"reasoning_content":"think"})") == "think");
  CHECK(shown(R"({"reasoning":"","reasoning_details":[{"type":"reasoning.summary",)"
              R"("summary":"think","index":0}]})") == "think");
  CHECK(shown(R"({"reasoning_details":[{"type":"reasoning.encrypted","data":"zzz","index":0},)"
              R"({"type":"reasoning.tomorrow","x":1}]})")
            .empty());
}

TEST_CASE("T27: annotations in part, and unknown ones, are kept") {
  const std::string citation =
      R"({"type":"url_citation","url_citation":{"url":"https://example.com/"}})";
  const std::string unknown = R"({"type":"novel","novel":{"a":1}})";
  const std::string file = R"({"type":"file","file":{"hash":"h","name":"a.pdf","content":)"
                           R"([{"type":"text","text":"t"}]}})";
  const recorder told =
      read(delta(R"({"content":"x","annotations":[)" + citation + "," + unknown + "]}") +
           delta(R"({"content":"","annotations":[]})") +
           delta(R"({"annotations":[)" + file + "]}") + finish("stop") + done);
  CHECK(told.complete());
  CHECK(told.text == "x");
  CHECK(told.ended->annotations == "[" + citation + "," + unknown + "," + file + "]");
  CHECK(read(answer()).ended->annotations.empty());
}

TEST_CASE("T27: images are kept") {
  const std::string image =
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}})";
  const recorder told =
      read(delta(R"({"content":"","images":[)" + image + "]}") + finish("stop") + done);
  CHECK(told.complete());
  CHECK(told.ended->images == "[" + image + "]");
}

TEST_CASE("T28: fields that are texts, null or absent") {
  for (const char* value : {"\"default\"", "null"}) {
    CAPTURE(value);
    std::string more;
    for (const char* name : {"service_tier", "system_fingerprint", "provider", "model"}) {
      more += std::string(",\"") + name + "\":" + value;
    }
    const recorder told =
        read(frame(R"({"id":"a","object":"chat.completion.chunk","created":1,"choices":[)"
                   R"({"index":0,"delta":{"content":"x"},"logprobs":null,"finish_reason":null}])" +
                   more + "}") +
             frame(R"({"choices":[{"index":0,"delta":{"content":"y"},"logprobs":)"
                   R"({"content":[{"token":"y","logprob":-0.1,"bytes":[121],"top_logprobs":[]}],)"
                   R"("refusal":null},"finish_reason":"stop"}]})") +
             done);
    CHECK(told.complete());
    CHECK(told.text == "xy");
    CHECK(told.ended->provider == (value[0] == '"' ? "default" : ""));
  }
}

TEST_CASE("T29: the end of the bytes before any end was told") {
  for (const ending how : {ending::closed, ending::lost}) {
    const recorder told = read(content("part"), how);
    CHECK(told.text == "part");
    CHECK(told.code() == errc::truncated);
    CHECK(!told.complete());
    CHECK(told.why().retryable);  // by the person; not by the client, who has shown a part
  }
  exchange one;
  one.http.reply_with(http_script().head(200).body(content("part")).complete());
  one.run();
  CHECK(one.requests() == 1);
}

TEST_CASE("T29: no DONE, but a finish reason") {
  const recorder told = read(content("x") + finish("stop"));
  CHECK(told.complete());
  CHECK(told.text == "x");
  CHECK(told.ended->no_done);
  // What is lost behind the reason was only usage.
  CHECK(read(content("x") + finish("stop"), ending::lost).complete());
}

TEST_CASE("T31: comments and DONE, nothing else") {
  for (const std::string& bytes : {ping + ping + done, ping + ping, done, std::string(),
                                   delta(R"({"role":"assistant","content":""})") + done}) {
    const recorder told = read(bytes);
    CHECK(told.code() == errc::empty_response);
    CHECK(told.why().retryable);
    CHECK(!told.begun);
  }
}

TEST_CASE("T32: content and DONE, no finish reason") {
  const recorder told = read(content("x") + done);
  CHECK(told.complete());
  CHECK(told.text == "x");
  CHECK(told.ended->finish_reason.empty());
}

TEST_CASE("T33: two choices, interleaved") {
  const auto of = [](int index, const std::string& text, const std::string& reason = "null") {
    return R"({"index":)" + std::to_string(index) + R"(,"delta":{"content":")" + text +
           R"("},"finish_reason":)" + reason + "}";
  };
  const recorder told =
      read(chunk(of(1, "B")) + chunk(of(0, "A")) + chunk(of(1, "b")) +
           chunk(of(0, "a") + "," + of(1, "!")) + chunk(of(1, "", "\"length\"")) +
           chunk(of(0, "", "\"stop\"")) + chunk("", ",\"usage\":" + usage_object) + done);
  CHECK(told.complete());
  CHECK(told.text == "Aa");
  CHECK(told.ended->finish_reason == "stop");
}

TEST_CASE("T34: cost and counters to the last digit") {
  const auto with = [](const std::string& object) {
    const recorder told =
        read(content("x") + finish("stop") + chunk("", ",\"usage\":" + object) + done);
    CHECK(told.complete());
    return told.ended->usage;
  };
  const openrouter::usage found =
      with(R"({"prompt_tokens":2317,"completion_tokens":10,"total_tokens":2327,)"
           R"("cost":0.0076509169000000005,"completion_tokens_details":{"reasoning_tokens":11}})");
  REQUIRE(found.cost);
  CHECK(std::abs(*found.cost - 0.0076509169) < 1e-15);
  CHECK(found.prompt_tokens == 2317);
  CHECK(found.completion_tokens == 10);
  CHECK(found.json.find(R"("reasoning_tokens":11)") != std::string::npos);
  CHECK(!with(R"({"prompt_tokens":1,"cost":null,"prompt_tokens_details":null})").cost);
  CHECK(!with(R"({"prompt_tokens":1})").cost);
  CHECK(with(R"({"prompt_tokens":1,"cost":0})").cost == 0.0);
  CHECK(!with(R"({"prompt_tokens":null,"completion_tokens":"3"})").prompt_tokens);
}
