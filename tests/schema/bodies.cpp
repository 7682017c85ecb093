// SPDX-License-Identifier: MIT
//
// Prints request bodies as the library makes them, one JSON object a line:
// {"case":"...","body":{...}}. run.py has them checked against the schema of the official SDK.
#include <agent_websocket/openrouter/request.hpp>

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

const char* const weather_tool =
    R"({"type":"function","function":{"name":"get_weather","description":"Weather of a city",)"
    R"("parameters":{"type":"object","properties":{"city":{"type":"string"},"max_tokens":)"
    R"({"type":"number","multipleOf":0.5}},"required":["city"],"additionalProperties":false},)"
    R"("strict":true}})";

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
  asked.tools = std::string("[") + weather_tool + "]";
  asked.tool_choice = "\"auto\"";
  asked.response_format = R"({"type":"json_object"})";
  asked.reasoning = R"({"effort":"low","summary":"auto","exclude":false,"enabled":true})";
  asked.provider =
      R"({"order":["deepinfra/turbo","Anthropic"],"only":["anthropic"],"ignore":["azure"],)"
      R"("allow_fallbacks":false,"require_parameters":true,"data_collection":"deny","zdr":true,)"
      R"("enforce_distillable_text":false,"quantizations":["fp8","bf16"],"sort":"price",)"
      R"("max_price":{"prompt":"1","completion":"2.5"}})";
  asked.plugins = R"([{"id":"web","max_results":3},{"id":"response-healing"}])";
  asked.extra =
      R"({"logit_bias":{"50256":-100},"metadata":{"team":"a"},"modalities":["text"],)"
      R"("trace":{"trace_id":"t","trace_name":"n","custom_key":"c"},"prompt_cache_key":"k",)"
      R"("cache_control":{"type":"ephemeral","ttl":"1h"},"debug":{"echo_upstream_body":true},)"
      R"("prediction":{"type":"content","content":"p"},"structured_outputs":true})";
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
  const auto json = [&number](std::string chat_request::*where,
                              std::initializer_list<const char*> texts) {
    for (const char* text : texts) {
      chat_request asked = question();
      asked.tools = std::string("[") + weather_tool + "]";
      asked.*where = text;
      print("JSON " + std::to_string(++number), asked);
    }
  };
  json(&chat_request::tool_choice, {R"("none")", R"("auto")", R"("required")",
                                    R"({"type":"function","function":{"name":"get_weather"}})"});
  json(&chat_request::response_format,
       {R"({"type":"text"})", R"({"type":"json_object"})",
        R"({"type":"json_schema","json_schema":{"name":"city-1","strict":true,"description":"d",)"
        R"("schema":{"type":"object","properties":{"top_k":{"type":"integer"}}}}})",
        R"({"type":"grammar","grammar":"root ::= \"a\""})", R"({"type":"python"})"});
  json(&chat_request::reasoning,
       {R"({"effort":"high"})", R"({"max_tokens":2048})", R"({"exclude":true})",
        R"({"enabled":true})", R"({"effort":"low","summary":"detailed"})"});
  json(&chat_request::provider,
       {R"({"sort":"throughput"})", R"({"sort":{"by":"latency","partition":"model"}})",
        R"({"data_collection":"allow","quantizations":["int4","unknown"]})",
        R"({"preferred_min_throughput":50,"preferred_max_latency":{"p50":1.5,"p99":9}})"});
  json(&chat_request::plugins,
       {R"([{"id":"web"}])", R"([{"id":"file-parser","pdf":{"engine":"native"}}])",
        R"([{"id":"context-compression","enabled":false}])", R"([{"id":"moderation"}])"});
  json(
      &chat_request::tools,
      {R"([{"type":"openrouter:web_search","parameters":{"max_results":3}}])",
       R"([{"type":"openrouter:datetime"}])",
       R"([{"type":"function","function":{"name":"bare"},"cache_control":{"type":"ephemeral"}}])"});
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
  loop.tools = std::string("[") + weather_tool + "]";
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
