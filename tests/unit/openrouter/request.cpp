// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/request.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <ostream>
#include <string>

using agent_websocket::errc;
using agent_websocket::openrouter::chat_message;
using agent_websocket::openrouter::chat_request;
using agent_websocket::openrouter::dialect;
using agent_websocket::openrouter::encode;
using agent_websocket::openrouter::max_tokens_name;

namespace {

chat_request small() {
  chat_request request;
  request.model = "a/b";
  request.messages = {chat_message::user("Hi")};
  return request;
}

const std::string head = R"({"model":"a/b","messages":[{"role":"user","content":"Hi"}])";
const std::string tail = R"(,"stream":true,"stream_options":{"include_usage":true}})";

/// What stands between the messages and "stream" once `change` was made.
std::string fields(const std::function<void(chat_request&)>& change) {
  chat_request request = small();
  change(request);
  const auto encoded = encode(request);
  if (!encoded) {
    CHECK(encoded.error().code == errc::bad_message);
    return "refused: " + encoded.error().message;
  }
  const std::string& body = *encoded;
  CHECK(body.substr(0, head.size()) == head);
  REQUIRE(body.size() >= head.size() + tail.size());
  CHECK(body.substr(body.size() - tail.size()) == tail);
  return body.substr(head.size(), body.size() - head.size() - tail.size());
}

}  // namespace

TEST_CASE("request: T64 unset fields are absent") { CHECK(*encode(small()) == head + tail); }

TEST_CASE("request: T64 all fields, in their order, integers without a point") {
  chat_request request = small();
  request.fallback_models = {"c/d", "e/f"};
  request.messages = {chat_message::system("S"), chat_message::user("Hi")};
  request.temperature = 0.7;
  request.top_p = 1;
  request.top_k = 40;
  request.min_p = 0.05;
  request.top_a = 0;
  request.frequency_penalty = -2;
  request.presence_penalty = 1.5;
  request.repetition_penalty = 2;
  request.max_tokens = 64;
  request.stop = {"\n", "END"};
  request.seed = -1;
  request.logprobs = true;
  request.top_logprobs = 20;
  request.parallel_tool_calls = false;
  request.reasoning_effort = "low";
  request.verbosity = "high";
  request.service_tier = "flex";
  request.user = "u\"1";
  request.session_id = "s";
  request.tools = R"([{"type":"function","function":{"name":"f","parameters":{}}}])";
  request.tool_choice = R"("auto")";
  request.response_format = R"({ "type": "json_object" })";
  request.reasoning.effort = "low";
  request.provider.sort = "price";
  request.plugins = R"([{"id":"web"}])";
  request.preset = "mine";
  request.logit_bias = {{"50256", -100}, {"7", 0.5}};
  request.stop_server_tools_when = R"([{"type":"step_count_is","step_count":3}])";
  request.structured_outputs = true;
  request.modalities = {"text", "image"};
  request.image_config = R"({"aspect_ratio":"16:9"})";
  request.prediction = "x";
  request.web_search_options = "{}";
  request.metadata = {{"b", "2"}, {"a\"", "1"}};
  request.trace.trace_id = "t";
  request.trace.extra = R"({"team":7})";
  request.cache_control.emplace().ttl = "1h";
  request.prompt_cache_key = "p";
  request.prompt_cache_options.emplace();
  request.debug_echo_upstream_body = true;
  request.extra = R"({"route":"fallback","n":1.0})";
  const auto encoded = encode(request);
  REQUIRE(encoded);
  CHECK(
      *encoded ==
      R"({"model":"a/b","models":["c/d","e/f"],"preset":"mine","messages":[{"role":"system","content":"S"},)"
      R"({"role":"user","content":"Hi"}],"temperature":0.7,"top_p":1,"top_k":40,"min_p":0.05,)"
      R"("top_a":0,"frequency_penalty":-2,"presence_penalty":1.5,"repetition_penalty":2,)"
      R"("max_tokens":64,"stop":["\n","END"],"seed":-1,)"
      R"("logit_bias":{"50256":-100,"7":0.5},"logprobs":true,"top_logprobs":20,)"
      R"("tools":[{"type":"function","function":{"name":"f","parameters":{}}}],)"
      R"("tool_choice":"auto","parallel_tool_calls":false,)"
      R"("stop_server_tools_when":[{"type":"step_count_is","step_count":3}],)"
      R"("response_format":{ "type": "json_object" },"structured_outputs":true,)"
      R"("reasoning":{"effort":"low"},"reasoning_effort":"low","verbosity":"high",)"
      R"("modalities":["text","image"],"image_config":{"aspect_ratio":"16:9"},)"
      R"("prediction":{"type":"content","content":"x"},"provider":{"sort":"price"},)"
      R"("plugins":[{"id":"web"}],"web_search_options":{},"service_tier":"flex",)"
      R"("user":"u\"1","session_id":"s","metadata":{"a\"":"1","b":"2"},)"
      R"("trace":{"trace_id":"t","team":7},"cache_control":{"type":"ephemeral","ttl":"1h"},)"
      R"("prompt_cache_key":"p","prompt_cache_options":{"mode":"explicit"},)"
      R"("debug":{"echo_upstream_body":true},"route":"fallback","n":1.0)" +
          tail);
}

TEST_CASE("request: T64 values out of range are refused, and named") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  using field = std::optional<double> chat_request::*;
  struct row {
    field which;
    const char* name;
    double low, high;
    bool low_is_open;
    const char* range;
  };
  const row rows[] = {
      {&chat_request::temperature, "temperature", 0, 2, false, " from 0 to 2"},
      {&chat_request::top_p, "top_p", 0, 1, true, " above 0, up to 1"},
      {&chat_request::min_p, "min_p", 0, 1, false, " from 0 to 1"},
      {&chat_request::top_a, "top_a", 0, 1, false, " from 0 to 1"},
      {&chat_request::frequency_penalty, "frequency_penalty", -2, 2, false, " from -2 to 2"},
      {&chat_request::presence_penalty, "presence_penalty", -2, 2, false, " from -2 to 2"},
      {&chat_request::repetition_penalty, "repetition_penalty", 0, 2, true, " above 0, up to 2"},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    const auto with = [&](double number) {
      return fields([&](chat_request& request) { request.*each.which = number; });
    };
    const std::string refused =
        std::string("refused: `") + each.name + "` must be a number" + each.range;
    for (const double bad : {nan, infinity, -infinity, std::nextafter(each.low, -9.0),
                             std::nextafter(each.high, 9.0)}) {
      CHECK(with(bad) == refused);
    }
    CHECK((with(each.low) == refused) == each.low_is_open);
    CHECK(with(each.high) != refused);
    CHECK(with(each.high).find(each.name) == 2);
  }
  const auto integer = [](std::optional<int> chat_request::*which, int number) {
    return fields([&](chat_request& request) {
      request.logprobs = true;
      request.*which = number;
    });
  };
  CHECK(integer(&chat_request::max_tokens, 0) ==
        "refused: `max_tokens` must be a whole number, 1 or more");
  CHECK(integer(&chat_request::max_tokens, 1) == R"(,"max_tokens":1,"logprobs":true)");
  CHECK(integer(&chat_request::top_k, -1) == "refused: `top_k` must be a whole number, 0 or more");
  CHECK(integer(&chat_request::top_k, 0) == R"(,"top_k":0,"logprobs":true)");
  CHECK(integer(&chat_request::top_logprobs, 21).substr(0, 7) == "refused");
  CHECK(integer(&chat_request::top_logprobs, 0) == R"(,"logprobs":true,"top_logprobs":0)");
}

TEST_CASE("request: other refusals") {
  CHECK(encode(chat_request()).error().message == "`messages` must have at least one message");
  CHECK(fields([](chat_request& r) { r.top_logprobs = 1; }) ==
        "refused: `top_logprobs` needs `logprobs`");
  CHECK(fields([](chat_request& r) {
          r.stop = {"1", "2", "3", "4", "5"};
        }) == "refused: `stop` must have at most 4 texts");
  // 256 characters, however many bytes.
  std::string umlauts;
  for (int i = 0; i < 256; ++i) umlauts += "\xC3\xA4";
  CHECK(fields([&](chat_request& r) { r.session_id = umlauts; }).substr(0, 7) != "refused");
  CHECK(fields([&](chat_request& r) { r.session_id = umlauts + "x"; }) ==
        "refused: `session_id` must have at most 256 characters");
}

TEST_CASE("request: objects, their ranges, and what excludes what") {
  using change = void (*)(chat_request&);
  struct row {
    change make;
    const char* expected;
  };
  const row rows[] = {
      {[](chat_request& r) {
         r.logit_bias = {{"1", 100.5}};
       },
       "refused: `logit_bias.1` must be a number from -100 to 100"},
      {[](chat_request& r) {
         r.logit_bias = {{"1", std::nan("")}};
       },
       "refused: `logit_bias.1` must be a number from -100 to 100"},
      {[](chat_request& r) {
         r.logit_bias = {{"1", -100}};
       },
       R"(,"logit_bias":{"1":-100})"},
      {[](chat_request& r) {
         r.metadata = {{"k", std::string(513, 'x')}};
       },
       "refused: `metadata.k` must have at most 512 characters"},
      {[](chat_request& r) {
         r.metadata = {{"", ""}};
       },
       R"(,"metadata":{"":""})"},
      {[](chat_request& r) {
         for (int i = 0; i < 17; ++i) r.metadata[std::to_string(i)] = "x";
       },
       "refused: `metadata` must have at most 16 pairs"},
      {[](chat_request& r) { r.reasoning.max_tokens = 0; },
       "refused: `reasoning.max_tokens` must be a whole number, 1 or more"},
      {[](chat_request& r) {
         r.max_tokens = 100;
         r.reasoning.max_tokens = 100;
       },
       "refused: `reasoning.max_tokens` must be less than `max_tokens`"},
      {[](chat_request& r) {
         r.max_tokens = 100;
         r.reasoning.max_tokens = 99;
       },
       R"(,"max_tokens":100,"reasoning":{"max_tokens":99})"},
      {[](chat_request& r) {
         r.reasoning.effort = "low";
         r.reasoning_effort = "high";
       },
       "refused: `reasoning_effort` must be the same as `reasoning.effort`"},
      {[](chat_request& r) { r.provider.max_price.prompt = -1; },
       "refused: `provider.max_price.prompt` must be a number, 0 or more"},
      {[](chat_request& r) { r.trace.extra = R"({"trace_id":1})"; }, R"(,"trace":{"trace_id":1})"},
      {[](chat_request& r) {
         r.trace.trace_id = "t";
         r.trace.extra = R"({"trace_id":1})";
       },
       "refused: `trace.trace_id` is given twice"},
      {[](chat_request& r) { r.extra = R"({"provider":{"future":1}})"; },
       R"(,"provider":{"future":1})"},
      {[](chat_request& r) {
         r.provider.zdr = true;
         r.extra = R"({"provider":{"future":1}})";
       },
       "refused: `provider` is given twice"},
      {[](chat_request& r) {
         r.modalities = {"text", "audio"};
         r.audio = {"alloy", "pcm16"};
       },
       R"(,"modalities":["text","audio"],"audio":{"voice":"alloy","format":"pcm16"})"},
  };
  for (const row& each : rows) CHECK(fields(each.make) == each.expected);
  // 64 characters of 2 bytes; one more is one too many, and the words do not repeat it.
  std::string name;
  for (int i = 0; i < 64; ++i) name += "\xC3\xA4";
  CHECK(fields([&](chat_request& r) { r.metadata = {{name, ""}}; }).substr(0, 7) != "refused");
  CHECK(fields([&](chat_request& r) {
          r.metadata = {{name + "x", ""}};
        }) == "refused: `metadata` must have names of at most 64 characters");

  chat_request whole = small();
  whole.stream = false;
  whole.debug_echo_upstream_body = true;
  CHECK(encode(whole).error().message == "`debug` needs `stream`");
  whole.debug_echo_upstream_body.reset();
  whole.audio.voice = "alloy";
  CHECK(encode(whole).error().message == "`audio` needs `stream`");
}

TEST_CASE("request: JSON that passes through is checked") {
  CHECK(fields([](chat_request& r) { r.tools = "{}"; }) == "refused: `tools` must be an array");
  CHECK(fields([](chat_request& r) { r.plugins = "3"; }) == "refused: `plugins` must be an array");
  CHECK(fields([](chat_request& r) { r.image_config = "[]"; }) ==
        "refused: `image_config` must be an object");
  CHECK(fields([](chat_request& r) { r.web_search_options = "{\"a\":"; }).substr(0, 55) ==
        "refused: `web_search_options` is wrong: Not valid JSON:");
  CHECK(fields([](chat_request& r) { r.stop_server_tools_when = "[]"; }) ==
        "refused: `stop_server_tools_when` must not be empty");
  CHECK(fields([](chat_request& r) { r.provider.extra = "[]"; }) ==
        "refused: `provider.extra` must be an object");
  CHECK(fields([](chat_request& r) { r.extra = "{},\"model\":\"evil\""; }).substr(0, 7) ==
        "refused");
  CHECK(fields([](chat_request& r) { r.extra = "[]"; }) == "refused: `extra` must be an object");
  CHECK(fields([](chat_request& r) { r.extra = "{}"; }).empty());
  CHECK(fields([](chat_request& r) { r.tool_choice = "7"; }).substr(0, 7) == "refused");
  CHECK(fields([](chat_request& r) { r.tool_choice = R"({"type":"function"})"; }) ==
        R"(,"tool_choice":{"type":"function"})");
}

TEST_CASE("request: no name goes out twice") {
  for (const char* name : {"model", "messages", "stream", "stream_options", "temperature"}) {
    const std::string found = fields([&](chat_request& r) {
      r.temperature = 1;
      r.extra = std::string("{\"") + name + "\":1}";
    });
    CHECK(found == std::string("refused: `") + name + "` is given twice");
  }
  CHECK(fields([](chat_request& r) { r.extra = R"({"a":1,"b":2,"a":3})"; }) ==
        "refused: `a` is given twice");
  CHECK(fields([](chat_request& r) { r.extra = R"({"a\"\u0001":1})"; }) == R"(,"a\"\u0001":1)");
}

TEST_CASE("request: dialects") {
  chat_request request = small();
  request.max_tokens = 9;
  dialect as;
  as.include_usage = false;
  CHECK(*encode(request, as) == head + R"(,"max_tokens":9,"stream":true})");
  as.limit_name = max_tokens_name::max_completion_tokens;
  CHECK(*encode(request, as) == head + R"(,"max_completion_tokens":9,"stream":true})");
  as.limit_name = max_tokens_name::both;
  CHECK(*encode(request, as) ==
        head + R"(,"max_tokens":9,"max_completion_tokens":9,"stream":true})");
  request.stream = false;
  request.max_tokens.reset();
  CHECK(*encode(request) == head + R"(,"stream":false})");
  request.model.clear();
  CHECK(*encode(request) == R"({"messages":[{"role":"user","content":"Hi"}],"stream":false})");
}
