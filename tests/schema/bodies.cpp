// SPDX-License-Identifier: MIT
//
// Prints request bodies as the library makes them, one JSON object a line:
// {"case":"...","body":{...}}. run.py has them checked against the schema of the official SDK.
#include <agent_websocket/openrouter/request.hpp>
#include <agent_websocket/openrouter/response_format.hpp>
#include <agent_websocket/openrouter/tool_definition.hpp>

#include <cstdio>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

using namespace agent_websocket::openrouter;

namespace {

bool failed = false;

void print(const std::string& name, const chat_request& request, const dialect& as = {}) {
  const auto body = encode(request, as);
  if (!body) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), body.error().message.c_str());
    failed = true;
    return;
  }
  std::printf("{\"case\":\"%s\",\"body\":%s}\n", name.c_str(), body->c_str());
}

chat_request question() {
  chat_request asked;
  asked.model = "anthropic/claude-sonnet-4.5";
  asked.messages = {chat_message::user("What is the weather in Paris?")};
  return asked;
}

/// The text, or a refusal that fails the run.
std::string made(const agent_websocket::result<std::string>& text) {
  if (text) return *text;
  std::fprintf(stderr, "%s\n", text.error().message.c_str());
  failed = true;
  return "";
}

tool_definition weather_tool() {
  tool_definition tool;
  tool.name = "get_weather";
  tool.description = "Weather of a city";
  // With names that are also fields of a request, and a number that is not to be touched.
  tool.parameters =
      R"({"type":"object","properties":{"city":{"type":"string"},"max_tokens":)"
      R"({"type":"number","multipleOf":1.0}},"required":["city"],"additionalProperties":false})";
  tool.strict = true;
  return tool;
}
std::string weather_tools() { return made(encode_tools({weather_tool()})); }

chat_request full() {
  chat_request asked = question();
  asked.fallback_models = {"openai/gpt-5", "google/gemini-2.5-pro"};
  asked.temperature = 0.7;
  asked.top_p = 0.95;
  asked.top_k = 40;
  asked.min_p = 0.05;
  asked.top_a = 0.1;
  asked.frequency_penalty = 0.5;
  asked.presence_penalty = -0.5;
  asked.repetition_penalty = 1.1;
  asked.max_tokens = 1024;
  asked.stop = {"\n\n", "END"};
  asked.seed = 42;
  asked.logprobs = true;
  asked.top_logprobs = 5;
  asked.parallel_tool_calls = false;
  asked.reasoning_effort = "low";
  asked.verbosity = "medium";
  asked.service_tier = "default";
  asked.user = "user-7";
  asked.session_id = "session-9";
  asked.tools = weather_tools();
  asked.tool_choice = "\"auto\"";
  asked.response_format = R"({"type":"json_object"})";
  asked.reasoning.effort = "low";
  asked.reasoning.summary = "auto";
  asked.reasoning.exclude = false;
  asked.reasoning.enabled = true;
  asked.provider.order = {"deepinfra/turbo", "Anthropic"};
  asked.provider.only = {"anthropic"};
  asked.provider.ignore = {"azure"};
  asked.provider.allow_fallbacks = false;
  asked.provider.require_parameters = true;
  asked.provider.data_collection = "deny";
  asked.provider.zdr = true;
  asked.provider.enforce_distillable_text = false;
  asked.provider.quantizations = {"fp8", "bf16"};
  asked.provider.sort = "price";
  asked.provider.max_price.prompt = 1;
  asked.provider.max_price.completion = 2.5;
  asked.provider.max_price.image = 0;
  asked.provider.max_price.audio = 0.1;
  asked.provider.max_price.request = 3;
  asked.provider.preferred_min_throughput.value = 50;
  asked.provider.preferred_max_latency.p50 = 1.5;
  asked.provider.preferred_max_latency.p75 = 2;
  asked.provider.preferred_max_latency.p90 = 4;
  asked.provider.preferred_max_latency.p99 = 9;
  asked.plugins = R"([{"id":"web","max_results":3},{"id":"response-healing"}])";
  asked.preset = "my-preset";
  asked.logit_bias = {{"50256", -100}, {"7", 0.5}};
  asked.structured_outputs = true;
  asked.stop_server_tools_when = R"([{"type":"step_count_is","step_count":3}])";
  asked.modalities = {"text", "image"};
  asked.image_config = R"({"aspect_ratio":"16:9"})";
  asked.prediction = "It rains";
  asked.web_search_options = "{}";
  asked.metadata = {{"team", "a"}, {"", "\xC3\xA9"}};
  asked.trace.trace_id = "t";
  asked.trace.trace_name = "n";
  asked.trace.span_name = "s";
  asked.trace.generation_name = "g";
  asked.trace.parent_span_id = "p";
  asked.trace.extra = R"({"custom_key":{"a":1}})";
  asked.cache_control = cache_control{"ephemeral", "1h"};
  asked.prompt_cache_key = "k";
  asked.prompt_cache_options = prompt_cache_options{"explicit", "30m"};
  return asked;
}

void print_numbers() {
  chat_request low = question();
  low.temperature = low.min_p = low.top_a = 0;
  low.frequency_penalty = low.presence_penalty = -2;
  low.top_p = low.repetition_penalty = std::numeric_limits<double>::min();
  low.top_k = 0;
  low.max_tokens = 1;
  low.logprobs = true;
  low.top_logprobs = 0;
  low.seed = -9'007'199'254'740'991;
  print("lowest numbers", low);
  chat_request high = question();
  high.temperature = high.frequency_penalty = high.presence_penalty = high.repetition_penalty = 2;
  high.top_p = high.min_p = high.top_a = 1;
  high.top_k = high.max_tokens = std::numeric_limits<int>::max();
  high.logprobs = true;
  high.top_logprobs = 20;
  high.seed = 9'007'199'254'740'991;
  print("highest numbers", high, {max_tokens_name::both, true});
  chat_request round = question();
  round.max_tokens = round.top_k = 100'000'000;  // 1e8 to a careless printer
  round.seed = 1'000'000'000'000'000;
  round.temperature = 1;
  print("round numbers", round, {max_tokens_name::both, true});
}

void print_words() {
  const auto each = [](const char* field, std::string chat_request::*where,
                       std::initializer_list<const char*> words) {
    for (const char* word : words) {
      chat_request asked = question();
      asked.*where = word;
      print(std::string(field) + " " + word, asked);
    }
  };
  each("reasoning_effort", &chat_request::reasoning_effort,
       {"max", "xhigh", "high", "medium", "low", "minimal", "none"});
  each("verbosity", &chat_request::verbosity, {"low", "medium", "high", "xhigh", "max"});
  each("service_tier", &chat_request::service_tier,
       {"auto", "default", "flex", "priority", "scale", "fast"});
  int number = 0;
  const auto changed = [&number](auto change) {
    chat_request asked = question();
    asked.tools = weather_tools();
    change(asked);
    print("change " + std::to_string(++number), asked);
  };
  for (const char* word : {"none", "auto", "required"}) {
    changed([&](chat_request& to) { to.tool_choice = tool_choice(word); });
  }
  changed([](chat_request& to) { to.tool_choice = tool_choice_function("get_weather"); });
  const json_schema plain{"city-1", "", std::nullopt, ""};
  const json_schema whole{"city_2", R"({"type":"object","properties":{"top_k":{"minimum":1.0}}})",
                          true, "A city"};
  for (const std::string& format :
       {std::string(R"({"type":"text"})"), json_object_format(), made(json_schema_format(plain)),
        made(json_schema_format(whole)), grammar_format("root ::= \"a\""),
        std::string(R"({"type":"python"})")}) {
    changed([&](chat_request& to) { to.response_format = format; });
  }
  for (const char* effort : {"max", "xhigh", "high", "medium", "low", "minimal", "none"}) {
    changed([&](chat_request& to) { to.reasoning.effort = to.reasoning_effort = effort; });
  }
  for (const char* summary : {"auto", "concise", "detailed"}) {
    changed([&](chat_request& to) { to.reasoning.summary = summary; });
  }
  changed([](chat_request& to) { to.reasoning.max_tokens = 2048; });
  changed([](chat_request& to) { to.reasoning.enabled = true; });
  for (const char* sort : {"price", "throughput", "latency", "exacto"}) {
    for (const char* partition : {"model", "none"}) {
      changed([&](chat_request& to) {
        to.provider.sort = sort;
        to.provider.sort_partition = partition;
      });
    }
    changed([&](chat_request& to) { to.provider.sort = sort; });
  }
  changed([](chat_request& to) {
    to.provider.data_collection = "allow";
    to.provider.quantizations = {"int4", "int8",  "fp4",  "mxfp4", "nvfp4", "fp6",
                                 "fp8",  "mxfp8", "fp16", "bf16",  "fp32",  "unknown"};
    to.provider.max_price.prompt = 0.0000001;
    to.provider.preferred_min_throughput.p50 = 1e21;
    to.provider.preferred_max_latency.value = 0.5;
  });
  for (const char* plugins :
       {R"([{"id":"web"}])", R"([{"id":"file-parser","pdf":{"engine":"native"}}])",
        R"([{"id":"context-compression","enabled":false}])", R"([{"id":"moderation"}])"}) {
    changed([&](chat_request& to) { to.plugins = plugins; });
  }
  for (const char* ttl : {"", "5m", "1h"}) {
    changed([&](chat_request& to) { to.cache_control = cache_control{"ephemeral", ttl}; });
  }
  changed([](chat_request& to) { to.prompt_cache_options.emplace(); });
  changed([](chat_request& to) { to.debug_echo_upstream_body = true; });
  changed([](chat_request& to) {
    to.modalities = {"text", "audio"};
    to.audio = {"alloy", "pcm16"};
  });
  changed([](chat_request& to) {
    tool_definition bare;
    bare.name = "bare";
    tool_definition cached = weather_tool();
    cached.cache_control.emplace();
    to.tools = made(encode_tools({bare, cached}));
  });
  for (const char* tools : {R"([{"type":"openrouter:web_search","parameters":{"max_results":3}}])",
                            R"([{"type":"openrouter:datetime"}])"}) {
    changed([&](chat_request& to) { to.tools = tools; });
  }
}

void print_messages() {
  chat_request parts = question();
  parts.messages = {
      chat_message::system("Be brief."),
      chat_message::user_parts(
          R"([{"type":"text","text":"What is this?","cache_control":{"type":"ephemeral"}},)"
          R"({"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}},)"
          R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},)"
          R"({"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},)"
          R"({"type":"video_url","video_url":{"url":"https://example.com/a.mp4"}},)"
          R"({"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AA"}}])",
          "What is this?")};
  print("parts", parts);

  // A whole tool loop: calls, results, reasoning and annotations that go back, an answer.
  assistant_message calling;
  calling.tool_calls = {{"call_1", "get_weather", "{ \"city\":\"Paris\" }", true},
                        {"call_2", "get_weather", "{}", true}};
  calling.reasoning_details =
      R"([{"type":"reasoning.text","text":"Hm.","signature":"s","id":null,)"
      R"("format":"anthropic-claude-v1","index":0},{"type":"reasoning.summary","summary":"S"},)"
      R"({"type":"reasoning.encrypted","data":"AAAA","id":"rs_1","index":0}])";
  assistant_message answering;
  answering.text = "It rains in Paris.";
  answering.reasoning_details = "[]";
  answering.annotations =
      R"([{"type":"file","file":{"hash":"h","content":[{"type":"text","text":"t"}]}}])";
  assistant_message both = calling;
  both.text = "Let me look once more.";
  both.reasoning_details.clear();
  chat_request loop = question();
  loop.tools = weather_tools();
  loop.messages = {chat_message::system("Be brief."),
                   chat_message::user("Weather?"),
                   chat_message::assistant(calling),
                   chat_message::tool_result("call_1", "{\"sky\":\"rain\"}"),
                   chat_message::tool_result("call_2", ""),
                   chat_message::assistant(answering),
                   chat_message::user("Sure?"),
                   chat_message::assistant(both),
                   chat_message::tool_result("call_1", "rain"),
                   chat_message::tool_result("call_2", "sun"),
                   chat_message::assistant("Yes."),
                   chat_message::assistant_partial("And ")};
  print("tool loop", loop);

  chat_request odd = question();
  odd.messages = {
      chat_message::user(std::string("a\0b\x7F</script>\xFF\xED\xA0\x80\xF0\x9F\xA6\x80", 21)),
      chat_message::user("")};
  odd.user = "\xC3(";
  print("odd text", odd);
}

}  // namespace

int main() {
  print("minimal", question());
  chat_request bare;
  bare.messages = {chat_message::user("Hi")};
  bare.stream = false;
  print("nothing but a message", bare);
  print("without usage", question(), {max_tokens_name::max_tokens, false});
  print("full", full());
  print("full, the new name of the limit", full(), {max_tokens_name::max_completion_tokens, true});
  print("full, both names", full(), {max_tokens_name::both, true});
  chat_request whole = full();
  whole.stream = false;
  print("full, not streamed", whole);
  print_numbers();
  print_words();
  print_messages();
  return failed ? 1 : 0;
}
