// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/stream_decoder.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <ostream>
#include <random>
#include <string>
#include <string_view>

#include "answers.hpp"

using namespace answers;
using agent_websocket::errc;
using agent_websocket::openrouter::answer_limits;
using agent_websocket::openrouter::failure;
using agent_websocket::openrouter::stream_decoder;
using agent_websocket::openrouter::tool_call;

namespace {

/// Decodes `bytes` whole, in two at each byte and byte by byte, which must not differ.
decoded read(std::string_view bytes, const failure* lost = nullptr) {
  const decoded whole = answers::decode(
      bytes, [&](std::size_t) { return bytes.size(); }, true, lost);
  const std::string expected = whole.summary();
  CHECK(answers::decode(
            bytes, [](std::size_t) { return 1u; }, true, lost)
            .summary() == expected);
  for (std::size_t split = 1; split < bytes.size(); ++split) {
    CAPTURE(split);
    const auto cut = [&](std::size_t at) { return at == 0 ? split : bytes.size(); };
    CHECK(answers::decode(bytes, cut, true, lost).summary() == expected);
  }
  CHECK(whole.done);
  CHECK(whole.late == 0);
  CHECK(whole.begins <= 1);
  return whole;
}

/// What T01 says; the same for all ways to write it down.
void check_hello(const decoded& found) {
  CHECK(found.text == "Hello!");
  CHECK(found.ended.complete());
  CHECK(found.ended.finish_reason == "stop");
  CHECK(found.ended.usage.prompt_tokens == 7);
  CHECK(found.ended.usage.completion_tokens == 3);
  CHECK(found.ended.usage.total_tokens == 10);
  CHECK(found.ended.usage.cost == 0.5);
  CHECK(found.ended.usage.json == usage_json);
  CHECK(found.ended.comments == 3);
  CHECK(found.ended.model == "a/b");
  CHECK(found.ended.provider == "P");
  CHECK(found.ended.generation_id == "gen-1");
  CHECK(found.model == "a/b");
  CHECK(found.begins == 1);
  CHECK(!found.ended.no_done);
  CHECK(found.reasoning.empty());
}

const std::string hello = ping + ping + content("Hel") + content("lo") + ping + content("!") +
                          finish("stop") + usage + done;

std::string replace_all(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

}  // namespace

TEST_CASE("decoder: T01, T02 a plain stream") { check_hello(read(hello)); }

TEST_CASE("decoder: T03, T04 characters and escapes cut in two") {
  CHECK(read(content("\xE6\x97\xA5\xE6\x9C\xAC") + done).text == "\xE6\x97\xA5\xE6\x9C\xAC");
  CHECK(read(delta(R"({"content":"\ud83e\udd80"})") + done).text == "\xF0\x9F\xA6\x80");
}

TEST_CASE("decoder: halves of characters do not end a stream") {
  const decoded found = read(delta(R"({"content":"a\ud83e"})") + delta(R"({"content":"\udd80b"})") +
                             delta("{\"content\":\"\xE6\x97\"}") + done);
  CHECK(found.ended.complete());
  CHECK(found.text ==
        "a\xEF\xBF\xBD\xEF\xBF\xBD"
        "b\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("decoder: T06 CRLF and CR") {
  check_hello(read(replace_all(hello, "\n", "\r\n")));
  check_hello(read(replace_all(hello, "\n", "\r")));
}

TEST_CASE("decoder: T07 spaces after the colon") {
  check_hello(read(replace_all(hello, "data: ", "data:")));
  check_hello(read(replace_all(hello, "data: ", "data:  ")));
}

TEST_CASE("decoder: T08 a chunk in two data lines") {
  const std::string two =
      "data: {\"id\":\"a\",\ndata: \"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
  const decoded found = read(two + done);
  CHECK(found.text == "x");
  CHECK(found.ended.generation_id == "a");
}

TEST_CASE("decoder: T09 other fields") {
  CHECK(read("id: 7\nretry: 100\nfoo: bar\nlonely\n" + content("x") + done).text == "x");
}

TEST_CASE("decoder: T10 a byte order mark") { check_hello(read("\xEF\xBB\xBF" + hello)); }

TEST_CASE("decoder: T11 blank lines") {
  const decoded found = read(content("a") + ": x\n\n\n\n" + content("b") + finish("stop") + done);
  CHECK(found.text == "ab");
  CHECK(found.ended.complete());
  CHECK(found.ended.comments == 1);
}

TEST_CASE("decoder: T12 [DONE] without its line end") {
  for (const std::string end : {"data: [DONE]", "data: [DONE]\n", "data:[DONE]\r\n"}) {
    const decoded found = read(content("x") + finish("stop") + end);
    CHECK(found.text == "x");
    CHECK(found.ended.complete());
    CHECK(!found.ended.no_done);
  }
}

TEST_CASE("decoder: T13 the last chunk without its blank line") {
  std::string text = content("x") + finish("stop");
  text.pop_back();
  const decoded found = read(text);
  CHECK(found.text == "x");
  CHECK(found.ended.complete());
  CHECK(found.ended.finish_reason == "stop");
  CHECK(found.ended.no_done);
  // Cut inside the JSON it is no chunk.
  text.resize(text.size() - 3);
  CHECK(read(text).failed_with(errc::truncated));
}

TEST_CASE("decoder: T14 a comment inside data") {
  const decoded found =
      read("data: : OPENROUTER PROCESSING\n\n" + content("x") + finish("stop") + done);
  CHECK(found.text == "x");
  CHECK(found.ended.complete());
  CHECK(found.ended.skipped == 1);
}

TEST_CASE("decoder: events that are no chunks are passed over") {
  const decoded found =
      read("event: ping\ndata: pong\n\ndata: 3\n\ndata: null\n\ndata:\n\n" + content("x") + done);
  CHECK(found.text == "x");
  CHECK(found.ended.skipped == 3);
}

TEST_CASE("decoder: T15 a malformed chunk") {
  const decoded found = read(content("part") + "data: {broken the-secret-key\n\n" + content("x"));
  CHECK(found.text == "part");
  REQUIRE(found.failed_with(errc::provider_error));
  CHECK(found.message() == "The model's provider sent a malformed chunk (event 2, at byte " +
                               std::to_string(content("part").size()) + ")");
  CHECK(found.ended.failed->why.detail == "{broken ***");
  CHECK(found.ended.failed->retryable);
  CHECK(found.has_output);
}

TEST_CASE("decoder: T16 five megabytes in one event, in reads of 16 KB") {
  const std::string image =
      delta(R"({"content":"x","images":[{"image_url":{"url":"data:image/png;base64,)" +
            std::string(5u << 20, 'A') + R"("}}]})") +
      finish("stop") + done;
  const auto begin = std::chrono::steady_clock::now();
  const auto cut = [](std::size_t) { return std::size_t{16384}; };
  const decoded found = answers::decode(image, cut);
  CHECK(found.ended.complete());
  CHECK(found.text == "x");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));

  answer_limits limits;
  limits.max_event_bytes = 1u << 20;
  const decoded refused = answers::decode(image, cut, true, nullptr, limits);
  CHECK(refused.failed_with(errc::truncated));
  CHECK(!refused.ended.failed->retryable);
}

TEST_CASE("decoder: T17 [DONE] is the end, whatever comes or does not come") {
  const std::string text = hello + content("more") + "data: {broken\n\n";
  const auto whole = [&](std::size_t) { return text.size(); };
  const decoded found = answers::decode(text, whole, false);
  CHECK(found.done);
  CHECK(found.saw_done);
  check_hello(found);
}

TEST_CASE("decoder: T18 deltas of all kinds that hold nothing") {
  std::string text;
  for (const char* piece :
       {R"({"role":"assistant"})", R"({"content":null})", "{}", "null", "[]", "3",
        R"({"content":""})", R"({"content":7})", R"({"tool_calls":null})"}) {
    text += delta(piece);
  }
  text += with_choice(R"({"index":0})") + with_choice("null") + with_choice("");
  const decoded silent = read(text);
  CHECK(!silent.has_output);
  CHECK(silent.failed_with(errc::empty_response));
  const decoded found = read(text + content("x") + text + finish("stop") + done);
  CHECK(found.text == "x");
  CHECK(found.ended.complete());
}

TEST_CASE("decoder: T19, T21, T22 the shapes of the usage chunk") {
  const std::string head = content("x") + finish("stop");
  const std::string more = ",\"usage\":" + usage_json;
  const std::string null_reason =
      with_choice(R"({"index":0,"delta":{"content":""},"finish_reason":null})", more);
  for (const std::string& shape : {null_reason, usage, with_choice("", more)}) {
    const decoded found = read(head + shape + done);
    CHECK(found.ended.finish_reason == "stop");
    CHECK(found.ended.usage.prompt_tokens == 7);
    CHECK(found.text == "x");
  }
  const decoded nulls = read(with_choice(R"({"delta":{"content":"x"}})", ",\"usage\":null") +
                             usage + with_choice("", ",\"usage\":null") + done);
  CHECK(nulls.ended.usage.total_tokens == 10);
  // What comes first is no end, and the last usage wins.
  const decoded early = read(with_choice("", R"(,"debug":{"echo_upstream_body":{}})") +
                             with_choice("", R"(,"usage":{"prompt_tokens":1})") + hello);
  check_hello(early);
}

TEST_CASE("decoder: T23, T24 finish reasons") {
  const std::string middle =
      with_choice(R"({"index":0,"delta":{"content":"a"},"finish_reason":""})");
  const decoded found = read(middle + middle + finish("stop") + done);
  CHECK(found.text == "aa");
  CHECK(found.ended.finish_reason == "stop");
  // Neither an empty one nor a null behind it erases the reason.
  CHECK(read(content("x") + finish("stop") + finish("") + delta("{}")).ended.finish_reason ==
        "stop");
  const decoded odd =
      read(with_choice(
               R"({"index":0,"delta":{"content":"x","y":[{}]},"finish_reason":"banana","z":1})") +
           done);
  CHECK(odd.ended.complete());
  CHECK(odd.ended.finish_reason == "banana");
  CHECK(odd.text == "x");
}

TEST_CASE("decoder: T25 reasoning once, wherever it stands") {
  const std::string both = delta(
      R"({"content":"","reasoning":"think","reasoning_details":[{"type":"reasoning.text","text":"think"}]})");
  const decoded found = read(both + both + content("x") + done);
  CHECK(found.reasoning == "thinkthink");
  CHECK(found.text == "x");
  CHECK(read(delta(R"({"reasoning_content":"think"})") + content("x") + done).reasoning == "think");
  CHECK(
      read(delta(R"({"reasoning":"a","reasoning_content":"a"})") + content("x") + done).reasoning ==
      "a");
  const decoded details = read(
      delta(
          R"({"reasoning_details":[{"type":"reasoning.summary","summary":"sum"},{"type":"reasoning.encrypted","data":"zzz"},{"type":"future"}]})") +
      delta(R"({"reasoning_details":[{"type":"reasoning.text","text":null,"signature":"s"}]})") +
      content("x") + done);
  CHECK(details.reasoning == "sum");
  CHECK(details.begins == 1);
}

TEST_CASE("decoder: thoughts that stand in the content, in tags") {
  const auto check = [](const std::string& stream, const char* reasoning, const char* text) {
    const decoded found = read(stream);
    CHECK(found.reasoning == reasoning);
    CHECK(found.text == text);
    CHECK(found.ended.complete());
  };
  const std::string end = finish("stop") + done;
  // The first chunk is parsed, those behind it are taken without parsing: tags anywhere in them.
  check(content("<think>") + content("Hm") + content("</think>") + content("Hello") + end, "Hm",
        "Hello");
  check(content("<") + content("think") + content(">Hm") + content("</th") + content("ink>") + end,
        "Hm", "");
  check(content("\n<think>\nHm") + content("\n</think>\n\n") + content("\nHel") + content("lo") +
            content(" <think>x</think>") + end,
        "Hm\n", "Hello <think>x</think>");
  check(content("<thi") + content("s>") + content("<think>") + end, "", "<this><think>");
  // The end is the answer's, not the tag's.
  for (const std::string& last : {end, done, finish("stop")}) {
    check(content("<think>Hm</th") + last, "Hm</th", "");
    check(content("\n") + content("<think") + last, "", "\n<think");
  }
  // An answer that does not stream.
  check(R"({"choices":[{"message":{"content":"<think>Hm</think>\n\nHello"}}]})", "Hm", "Hello");
  check(R"({"choices":[{"message":{"content":"<think"}}]})", "", "<think");
  // Beside a field for it, and a call.
  check(delta(R"({"reasoning":"A"})") + content("<think>B</think>C") + end, "AB", "C");
  const decoded call =
      read(content("<think>Hm</think>") +
           delta(R"({"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]})") + done);
  CHECK(call.reasoning == "Hm");
  CHECK(call.ended.finish_reason == "tool_calls");
  REQUIRE(call.ended.tool_calls.size() == 1);
}

TEST_CASE("decoder: an answer that fails has what was held back") {
  failure lost(errc::connection_failed);
  for (const char* fault : {"", "data: {broken\n\n", "event: error\ndata: x\n\n",
                            "event: error\ndata: {\"message\":\"x\"}\n\n",
                            "data: {\"error\":{\"message\":\"x\"}}\n\n"}) {
    CAPTURE(fault);
    const decoded text = read(content(" <thin") + fault, &lost);
    CHECK(text.text == " <thin");
    CHECK(text.ended.failed);
    const decoded thought = read(content("<think>a</thin") + fault, &lost);
    CHECK(thought.reasoning == "a</thin");
    CHECK(thought.text.empty());
  }
  answer_limits limits;
  limits.max_event_bytes = 400;
  const decoded large = answers::decode(
      content("<") + content(std::string(500, 'x')), [](std::size_t) { return 50u; }, true, nullptr,
      limits);
  CHECK(large.text == "<");
  CHECK(large.failed_with(errc::truncated));
  // From outside, such as a timeout.
  decoded seen;
  recording_sink sink(seen);
  stream_decoder decoder;
  decoder.feed(content("<"), sink);
  CHECK(seen.text.empty());
  decoder.fail(failure(errc::timeout_idle), sink);
  CHECK(seen.text == "<");
  CHECK(decoder.done());
}

TEST_CASE("decoder: T27, T28 what is not known or null is no error") {
  const std::string more =
      R"(,"service_tier":null,"system_fingerprint":"fp","openrouter_metadata":{})";
  const decoded found = read(
      with_choice(
          R"({"index":0,"logprobs":null,"delta":{"content":"x","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"url":"u"}},{"type":"new"}]}})",
          more) +
      event(
          R"({"id":null,"model":null,"provider":null,"created":null,"system_fingerprint":null,"choices":[{"delta":{"content":"y"},"logprobs":{"content":[]}}]})") +
      event(R"({"choices":null})") + event("{}") + finish("stop") + done);
  CHECK(found.ended.complete());
  CHECK(found.text == "xy");
}

TEST_CASE("decoder: T29 cut before its end") {
  const decoded found = read(content("part"));
  CHECK(found.failed_with(errc::truncated));
  CHECK(found.text == "part");
  CHECK(!found.ended.complete());
  CHECK(found.ended.failed->retryable);
  failure lost(errc::connection_failed);
  lost.why.detail = "reset by peer";
  const decoded reset = read(content("part"), &lost);
  CHECK(reset.failed_with(errc::truncated));
  CHECK(reset.ended.failed->why.detail == "reset by peer");
  // Nothing was there yet: then it is the connection that failed.
  CHECK(read(ping + delta("{}"), &lost).failed_with(errc::connection_failed));
  CHECK(read("", &lost).failed_with(errc::connection_failed));
  // The reason was there already.
  const decoded late = read(content("x") + finish("stop"), &lost);
  CHECK(late.ended.complete());
  CHECK(late.ended.no_done);
}

TEST_CASE("decoder: T31 nothing at all") {
  for (const std::string& text : {ping + ping + done, ping, std::string(), done, delta("{}") + done,
                                  event(R"({"choices":[]})") + done, finish("stop") + done}) {
    CAPTURE(text);
    const decoded found = read(text);
    CHECK(found.failed_with(errc::empty_response));
    CHECK(found.ended.failed->retryable);
  }
}

TEST_CASE("decoder: no text can be an answer") {
  // Hidden reasoning was paid for.
  CHECK(read(finish("stop") + usage + done).ended.complete());
  CHECK(read(finish("length") + done).ended.complete());
  CHECK(read(finish("content_filter") + done).ended.complete());
  CHECK(read(delta(R"({"reasoning":"hm"})") + finish("stop") + done).ended.complete());
  const std::string none = with_choice("", R"(,"usage":{"completion_tokens":0})");
  CHECK(read(finish("stop") + none + done).failed_with(errc::empty_response));
}

TEST_CASE("decoder: T32 [DONE] without a reason") {
  const decoded found = read(content("x") + done);
  CHECK(found.ended.complete());
  CHECK(found.ended.finish_reason.empty());
}

TEST_CASE("decoder: T33 of several choices the first") {
  const auto choice = [](const char* index, const char* text, const char* reason) {
    return std::string(R"({"index":)") + index + R"(,"delta":{"content":")" + text +
           R"("},"finish_reason":)" + reason + "}";
  };
  const decoded found = read(
      with_choice(choice("0", "a", "null")) + with_choice(choice("1", "X", "null")) +
      with_choice(choice("1", "Y", "null") + "," + choice("0", "b", "null")) +
      with_choice(choice("1", "", "\"length\"")) + with_choice(choice("0", "", "\"stop\"")) + done);
  CHECK(found.text == "ab");
  CHECK(found.ended.finish_reason == "stop");
}

TEST_CASE("decoder: T34 cost and tokens") {
  const auto with_usage = [](const std::string& json) {
    return read(content("x") + with_choice("", ",\"usage\":" + json) + done).ended.usage;
  };
  const auto exact = with_usage(R"({"prompt_tokens":2317,"cost":0.0076509169000000005})");
  CHECK(exact.prompt_tokens == 2317);
  CHECK(!exact.completion_tokens);
  REQUIRE(exact.cost);
  CHECK(std::fabs(*exact.cost - 0.0076509169000000005) < 1e-15);
  CHECK(exact.json == R"({"prompt_tokens":2317,"cost":0.0076509169000000005})");
  CHECK(!with_usage(R"({"prompt_tokens":1,"cost":null})").cost);
  CHECK(!with_usage(R"({"prompt_tokens":null})").prompt_tokens);
  CHECK(!with_usage(R"({"prompt_tokens":-1,"completion_tokens":"3"})").prompt_tokens);
  CHECK(with_usage(R"({"cost":0})").cost == 0.0);
}

TEST_CASE("decoder: tool calls are known of") {
  const std::string call = delta(
      R"({"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]})");
  const decoded found = read(call + done);
  CHECK(found.ended.complete());
  CHECK(found.ended.has_tool_calls);
  CHECK(found.ended.finish_reason == "tool_calls");
  CHECK(found.begins == 1);
  CHECK(read(call + finish("stop") + done).ended.finish_reason == "stop");
  CHECK(read(call).failed_with(errc::truncated));
  CHECK(!read(delta(R"({"content":"x","tool_calls":[]})") + done).ended.has_tool_calls);
}

TEST_CASE("decoder: T35, T41 calls in fragments, given once, at the end") {
  const auto piece = [](const std::string& json) {
    return delta("{\"tool_calls\":[" + json + "]}");
  };
  const std::string calls =
      piece(R"({"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}})") +
      piece(R"({"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}})") +
      piece(
          R"({"index":1,"function":{"arguments":"{\"y\""}},{"index":0,"function":{"arguments":"{"}})") +
      piece(R"({"index":0,"function":{"arguments":"\"x\":1}"}})") +
      piece(R"({"index":1,"function":{"arguments":":2}"}})") +
      piece(R"({"index":0,"function":{"arguments":""}})");
  for (const std::string reason : {"tool_calls", "stop", "", "banana"}) {
    CAPTURE(reason);
    // Shape 2: the usage chunk repeats the reason.
    const decoded found = read(content("Let me see") + calls + finish(reason) + finish(reason) +
                               with_choice("", ",\"usage\":" + usage_json) + done);
    CHECK(found.ended.complete());
    REQUIRE(found.ended.tool_calls.size() == 2);
    CHECK(found.ended.tool_calls[0] == tool_call{"a", "f", R"({"x":1})", true});
    CHECK(found.ended.tool_calls[1] == tool_call{"b", "g", R"({"y":2})", true});
    CHECK(found.ended.finish_reason == reason);
    CHECK(found.text == "Let me see");
  }
}

TEST_CASE("decoder: T42 an answer that was cut off leaves calls that are not complete") {
  const std::string whole = delta(
      R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]})");
  const std::string half = delta(
      R"({"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\":"}}]})");
  const std::string error = event(R"({"error":{"code":502,"message":"gone"}})");
  for (const std::string& end :
       {finish("length") + done, finish("content_filter") + done, finish("error") + done, error,
        std::string(), std::string("data: {broken\n\n")}) {
    CAPTURE(end);
    const decoded found = read(whole + half + end);
    REQUIRE(found.ended.tool_calls.size() == 2);
    CHECK(found.ended.tool_calls[0].complete);
    CHECK(!found.ended.tool_calls[1].complete);
    CHECK(found.ended.tool_calls[1].arguments == R"({"y":)");
    CHECK(found.ended.has_tool_calls);
  }
  for (const std::string& end : {finish("tool_calls") + done, done, finish("stop")}) {
    const decoded found = read(whole + half + end);
    REQUIRE(found.ended.tool_calls.size() == 2);
    CHECK(found.ended.tool_calls[1].complete);
  }
}

TEST_CASE("decoder: T43 calls of an answer that is no stream") {
  const decoded found = read(
      R"({"id":"gen-3","choices":[{"finish_reason":"stop","message":{"role":"assistant","content":null,)"
      R"("reasoning_details":[{"type":"reasoning.text","text":"a","signature":null},{"type":"reasoning.text","text":"b"}],)"
      R"("annotations":[],"images":[{"type":"image_url"}],)"
      R"("tool_calls":[{"id":"","type":"function","function":{"name":"f"}},)"
      R"({"id":"","type":"function","function":{"name":"f"}}]}}]})");
  CHECK(found.ended.complete());
  REQUIRE(found.ended.tool_calls.size() == 2);
  for (const tool_call& each : found.ended.tool_calls) {
    CHECK(each.name == "f");
    CHECK(each.arguments == "{}");
    CHECK(each.complete);
    CHECK(!each.id.empty());
  }
  CHECK(found.ended.tool_calls[0].id != found.ended.tool_calls[1].id);
  CHECK(
      found.ended.reasoning_details ==
      R"([{"type":"reasoning.text","text":"a","signature":null},{"type":"reasoning.text","text":"b"}])");
  CHECK(found.ended.annotations.empty());
  CHECK(found.ended.images == R"([{"type":"image_url"}])");
  // The same as the only chunk of a stream.
  CHECK(
      read(with_choice(R"({"message":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}},)"
                       R"({"index":0,"id":"a","function":{"name":"f"}}]}})") +
           done)
          .ended.tool_calls.size() == 2);
}

TEST_CASE("decoder: reasoning details are merged, signatures behind the text too") {
  const auto detail = [](const std::string& json) {
    return delta(R"({"content":"","reasoning_details":[)" + json + "]}");
  };
  const decoded found = read(
      detail("") +
      detail(R"({"type":"reasoning.text","text":"Hm","format":"anthropic-claude-v1","index":0})") +
      detail(
          R"({"type":"reasoning.text","text":", so","format":"anthropic-claude-v1","index":0})") +
      content("Yes") +
      detail(
          R"({"type":"reasoning.text","signature":"sig","format":"anthropic-claude-v1","index":0})") +
      finish("stop") + done);
  CHECK(
      found.ended.reasoning_details ==
      R"([{"type":"reasoning.text","text":"Hm, so","format":"anthropic-claude-v1","index":0,"signature":"sig"}])");
  CHECK(found.reasoning == "Hm, so");
  CHECK(read(detail("") + content("x") + done).ended.reasoning_details == "[]");
  CHECK(read(content("x") + done).ended.reasoning_details.empty());
  CHECK(read(delta(R"({"content":"x","reasoning_details":null})") + done)
            .ended.reasoning_details.empty());
}

TEST_CASE("decoder: T45 the documented error in mid-stream") {
  const std::string error = event(
      R"({"id":"gen-1","object":"chat.completion.chunk","created":1,"model":"a/b","provider":"P","error":{"code":502,"message":"Provider disconnected","metadata":{"error_type":"provider_unavailable"}},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]})");
  const decoded found = read(content("part") + error);
  REQUIRE(found.failed_with(errc::provider_error));
  CHECK(found.text == "part");
  CHECK(found.ended.failed->status == 502);
  CHECK(found.ended.failed->type == "provider_unavailable");
  CHECK(found.ended.failed->provider == "P");
  CHECK(found.message() == "The model's provider failed");  // words of a 5xx are for the log
  CHECK(found.ended.failed->why.detail.find("Provider disconnected") != std::string::npos);
  CHECK(found.has_output);
  CHECK(!read(error).has_output);  // then it may be tried again
  CHECK(read(error).ended.failed->retryable);
}

TEST_CASE("decoder: T47 codes that are words or digits in quotes") {
  const decoded word = read(
      content("x") + event(R"({"error":{"code":"server_error","message":"boom"},"choices":[]})"));
  REQUIRE(word.failed_with(errc::provider_error));
  CHECK(word.ended.failed->type == "server_error");
  CHECK(word.ended.failed->status == 0);
  CHECK(word.ended.failed->retryable);
  const decoded digits = read(event(R"({"error":{"code":"429","message":"slow down"}})"));
  REQUIRE(digits.failed_with(errc::provider_rate_limited));
  CHECK(digits.ended.failed->status == 429);
  CHECK(digits.message() == "The model's provider limits the rate: slow down");
}

TEST_CASE("decoder: T48 errors of all shapes") {
  for (const std::string& shape :
       {event(R"({"error":{"message":"x"},"choices":[]})"), event(R"({"error":{"message":"x"}})"),
        event(R"({"error":"x"})"), with_choice(R"({"index":0,"delta":{},"error":{"message":"x"}})"),
        event(R"({"object":"error","message":"x"})"), event(R"({"code":400,"message":"x"})"),
        std::string("event: error\ndata: {\"message\":\"x\"}\n\n"),
        std::string("event: error\ndata: {\"error\":{\"message\":\"x\"},\"message\":\"y\"}\n\n"),
        std::string("event: error\ndata: \"x\"\n\n"), std::string("event: error\ndata: x\n\n"),
        std::string("error: {\"message\":\"x\"}\n\n"), std::string("error: x\n")}) {
    CAPTURE(shape);
    const decoded found = read(content("part") + shape + done);
    CHECK(found.failed_with(errc::provider_error));
    CHECK(found.message() == "The model's provider failed: x");
    CHECK(found.text == "part");
  }
  CHECK(read(content("part") + finish("error") + done).failed_with(errc::provider_error));
  // Also when it looks like a chunk, of a kind that was seen.
  const decoded like_a_chunk =
      read(content("a") + content("b") + "event: error\n" + content("c") + done);
  CHECK(like_a_chunk.failed_with(errc::provider_error));
  CHECK(like_a_chunk.text == "ab");
}

TEST_CASE("decoder: an error behind a finish reason, with usage beside it") {
  const decoded found = read(
      content("x") + finish("length") + finish("length") +
      event(
          R"({"error":{"code":400,"message":"Token limit reached"},"usage":{"prompt_tokens":9},"choices":[{"index":0,"delta":{},"finish_reason":null}]})") +
      done);
  CHECK(found.failed_with(errc::provider_error));
  CHECK(found.message() == "The model's provider failed: Token limit reached");
  CHECK(!found.ended.failed->retryable);
  CHECK(found.ended.usage.prompt_tokens == 9);
  CHECK(found.ended.finish_reason == "length");
}

TEST_CASE("decoder: T49 no errors") {
  const std::string rest = R"(,"choices":[{"delta":{"content":"x"}}]})";
  for (const char* none : {"null", "\"\"", "{}", "false", "[]"}) {
    const decoded found = read(event(std::string(R"({"error":)") + none + rest) + done);
    CHECK(found.ended.complete());
    CHECK(found.text == "x");
  }
}

TEST_CASE("decoder: T69 a whole answer instead of a stream, also behind blanks") {
  const std::string body =
      R"({"id":"gen-2","object":"chat.completion","model":"a/b","provider":"P","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hello!","reasoning":"hm"}}],"usage":)" +
      usage_json + "}";
  for (const std::string& blanks :
       {std::string(), std::string("\n\n   \n"), std::string("\xEF\xBB\xBF")}) {
    const decoded found = read(blanks + body);
    CHECK(found.text == "Hello!");
    CHECK(found.reasoning == "hm");
    CHECK(found.ended.complete());
    CHECK(!found.ended.no_done);
    CHECK(found.ended.generation_id == "gen-2");
    CHECK(found.ended.usage.total_tokens == 10);
    CHECK(found.begins == 1);
  }
  const decoded error = read(
      R"({"id":null,"choices":null,"usage":null,"error":{"code":429,"message":"later","metadata":{"retry_after_seconds":2}}})");
  REQUIRE(error.failed_with(errc::provider_rate_limited));
  CHECK(error.ended.failed->status == 429);
  CHECK(error.ended.failed->retry_after == std::chrono::milliseconds(2000));
  for (
      const char* empty :
      {R"({"choices":[]})", R"({"choices":null})", "{}",
       R"({"choices":[{"message":{"content":null},"finish_reason":null}]})",
       R"({"choices":[{"message":{"content":""},"finish_reason":"stop"}],"usage":{"completion_tokens":0}})"}) {
    CAPTURE(empty);
    CHECK(read(empty).failed_with(errc::empty_response));
  }
  CHECK(read(R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":"x"}]}}]})")
            .ended.finish_reason == "tool_calls");
  CHECK(read(body.substr(0, 60)).message() == "The model's provider sent a malformed answer");
  const failure lost(errc::connection_failed);
  CHECK(read(body.substr(0, 60), &lost).failed_with(errc::connection_failed));
  CHECK(read("[1]").failed_with(errc::provider_error));
}

TEST_CASE("decoder: pages and nonsense") {
  const decoded page = read("\n<html><body>the-secret-key</body></html>");
  CHECK(page.message() == "The model's provider sent a malformed answer");
  CHECK(page.ended.failed->why.detail == "<html><body>***</body></html>");
  CHECK(read("who are you").failed_with(errc::empty_response));
}

TEST_CASE("decoder: the limit of text and of reasoning") {
  answer_limits limits;
  limits.max_text_bytes = 10;
  const auto by = [](std::size_t) { return std::size_t{7}; };
  const std::string ten = content("01234") + content("56789");
  CHECK(answers::decode(ten + done, by, true, nullptr, limits).ended.complete());
  const decoded found =
      answers::decode(ten + content("X") + content("Y"), by, true, nullptr, limits);
  CHECK(found.failed_with(errc::truncated));
  CHECK(found.text == "0123456789");
  CHECK(!found.ended.failed->retryable);
  // Never half a character.
  const decoded umlaut = answers::decode(content("012345678\xC3\xA4"), by, true, nullptr, limits);
  CHECK(umlaut.text == "012345678");
  CHECK(umlaut.failed_with(errc::truncated));
  const decoded thoughts =
      answers::decode(delta(R"({"reasoning":"0123456789X"})"), by, true, nullptr, limits);
  CHECK(thoughts.reasoning == "0123456789");
  CHECK(thoughts.failed_with(errc::truncated));
  for (const std::string& stream : {content("<think>0123456789X"), content("<think>0123456789<"),
                                    content("<think>0123456789<") + done}) {
    const decoded tagged = answers::decode(stream, by, true, nullptr, limits);
    CHECK(tagged.reasoning == "0123456789");
    REQUIRE(tagged.failed_with(errc::truncated));
    CHECK(!tagged.ended.failed->retryable);
  }
}

TEST_CASE("decoder: the sink stops it") {
  class stopping final : public agent_websocket::openrouter::answer_sink {
   public:
    void on_begin(std::string_view) override { stop_at_ == 0 ? decoder.stop() : void(); }
    void on_text(std::string_view) override {
      if (++texts == stop_at_) decoder.stop();
    }
    void on_reasoning(std::string_view) override { ++texts; }
    agent_websocket::openrouter::failure_context context() const override { return {}; }
    explicit stopping(int at) : stop_at_(at) {}
    stream_decoder decoder;
    int texts = 0;

   private:
    int stop_at_;
  };
  for (const int at : {0, 1, 2}) {
    stopping sink(at);
    sink.decoder.feed(content("a") + content("b") + content("c") + "data: {broken\n\n", sink);
    sink.decoder.finish(sink);
    CHECK(sink.texts == at);
    CHECK(sink.decoder.done());
    CHECK(sink.decoder.take_outcome().complete());
  }
  // What had come of a call then is not run.
  for (const std::string arguments : {"{", ""}) {
    stopping sink(1);
    sink.decoder.feed(
        event(
            R"({"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":")" +
            arguments + R"("}}]}}]})") +
            content("a"),
        sink);
    CHECK(sink.decoder.done());
    const auto ended = sink.decoder.take_outcome();
    REQUIRE(ended.tool_calls.size() == 1);
    CHECK(!ended.tool_calls[0].complete);
  }
}

TEST_CASE("decoder: T72 garbage and faults in good streams do not hang, crash or depend on cuts") {
  std::mt19937 random(20260102);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  const std::string base =
      delta(
          R"({"tool_calls":[{"id":"a","index":0,"function":{"name":"f","arguments":"{\"x\""}}]})") +
      delta(R"({"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]})") + hello +
      event(R"({"error":{"code":502,"metadata":{"raw":"{\"a\":[]}"}}})");
  for (int round = 0; round < 400; ++round) {
    std::string text = base.substr(below(base.size() / 2));
    for (std::size_t fault = below(4); fault > 0; --fault) {
      text[below(text.size())] = static_cast<char>(below(256));
    }
    text.resize(below(text.size() + 1));
    const decoded whole = answers::decode(text, [&](std::size_t) { return text.size(); });
    const decoded pieces = answers::decode(text, [&](std::size_t) { return 1 + below(20); });
    CHECK(whole.summary() == pieces.summary());
    CHECK(whole.done);
  }
}
