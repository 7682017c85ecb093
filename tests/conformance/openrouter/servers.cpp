// SPDX-License-Identifier: MIT
//
// Servers that speak OpenRouter's protocol in their own ways: llama.cpp, Ollama, vLLM, LM Studio.
// Streams in the shapes that they send, with what each leaves out, adds and spells differently.
#include "bench.hpp"

#include <agent_websocket/json/reader.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace upstream;

namespace {

/// Frames of one server: `head` and `tail` stand around its choices.
struct server {
  std::string head, tail;
  std::string operator()(const std::string& choices, const std::string& more = "") const {
    return frame(head + R"("choices":[)" + choices + "]" + tail + more + "}");
  }
};

const server llama_cpp{"{",
                       R"(,"created":1755000000,"id":"chatcmpl-Ld3","model":"gpt-oss-20b",)"
                       R"("system_fingerprint":"b6123-79c1160b","object":"chat.completion.chunk")"};
const server ollama{R"({"id":"chatcmpl-311","object":"chat.completion.chunk","created":1755000000,)"
                    R"("model":"qwen3:8b","system_fingerprint":"fp_ollama",)",
                    ""};
const server vllm{R"({"id":"chatcmpl-9f2e","object":"chat.completion.chunk","created":1755000000,)"
                  R"("model":"Qwen/Qwen3-8B",)",
                  ""};
const server lm_studio{
    R"({"id":"chatcmpl-x1","object":"chat.completion.chunk",)"
    R"("created":1755000000,"model":"qwen3-8b","system_fingerprint":"qwen3-8b",)",
    ""};

std::string usage_with(const server& of) {
  return of("", R"(,"usage":{"prompt_tokens":14,"completion_tokens":3,"total_tokens":17})");
}

void check_told(const recorder& told, const char* reasoning = "") {
  CHECK(told.text == "Hello!");
  CHECK(told.reasoning == reasoning);
  REQUIRE(told.complete());
  CHECK(told.ended->finish_reason == "stop");
  CHECK(told.ended->usage.prompt_tokens == 14);
  CHECK(told.ended->usage.total_tokens == 17);
  CHECK(!told.ended->usage.cost);
  CHECK(told.ended->provider.empty());
  CHECK(told.ended->skipped == 0);
}

http::request sent_by(exchange& one) {
  one.http.reply_with(http_script().head(200).body(answer()).complete());
  one.run();
  REQUIRE(one.requests() == 1);
  return one.http.last().request;
}

}  // namespace

// ---- llama.cpp

TEST_CASE("llama.cpp: a stream") {
  const std::string bytes =
      // The progress of the prompt comes before the first token.
      llama_cpp(R"({"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}})",
                R"(,"prompt_progress":{"total":4000,"cache":0,"processed":2048,"time_ms":310})") +
      ":\n\n" +
      llama_cpp(R"({"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}})") +
      llama_cpp(R"({"finish_reason":null,"index":0,"delta":{"reasoning_content":"Hm."}})") +
      ":\n\n" + llama_cpp(R"({"finish_reason":null,"index":0,"delta":{"content":"Hel"}})") +
      llama_cpp(R"({"finish_reason":null,"index":0,"delta":{"content":"lo!"}})") +
      llama_cpp(R"({"finish_reason":"stop","index":0,"delta":{}})") +
      llama_cpp("",
                R"(,"usage":{"completion_tokens":3,"prompt_tokens":14,"total_tokens":17},)"
                R"("timings":{"prompt_n":14,"prompt_ms":20.5,"predicted_n":3},"__verbose":{})") +
      done;
  const recorder told = read(bytes);
  check_told(told, "Hm.");
  CHECK(told.ended->comments == 2);
  CHECK(told.model == "gpt-oss-20b");
}

TEST_CASE("llama.cpp: errors in the stream, of today and of before September 2025") {
  const std::string begun =
      llama_cpp(R"({"finish_reason":null,"index":0,"delta":{"content":"part"}})");
  const std::string error =
      R"({"code":500,"message":"context shift is disabled","type":"server_error"})";
  for (const std::string& fault :
       {"data: {\"error\":" + error + "}\n\n", "error: " + error + "\n\n",
        "error: {\"error\":" + error + "}\n\n", "error:" + error + "\n\n"}) {
    for (const std::string& end : {std::string(), done}) {
      const recorder told = read(begun + fault + end);
      CHECK(told.text == "part");
      CHECK(told.code() == errc::provider_error);
      CHECK(told.why().status == 500);
      CHECK(told.why().why.detail.find("context shift is disabled") != std::string::npos);
    }
  }
}

TEST_CASE("llama.cpp: a prompt that is too long") {
  exchange one;
  one.http.reply_with(
      http_script()
          .head(400)
          .body(
              R"({"error":{"code":400,"message":"the request exceeds the available context size, )"
              R"(try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9001,)"
              R"("n_ctx":4096}})")
          .complete());
  one.run();
  CHECK(one.requests() == 1);
  CHECK(one.sink.code() == errc::context_length_exceeded);
  CHECK(one.sink.says("context size"));
}

TEST_CASE("llama.cpp: a model that is being loaded") {
  exchange one;
  one.http.reply_with(
      http_script()
          .head(503)
          .body(R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})")
          .complete());
  one.http.reply_with(http_script().head(200).body(answer()).complete());
  one.run();
  CHECK(one.requests() == 2);
  CHECK(one.sink.refusals.at(0).why.code == errc::provider_overloaded);
  CHECK(one.sink.complete());
}

// ---- Ollama

TEST_CASE("Ollama: a stream, since August 2026") {
  check_told(
      read(ollama(R"({"index":0,"delta":{"role":"assistant","content":"","reasoning":"Hm"},)"
                  R"("finish_reason":null})") +
           ollama(R"({"index":0,"delta":{"reasoning":"."},"finish_reason":null})") +
           ollama(R"({"index":0,"delta":{"content":"Hel"},"finish_reason":null})") +
           ollama(R"({"index":0,"delta":{"content":"lo!"},"finish_reason":null})") +
           ollama(R"({"index":0,"delta":{},"finish_reason":"stop"})") + usage_with(ollama) + done),
      "Hm.");
}

TEST_CASE("Ollama: a stream, before") {
  // The role in every chunk, the reason beside content, and some versions with a reason of "".
  check_told(read(ollama(R"({"index":0,"delta":{"role":"assistant","content":"Hel"},)"
                         R"("finish_reason":null})") +
                  ollama(R"({"index":0,"delta":{"role":"assistant","content":"lo"},)"
                         R"("finish_reason":""})") +
                  ollama(R"({"index":0,"delta":{"role":"assistant","content":"!"},)"
                         R"("finish_reason":"stop"})") +
                  usage_with(ollama) + done));
}

TEST_CASE("Ollama: whole calls in one delta, index 0 for all in older versions") {
  const auto call = [](int index, const std::string& id, const std::string& city) {
    return R"({"id":")" + id + R"(","index":)" + std::to_string(index) +
           R"(,"type":"function","function":{"name":"get_weather","arguments":"{\"city\":\")" +
           city + R"(\"}"}})";
  };
  for (const int second : {0, 1}) {
    for (const char* reason : {"\"tool_calls\"", "\"stop\"", "\"\""}) {
      CAPTURE(second);
      CAPTURE(reason);
      const recorder told =
          read(ollama(R"({"index":0,"delta":{"role":"assistant","content":"","tool_calls":[)" +
                      call(0, "call_1", "Paris") + "," + call(second, "call_2", "Rome") +
                      R"(]},"finish_reason":null})") +
               ollama(R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":)" +
                      std::string(reason) + "}") +
               usage_with(ollama) + done);
      CHECK(told.complete());
      CHECK(told.calls() ==
            "call_1 get_weather {\"city\":\"Paris\"}\ncall_2 get_weather {\"city\":\"Rome\"}\n");
    }
  }
}

TEST_CASE("Ollama: an error in the stream is lost") {
  const std::string empty =
      ollama(R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null})");
  const recorder part =
      read(ollama(R"({"index":0,"delta":{"content":"part"},"finish_reason":null})") + empty);
  CHECK(part.text == "part");
  CHECK(part.code() == errc::truncated);
  const recorder nothing = read(empty);
  CHECK(nothing.code() == errc::empty_response);
  CHECK(nothing.why().retryable);
}

TEST_CASE("Ollama: a model that is not there") {
  exchange one;
  one.http.reply_with(
      http_script()
          .head(404)
          .body(R"({"error":{"message":"model \"nope\" not found, try pulling it first",)"
                R"("type":"not_found_error","param":null,"code":null}})")
          .complete());
  one.run();
  CHECK(one.requests() == 1);
  CHECK(one.sink.code() == errc::model_not_found);
  CHECK(one.sink.says("try pulling it first"));
}

// ---- vLLM

TEST_CASE("vLLM: a stream, with usage on every chunk and text beside the reason") {
  const auto counted = [](int tokens) {
    return R"(,"usage":{"prompt_tokens":14,"completion_tokens":)" + std::to_string(tokens) +
           R"(,"total_tokens":)" + std::to_string(14 + tokens) + "}";
  };
  const std::string bytes =
      vllm(R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,)"
           R"("finish_reason":null})",
           R"(,"prompt_token_ids":null)" + counted(0)) +
      ": keep-alive\n\n" +
      vllm(R"({"index":0,"delta":{"reasoning":"Hm."},"logprobs":null,"finish_reason":null,)"
           R"("token_ids":null})",
           counted(1)) +
      vllm(R"({"index":0,"delta":{"content":"Hel"},"logprobs":null,"finish_reason":null})",
           counted(2)) +
      vllm(R"({"index":0,"delta":{"content":"lo!"},"logprobs":null,"finish_reason":"stop",)"
           R"("stop_reason":151643})",
           counted(3)) +
      vllm("", counted(3) + R"(,"metrics":null)") + done;
  const recorder told = read(bytes);
  check_told(told, "Hm.");
  CHECK(told.ended->comments == 1);
  // Older ones call it reasoning_content; stop_reason may be a text.
  check_told(read(replace_all(replace_all(bytes, R"("reasoning":)", R"("reasoning_content":)"),
                              "151643", R"("</s>")")),
             "Hm.");
}

TEST_CASE("vLLM: errors") {
  const recorder told =
      read(vllm(R"({"index":0,"delta":{"content":"part"},"finish_reason":null})") +
           frame(R"({"error":{"message":"EngineCore encountered an issue","type":)"
                 R"("InternalServerError","param":null,"code":500}})") +
           done);
  CHECK(told.text == "part");
  CHECK(told.code() == errc::provider_error);
  CHECK(told.why().status == 500);
  const std::string words =
      "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens";
  for (const std::string& body :
       {R"({"error":{"message":")" + words + R"(","type":"BadRequestError","param":null,)" +
            R"("code":400}})",
        R"({"object":"error","message":")" + words +
            R"(","type":"BadRequestError","param":null,"code":400})"}) {
    for (const int status : {400, 200}) {
      CAPTURE(status);
      exchange one;
      one.http.reply_with(http_script().head(status).body(body).complete());
      one.run();
      CHECK(one.requests() == 1);
      CHECK(one.sink.code() == errc::context_length_exceeded);
      CHECK(one.sink.why().status == 400);
      CHECK(one.sink.says("maximum context length is 4096"));
    }
  }
}

// ---- LM Studio

TEST_CASE("LM Studio: a stream") {
  check_told(read(lm_studio(R"({"index":0,"delta":{"role":"assistant","reasoning_content":"Hm."},)"
                            R"("logprobs":null,"finish_reason":null})") +
                  lm_studio(R"({"index":0,"delta":{"role":"assistant","content":"Hello!"},)"
                            R"("logprobs":null,"finish_reason":null})") +
                  lm_studio(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"})",
                            R"(,"stats":{})") +
                  usage_with(lm_studio) + done),
             "Hm.");
}

TEST_CASE("LM Studio: a stream with the thoughts in the content") {
  const auto piece = [](const char* text) {
    return lm_studio(R"({"index":0,"delta":{"role":"assistant","content":")" + std::string(text) +
                     R"("},"logprobs":null,"finish_reason":null})");
  };
  check_told(read(piece("<think>") + piece("\\n") + piece("Hm") + piece(".") + piece("</") +
                  piece("think>") + piece("\\n\\n") + piece("Hel") + piece("lo!") +
                  lm_studio(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"})") +
                  usage_with(lm_studio) + done),
             "Hm.");
}

TEST_CASE("LM Studio: errors come by name inside a 200") {
  const std::string words = "Trying to keep the first 9001 tokens when context the overflows";
  for (const std::string& data :
       {R"({"error":{"message":")" + words + R"("},"message":")" + words + "\"}",
        R"({"error":")" + words + "\"}",
        R"({"error":{"code":"server_error","message":")" + words + "\"}}",
        R"({"message":")" + words + "\"}", words}) {
    CAPTURE(data);
    for (const std::string& begun :
         {std::string(), lm_studio(R"({"index":0,"delta":{"content":"part"}})")}) {
      for (const char* end : {"\n", "\r\n"}) {
        const recorder told =
            read(replace_all(begun + "event: error\ndata: " + data + "\n\n", "\n", end));
        CHECK(told.code() == errc::provider_error);
        CHECK(told.text == (begun.empty() ? "" : "part"));
        CHECK(told.why().why.detail.find("first 9001 tokens") != std::string::npos);
      }
    }
  }
}

TEST_CASE("LM Studio: a prompt that is too long gives nothing at all") {
  const recorder told = read(lm_studio(
      R"({"index":0,"delta":{"role":"assistant"},"logprobs":null,"finish_reason":null})"));
  CHECK(told.code() == errc::empty_response);
}

// ---- llama-cpp-python and other servers on sse-starlette

TEST_CASE("sse-starlette: CRLF, and pings with a date") {
  const recorder told = read(replace_all(
      ": ping - 2026-08-01 10:00:00.000000+00:00\n\n" +
          vllm(R"({"index":0,"delta":{"role":"assistant"},"finish_reason":null})") +
          vllm(R"({"index":0,"delta":{"content":"Hello!"},"finish_reason":null})") +
          vllm(R"({"index":0,"delta":{},"finish_reason":"stop"})") + usage_with(vllm) + done,
      "\n", "\r\n"));
  check_told(told);
  CHECK(told.ended->comments == 1);
}

// ---- what is sent to them

TEST_CASE("T67: the base URL, and a key that may be missing") {
  struct row {
    const char* base;
    const char* target;
  };
  for (const row& each :
       {row{"http://h/v1", "http://h/v1/chat/completions"},
        row{"http://h/v1/", "http://h/v1/chat/completions"},
        row{"http://h/api/v1", "http://h/api/v1/chat/completions"},
        row{"http://h/api/v1/", "http://h/api/v1/chat/completions"},
        row{"http://h:8080/v1", "http://h:8080/v1/chat/completions"},
        row{"http://[::1]:11434/v1/", "http://[::1]:11434/v1/chat/completions"}}) {
    CAPTURE(each.base);
    exchange one;
    one.settings.base_url = each.base;
    one.settings.api_key = "";
    one.settings.referer = "https://app.example/";
    one.settings.title = "My app";
    const http::request sent = sent_by(one);
    CHECK(sent.target == each.target);
    CHECK(!sent.headers.contains("Authorization"));
    // What only OpenRouter knows goes there only.
    CHECK(!sent.headers.contains("HTTP-Referer"));
    CHECK(!sent.headers.contains("X-OpenRouter-Title"));
  }
  exchange asked;
  asked.settings.base_url = "http://h/v1";
  asked.settings.title = "My app";
  asked.settings.attribution = openrouter::openrouter_headers::always;
  CHECK(sent_by(asked).headers.find("X-OpenRouter-Title") == "My app");
  exchange never;
  never.settings.title = "My app";
  never.settings.attribution = openrouter::openrouter_headers::never;
  CHECK(!sent_by(never).headers.contains("X-OpenRouter-Title"));
}

TEST_CASE("the limit of the answer, under the name that the server knows") {
  using openrouter::max_tokens_name;
  struct row {
    max_tokens_name as;
    bool old_name, new_name;
  };
  for (const row& each : {row{max_tokens_name::max_tokens, true, false},
                          row{max_tokens_name::max_completion_tokens, false, true},
                          row{max_tokens_name::both, true, true}}) {
    exchange one;
    one.settings.dialect.limit_name = each.as;
    one.asked.max_tokens = 64;
    agent_websocket::json::document body;
    REQUIRE(body.parse(sent_by(one).body));
    CHECK((body.root()["max_tokens"].integer() == 64) == each.old_name);
    CHECK((body.root()["max_completion_tokens"].integer() == 64) == each.new_name);
    CHECK(body.root()["max_tokens"].exists() == each.old_name);
    CHECK(body.root()["max_completion_tokens"].exists() == each.new_name);
  }
}

TEST_CASE("usage is asked for, unless the server must not be") {
  for (const bool wanted : {true, false}) {
    exchange one;
    one.settings.base_url = "http://h/v1";
    if (!wanted) one.settings.dialect.include_usage = false;
    agent_websocket::json::document body;
    REQUIRE(body.parse(sent_by(one).body));
    CHECK(body.root()["stream_options"]["include_usage"].boolean().value_or(false) == wanted);
  }
}
