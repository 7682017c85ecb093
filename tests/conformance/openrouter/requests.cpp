// SPDX-License-Identifier: MIT
//
// What is sent to an upstream, when it is given up, and answers that are not what was asked for.
#include "bench.hpp"

#include <agent_websocket/json/reader.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using namespace upstream;
using openrouter::chat_message;
using openrouter::chat_request;

namespace {

/// The request that goes out for `one`, which is answered well.
http::request sent_by(exchange& one) {
  one.http.reply_with(http_script().head(200).body(answer()).complete());
  one.run();
  REQUIRE(one.requests() == 1);
  CHECK(one.sink.complete());
  return one.http.last().request;
}

std::size_t times(const http::header_list& headers, std::string_view name) {
  std::size_t count = 0;
  for (const auto& each : headers) count += http::iequals(each.first, name) ? 1u : 0u;
  return count;
}

chat_request full_request() {
  chat_request asked = question();
  asked.fallback_models = {"c/d", "e/f"};
  asked.temperature = 1;
  asked.top_p = 0.9;
  asked.top_k = 40;
  asked.min_p = 0;
  asked.top_a = 0.25;
  asked.frequency_penalty = -2;
  asked.presence_penalty = 2;
  asked.repetition_penalty = 1.1;
  asked.max_tokens = 100'000'000;
  asked.stop = {"END", "\n"};
  asked.seed = -9'007'199'254'740'993;
  asked.logprobs = true;
  asked.top_logprobs = 20;
  asked.parallel_tool_calls = false;
  asked.reasoning_effort = "low";
  asked.verbosity = "high";
  asked.service_tier = "flex";
  asked.user = "u-1";
  asked.session_id = "s-1";
  asked.tools = R"([{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])";
  asked.tool_choice = "\"auto\"";
  asked.response_format = R"({"type":"json_object"})";
  asked.reasoning.effort = "low";
  asked.reasoning.exclude = false;
  asked.provider.order = {"deepinfra/turbo"};
  asked.provider.allow_fallbacks = false;
  asked.plugins = R"([{"id":"web"}])";
  asked.logit_bias = {{"50256", -100}};
  asked.metadata = {{"a", "b"}};
  asked.extra = R"({"route":"sort"})";
  return asked;
}

}  // namespace

TEST_CASE("T63: the connect limit is over once there is a connection") {
  exchange one;
  one.settings.connect_timeout = seconds(1);
  one.ask();
  CHECK(one.http.last().request.connect_timeout == seconds(1));
  one.advance(seconds(3));
  CHECK(!one.sink.ended);
  one.http.respond(1, 200, {}, answer("late"));
  one.settle();
  one.check_end();
  CHECK(one.sink.complete());
  CHECK(one.sink.text == "late");
}

TEST_CASE("T63: bytes of any kind keep a stream alive") {
  exchange one;
  one.ask();
  one.http.respond_head(1, 200);
  one.http.respond_body(1, content("a"));
  for (int i = 0; i < 60; ++i) {  // an hour of thought, with a comment a minute
    one.advance(seconds(60));
    one.http.respond_body(1, ping);
  }
  CHECK(!one.sink.ended);
  one.http.respond_body(1, answer("b"));
  one.http.complete(1);
  one.settle();
  one.check_end();
  CHECK(one.sink.complete());
  CHECK(one.sink.text == "ab");
}

TEST_CASE("T64: what is not set is not sent") {
  exchange one;
  CHECK(sent_by(one).body ==
        R"({"model":"a/b","messages":[{"role":"user","content":"Hi"}],"stream":true,)"
        R"("stream_options":{"include_usage":true}})");
  exchange bare;
  bare.asked = {};
  bare.asked.messages = {chat_message::system("S")};
  bare.asked.stream = false;
  bare.http.reply_with(
      http_script()
          .head(200)
          .body(R"({"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]})")
          .complete());
  bare.run();
  const agent_websocket::json::document body = [&bare] {
    agent_websocket::json::document parsed;
    REQUIRE(parsed.parse(bare.http.last().request.body));
    return parsed;
  }();
  CHECK(!body.root()["model"].exists());
  CHECK(!body.root()["stream_options"].exists());
  CHECK(body.root()["stream"].boolean().value_or(false) == false);
}

TEST_CASE("T64: whole numbers are written whole, always in the same order") {
  exchange one;
  one.asked = full_request();
  const std::string body = sent_by(one).body;
  for (const char* field :
       {R"("models":["c/d","e/f"])",
        R"("top_k":40,)",
        R"("max_tokens":100000000,)",
        R"("seed":-9007199254740993,)",
        R"("top_logprobs":20,)",
        R"("stop":["END","\n"])",
        R"("logprobs":true)",
        R"("parallel_tool_calls":false)",
        R"("reasoning_effort":"low")",
        R"("verbosity":"high")",
        R"("service_tier":"flex")",
        R"("user":"u-1")",
        R"("session_id":"s-1")",
        R"("reasoning":{"effort":"low","exclude":false})",
        R"("provider":{"order":["deepinfra/turbo"],"allow_fallbacks":false})",
        R"("plugins":[{"id":"web"}])",
        R"("tool_choice":"auto")",
        R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])",
        R"("response_format":{"type":"json_object"})",
        R"("logit_bias":{"50256":-100})",
        R"("route":"sort")",
        R"("metadata":{"a":"b"})"}) {
    CAPTURE(field);
    CHECK(body.find(field) != std::string::npos);
  }
  exchange again;
  again.asked = full_request();
  CHECK(sent_by(again).body == body);
}

TEST_CASE("T64: what is out of range is refused before anything is sent") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  struct row {
    const char* field;
    std::function<void(chat_request&)> spoil;
  };
  std::vector<row> rows{
      {"messages", [](chat_request& to) { to.messages.clear(); }},
      {"top_k", [](chat_request& to) { to.top_k = -1; }},
      {"max_tokens", [](chat_request& to) { to.max_tokens = 0; }},
      {"max_tokens", [](chat_request& to) { to.max_tokens = -5; }},
      {"top_logprobs",
       [](chat_request& to) {
         to.logprobs = true;
         to.top_logprobs = 21;
       }},
      {"top_logprobs", [](chat_request& to) { to.top_logprobs = 1; }},
      {"stop", [](chat_request& to) { to.stop.assign(5, "x"); }},
      {"session_id", [](chat_request& to) { to.session_id.assign(257, 'x'); }},
      {"tools", [](chat_request& to) { to.tools = "{}"; }},
      {"tools", [](chat_request& to) { to.tools = "[{"; }},
      {"reasoning.max_tokens", [](chat_request& to) { to.reasoning.max_tokens = 0; }},
      {"reasoning.max_tokens",
       [](chat_request& to) {
         to.reasoning.effort = "low";
         to.reasoning.max_tokens = 2000;
       }},
      {"reasoning.max_tokens",  // the limit of the whole answer must be larger
       [](chat_request& to) { to.max_tokens = to.reasoning.max_tokens = 2000; }},
      {"reasoning_effort",
       [](chat_request& to) {
         to.reasoning.effort = "low";
         to.reasoning_effort = "high";
       }},
      {"provider.max_price.prompt", [](chat_request& to) { to.provider.max_price.prompt = -1; }},
      {"logit_bias",
       [](chat_request& to) {
         to.logit_bias = {{"7", 100.5}};
       }},
      {"metadata",
       [](chat_request& to) {
         for (int i = 0; i < 17; ++i) to.metadata[std::to_string(i)] = "x";
       }},
      {"metadata", [](chat_request& to) { to.metadata[std::string(65, 'x')] = "x"; }},
      {"metadata", [](chat_request& to) { to.metadata["x"] = std::string(513, 'x'); }},
      {"stop_server_tools_when", [](chat_request& to) { to.stop_server_tools_when = "[]"; }},
      {"debug",  // for streams only
       [](chat_request& to) {
         to.stream = false;
         to.debug_echo_upstream_body = true;
       }},
      {"model", [](chat_request& to) { to.extra = R"({"model":"x"})"; }},
  };
  struct real {
    const char* field;
    std::optional<double> chat_request::*where;
    double below, above;
  };
  for (const real& each :
       {real{"temperature", &chat_request::temperature, -0.1, 2.1},
        real{"top_p", &chat_request::top_p, 0, 1.1}, real{"min_p", &chat_request::min_p, -0.1, 1.1},
        real{"top_a", &chat_request::top_a, -0.1, 1.1},
        real{"frequency_penalty", &chat_request::frequency_penalty, -2.1, 2.1},
        real{"presence_penalty", &chat_request::presence_penalty, -2.1, 2.1},
        real{"repetition_penalty", &chat_request::repetition_penalty, 0, 2.1}}) {
    for (const double wrong : {each.below, each.above, nan, infinity, -infinity}) {
      rows.push_back({each.field, [each, wrong](chat_request& to) { to.*each.where = wrong; }});
    }
  }
  for (const row& each : rows) {
    CAPTURE(each.field);
    exchange one;
    each.spoil(one.asked);
    one.ask();
    CHECK(!one.sink.ended);  // never from inside start()
    one.settle();
    CHECK(one.requests() == 0);
    CHECK(one.sink.code() == errc::bad_message);
    CHECK(one.sink.says(each.field));
    CHECK(!one.sink.why().retryable);
  }
}

TEST_CASE("T65: text of all kinds goes out as valid JSON and comes back") {
  const std::string replaced = "\xEF\xBF\xBD";
  const std::string odd("a\0b\x7F</script>\t\"\\\xF0\x9F\xA6\x80\xE2\x80\xA8", 23);
  struct row {
    std::string given, sent;
  };
  for (const row& each : {row{odd, odd}, row{"\xED\xA0\xBE", replaced + replaced + replaced},
                          row{"x\xFFy", "x" + replaced + "y"}, row{"\xC3(", replaced + "("},
                          row{"\xC0\xAF", replaced + replaced}, row{"\x80", replaced}}) {
    exchange one;
    one.asked.messages = {chat_message::system(each.given), chat_message::user(each.given),
                          chat_message::assistant(each.given)};
    one.asked.user = each.given;
    const std::string body = sent_by(one).body;
    CHECK(agent_websocket::is_utf8(body));
    CHECK(body.find('\0') == std::string::npos);
    agent_websocket::json::document parsed;
    REQUIRE(parsed.parse(body));
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(parsed.root()["messages"][i]["content"].string() == std::string_view(each.sent));
    }
    CHECK(parsed.root()["user"].string() == std::string_view(each.sent));
  }
}

TEST_CASE("T66: headers") {
  exchange one;
  one.settings.referer = "https://app.example/";
  one.settings.title = "My app";
  const http::request sent = sent_by(one);
  CHECK(sent.method == "POST");
  CHECK(sent.target == "https://openrouter.ai/api/v1/chat/completions");
  CHECK(sent.headers.find("Authorization") == "Bearer " + key);
  CHECK(sent.headers.find("Content-Type") == "application/json");
  CHECK(sent.headers.find("Accept") == "text/event-stream");
  CHECK(sent.headers.find("HTTP-Referer") == "https://app.example/");
  CHECK(sent.headers.find("X-OpenRouter-Title") == "My app");
  CHECK(!sent.headers.contains("Referer"));
  CHECK(!sent.headers.contains("Expect"));
  CHECK(!sent.headers.contains("Accept-Encoding"));
}

TEST_CASE("T66: no text becomes a second header") {
  for (const char* evil : {"T\r\nX-Evil: 1", "T\nX-Evil: 1", "T\rX-Evil: 1",
                           "T\xE9\xF0\x9F\xA6\x80", "\r\n\r\nbody", " T ", ""}) {
    CAPTURE(evil);
    exchange one;
    one.settings.title = evil;
    one.settings.referer = evil;
    one.settings.headers.add("X-Mine", evil);
    one.settings.api_key = key + evil;
    const http::request sent = sent_by(one);
    CHECK(!sent.headers.contains("X-Evil"));
    for (const char* name : {"X-OpenRouter-Title", "HTTP-Referer", "Authorization", "X-Mine"}) {
      CHECK(times(sent.headers, name) <= 1);
    }
    for (const auto& [name, value] : sent.headers) {
      for (const char c : name + value) CHECK((c >= 0x20 && c < 0x7F));
    }
  }
  exchange refused;
  refused.settings.headers.add("X-Mine: 1\r\nX-Evil", "1");
  refused.ask();
  refused.settle();
  CHECK(refused.requests() == 0);
  CHECK(refused.sink.code() == errc::bad_configuration);
}

TEST_CASE("T66: a header of the operator's replaces ours") {
  exchange one;
  one.settings.headers.add("Authorization", "Basic eDp5");
  one.settings.headers.add("X-OpenRouter-Metadata", "enabled");
  const http::request sent = sent_by(one);
  CHECK(times(sent.headers, "Authorization") == 1);
  CHECK(sent.headers.find("Authorization") == "Basic eDp5");
  CHECK(sent.headers.find("X-OpenRouter-Metadata") == "enabled");
}

TEST_CASE("T68: who has served is told") {
  exchange one;
  one.asked.model = "a";
  one.asked.fallback_models = {"b"};
  one.http.reply_with(http_script()
                          .head(200, {{"X-Generation-Id", "gen-7"}})
                          .body(frame(R"({"model":"b","provider":"P","choices":[)"
                                      R"({"index":0,"delta":{"content":"x"}}]})") +
                                finish("stop") + done)
                          .complete());
  one.run();
  CHECK(one.http.last().request.body.find(R"("model":"a","models":["b"])") != std::string::npos);
  CHECK(one.sink.model == "b");
  CHECK(one.sink.ended->model == "b");
  CHECK(one.sink.ended->provider == "P");
  CHECK(one.sink.ended->generation_id == "gen-7");
}

TEST_CASE("T69: a whole message where a stream was asked for") {
  const std::string message =
      R"({"id":"gen-1","object":"chat.completion","created":1,"model":"m","provider":"P",)"
      R"("system_fingerprint":null,"choices":[{"index":0,"logprobs":null,"finish_reason":"stop",)"
      R"("native_finish_reason":"stop","message":{"role":"assistant","content":"Hello",)"
      R"("refusal":null,"reasoning":"Hm."}}],"usage":)" +
      usage_object + "}";
  for (const char* type : {"application/json", "text/event-stream", "text/plain"}) {
    for (const std::string& body : {message, "\n\n   \n" + message + "\n"}) {
      for (const std::size_t piece : {0u, 1u}) {
        exchange one;
        one.http.split(piece);
        one.http.reply_with(
            http_script().head(200, {{"Content-Type", type}}).body(body).complete());
        one.run();
        CHECK(one.requests() == 1);
        CHECK(one.sink.complete());
        CHECK(one.sink.text == "Hello");
        CHECK(one.sink.reasoning == "Hm.");
        CHECK(one.sink.ended->finish_reason == "stop");
        CHECK(one.sink.ended->usage.total_tokens == 17);
        CHECK(one.sink.ended->model == "m");
      }
    }
  }
  CHECK(read(message).text == "Hello");
  CHECK(read("  \r\n" + message, ending::lost).text == "Hello");
  CHECK(read(message.substr(0, message.size() - 9)).ended->failed);
}

TEST_CASE("T70: a coded body is no garbage") {
  exchange one;
  one.http.reply_with(http_script()
                          .head(200, {{"Content-Encoding", "gzip"}})
                          .body("\x1F\x8B\x08" + answer())
                          .complete());
  one.run();
  CHECK(one.sink.code() == errc::provider_error);
  CHECK(one.sink.text.empty());
  CHECK(one.sink.why().why.detail.find("gzip") != std::string::npos);
  // Without the header it is told as what it looks like: no answer.
  exchange unsaid;
  unsaid.settings.retry.max_attempts = 1;
  unsaid.http.reply_with(http_script().head(200).body("\x1F\x8B\x08\x02\xFF\x80junk").complete());
  unsaid.run();
  CHECK(unsaid.sink.ended->failed);
  CHECK(unsaid.sink.text.empty());
}

TEST_CASE("T71: twenty streams at once, none mixed") {
  mock_http_client http;
  manual_scheduler clock;
  openrouter::client_settings settings;
  settings.api_key = key;
  openrouter::basic_openrouter_client<mock_http_client, manual_scheduler> client(settings, http,
                                                                                 clock);
  std::vector<recorder> sinks(20);
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    std::string body;
    for (int part = 0; part < 5; ++part) body += content(std::to_string(i) + ".");
    http.reply_with(http_script().head(200).body(body + finish("stop") + usage + done).complete());
    client.start(question(), sinks[i]);
  }
  http.split(37);
  http.run();  // a piece of each in turn
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    std::string expected;
    for (int part = 0; part < 5; ++part) expected += std::to_string(i) + ".";
    CHECK(sinks[i].complete());
    CHECK(sinks[i].text == expected);
    CHECK(sinks[i].broken == std::vector<std::string>());
  }
  CHECK(client.size() == 0);
}
