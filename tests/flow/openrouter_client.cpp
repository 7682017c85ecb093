// SPDX-License-Identifier: MIT
//
// Conversations of basic_openrouter_client with a scripted upstream, in virtual time.
#include <agent_websocket/openrouter/client.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_http_client.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace agent_websocket::openrouter;
using agent_websocket::testing::http_script;
using agent_websocket::testing::manual_scheduler;
using agent_websocket::testing::mock_http_client;
using agent_websocket::testing::sse;
using std::chrono::milliseconds;
using std::chrono::seconds;
using call_state = mock_http_client::call_state;

namespace {

const std::string ping = ": OPENROUTER PROCESSING\n\n";
const std::string done = "data: [DONE]\n\n";

std::string content(const std::string& text) {
  return sse(R"({"id":"gen-1","model":"b/served","provider":"P","choices":[{"index":0,"delta":)"
             R"({"content":")" +
             text + R"("},"finish_reason":null}]})");
}
const std::string stop = sse(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
const std::string usage_chunk =
    sse(R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}})");

http_script good(const std::string& text = "Hello") {
  return http_script().head(200).body(content(text) + stop + usage_chunk + done).complete();
}
http_script status(int code, std::string body = "", http::header_list headers = {}) {
  return http_script().head(code, std::move(headers)).body(std::move(body)).complete();
}

class recording final : public completion_sink {
 public:
  void on_begin(completion_id, std::string_view served) override {
    ++begins;
    model = served;
  }
  void on_text(completion_id, std::string_view piece) override { text += piece; }
  void on_reasoning(completion_id, std::string_view piece) override { reasoning += piece; }
  void on_retry(completion_id, int attempt, milliseconds wait, const failure& why) override {
    CHECK(attempt == static_cast<int>(waits.size()) + 1);
    waits.push_back(wait);
    reasons.push_back(why.why.code);
  }
  void on_complete(completion_id, outcome what) override {
    CHECK(!ended);
    ended = what;
  }

  errc code() const {
    REQUIRE(ended);
    REQUIRE(ended->failed);
    return ended->failed->why.code;
  }
  bool complete() const { return ended && ended->complete(); }

  std::string text, reasoning, model;
  int begins = 0;
  std::vector<milliseconds> waits;
  std::vector<errc> reasons;
  std::optional<outcome> ended;
};

chat_request question() {
  chat_request asked;
  asked.model = "a/asked";
  asked.messages = {chat_message::user("Hi")};
  return asked;
}

struct exchange {
  mock_http_client http;
  manual_scheduler clock;
  recording sink;
  client_settings settings;
  double jitter = 0.5;
  std::optional<basic_openrouter_client<mock_http_client, manual_scheduler>> client;

  completion_id ask(const chat_request& asked = question()) {
    if (!client) {
      client.emplace(settings, http, clock, random_source([this] {
                       return static_cast<std::uint64_t>(jitter * 0x1.0p53) << 11;
                     }));
    }
    return client->start(asked, sink);
  }
  /// Delivers what is scripted and lets time pass until nothing happens any more.
  void run(seconds longest = seconds(1000)) {
    const time_point end = clock.now() + longest;
    for (;;) {
      http.run();
      clock.run();
      const auto next = clock.next_deadline();
      if (!next || *next > end) break;
      clock.advance(*next - clock.now());
    }
  }
  void advance(duration time) {
    http.run();
    clock.advance(time);
    http.run();
  }
  std::size_t requests() const { return http.calls().size(); }
  bool nothing_left() const {
    return http.open_calls() == 0 && !clock.has_work() && client->size() == 0;
  }
};

}  // namespace

TEST_CASE("client: T01, T02 an answer, however it is cut") {
  for (const std::size_t piece : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
    exchange one;
    one.http.split(piece);
    one.http.reply_with(
        http_script()
            .head(200, {{"X-Generation-Id", "gen-9"}})
            .body(ping + content("Hel") + ping + content("lo") + stop + usage_chunk + done)
            .complete());
    one.ask();
    CHECK(!one.sink.ended);
    one.run();
    REQUIRE(one.sink.complete());
    CHECK(one.sink.text == "Hello");
    CHECK(one.sink.begins == 1);
    CHECK(one.sink.model == "b/served");
    CHECK(one.sink.ended->finish_reason == "stop");
    CHECK(one.sink.ended->usage.total_tokens == 10);
    CHECK(one.sink.ended->generation_id == "gen-9");
    CHECK(one.sink.ended->comments == 2);
    CHECK(one.sink.ended->attempts == 1);
    CHECK(one.http.last().state == call_state::completed);  // the connection can be used again
    CHECK(one.nothing_left());
  }
}

TEST_CASE("client: T45 after content there is no second attempt") {
  for (
      const std::string& end :
      {sse(R"({"error":{"code":502,"message":"gone","metadata":{"error_type":"provider_unavailable"}},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]})"),
       std::string("data: {broken\n\n"), std::string()}) {
    exchange one;
    one.http.reply_with(http_script().head(200).body(content("part") + end).complete());
    one.ask();
    one.run();
    CHECK(one.requests() == 1);
    CHECK(one.sink.text == "part");
    REQUIRE(one.sink.ended);
    REQUIRE(one.sink.ended->failed);
    CHECK(one.sink.ended->model == "b/served");
    if (!end.empty() && end.find("502") != std::string::npos) {
      CHECK(one.sink.ended->failed->status == 502);
      CHECK(one.sink.ended->failed->type == "provider_unavailable");
    }
    CHECK(one.nothing_left());
  }
  // The same for thoughts, and for a fragment of a tool call.
  for (const char* delta :
       {R"({"reasoning":"hm"})", R"({"tool_calls":[{"index":0,"id":"x"}]})",
        R"({"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]})"}) {
    exchange one;
    one.http.reply_with(http_script()
                            .head(200)
                            .body(sse(std::string(R"({"choices":[{"delta":)") + delta + "}]}"))
                            .fail(errc::connection_failed));
    one.ask();
    one.run();
    CHECK(one.requests() == 1);
    CHECK(one.sink.code() == errc::truncated);
    CHECK(one.sink.begins == 1);
  }
}

TEST_CASE("client: an error in the stream before any content is tried again") {
  exchange one;
  one.http.reply_with(http_script().head(200).body(
      ping + sse(R"({"error":{"code":502,"message":"x"},"choices":[]})")));
  one.http.reply_with(good());
  one.ask();
  one.run();
  CHECK(one.sink.complete());
  CHECK(one.sink.text == "Hello");
  CHECK(one.sink.begins == 1);
  CHECK(one.sink.reasons == std::vector<errc>{errc::provider_error});
  CHECK(one.http.calls()[0].state == call_state::cancelled);
  CHECK(one.sink.ended->attempts == 2);
  CHECK(one.http.calls()[0].request.body == one.http.calls()[1].request.body);
}

TEST_CASE("client: T53 what no second attempt would change") {
  struct row {
    int status;
    errc code;
  };
  for (const row& each : {row{401, errc::provider_unauthorized}, row{400, errc::provider_error},
                          row{402, errc::payment_required}, row{403, errc::provider_unauthorized},
                          row{404, errc::model_not_found}, row{413, errc::context_length_exceeded},
                          row{422, errc::provider_error}, row{302, errc::provider_error}}) {
    CAPTURE(each.status);
    exchange one;
    one.http.reply_with(status(each.status, R"({"error":{"message":"m"}})"));
    one.ask();
    one.run();
    CHECK(one.requests() == 1);
    CHECK(one.sink.code() == each.code);
    CHECK(one.sink.ended->failed->status == each.status);
    CHECK(one.sink.waits.empty());
    CHECK(one.sink.begins == 0);
    CHECK(one.nothing_left());
  }
}

TEST_CASE("client: T54 rates: the wait that is asked for, and no endless tries") {
  for (const double jitter : {0.0, 0.999}) {
    exchange one;
    one.jitter = jitter;
    one.http.reply_with(status(429, "", {{"Retry-After", "1"}}));
    one.http.reply_with(good());
    one.ask();
    one.http.run();
    REQUIRE(one.sink.waits.size() == 1);
    CHECK(one.sink.waits[0] >= milliseconds(1000));
    CHECK(one.sink.waits[0] <= milliseconds(1500));
    one.advance(one.sink.waits[0] - milliseconds(1));
    CHECK(one.requests() == 1);
    one.advance(milliseconds(1));
    CHECK(one.requests() == 2);
    one.run();
    CHECK(one.sink.complete());
    CHECK(one.nothing_left());
  }
  exchange three;
  for (int i = 0; i < 4; ++i) three.http.reply_with(status(429, "", {{"Retry-After", "1"}}));
  three.ask();
  three.run();
  CHECK(three.requests() == 3);
  CHECK(three.sink.code() == errc::provider_rate_limited);
  CHECK(three.sink.ended->attempts == 3);
  CHECK(three.sink.ended->failed->retry_after == milliseconds(1000));

  exchange late;
  late.http.reply_with(status(429, "", {{"Retry-After", "3600"}}));
  late.ask();
  late.run();
  CHECK(late.requests() == 1);
  CHECK(late.sink.ended->failed->retry_after == milliseconds(3'600'000));

  exchange date;
  date.http.reply_with(status(429, "", {{"Retry-After", "Thu, 01 Jan 2026 00:00:20 GMT"}}));
  date.http.reply_with(good());
  date.jitter = 0;
  date.ask();
  date.run();
  CHECK(date.sink.waits == std::vector<milliseconds>{milliseconds(20'000)});
}

TEST_CASE("client: T57 an overloaded provider, then a good answer, given once") {
  exchange one;
  one.settings.retry.max_attempts = 4;
  for (int i = 0; i < 3; ++i) one.http.reply_with(status(503));
  one.http.reply_with(good());
  one.ask();
  one.run();
  CHECK(one.requests() == 4);
  CHECK(one.sink.complete());
  CHECK(one.sink.text == "Hello");
  CHECK(one.sink.begins == 1);
  CHECK(one.sink.waits ==
        std::vector<milliseconds>{milliseconds(250), milliseconds(500), milliseconds(1000)});
  CHECK(one.nothing_left());
}

TEST_CASE("client: T31 an empty answer is tried once more, not twice") {
  exchange one;
  for (int i = 0; i < 3; ++i)
    one.http.reply_with(http_script().head(200).body(ping + done).complete());
  one.ask();
  one.run();
  CHECK(one.requests() == 2);
  CHECK(one.sink.code() == errc::empty_response);
  CHECK(one.nothing_left());
}

TEST_CASE("client: T60 the provider's own words") {
  exchange one;
  one.settings.retry.max_attempts = 1;
  one.http.reply_with(status(
      429,
      R"({"error":{"code":429,"message":"Provider returned error","metadata":{"provider_name":"Chutes","raw":"{\"error\":{\"message\":\"too busy\"}}"}}})"));
  one.ask();
  one.run();
  CHECK(one.sink.ended->failed->why.message ==
        "The model's provider limits the rate: Chutes: too busy");
}

TEST_CASE("client: T63 the connect limit is the connection's alone") {
  exchange one;
  one.settings.connect_timeout = seconds(1);
  one.ask();
  CHECK(one.http.last().request.connect_timeout == seconds(1));
  one.advance(seconds(3));
  CHECK(!one.sink.ended);
  one.http.respond(1, 200, {}, content("x") + stop + done);
  CHECK(one.sink.complete());
}

TEST_CASE("client: T64, T66, T67 the request as it is sent") {
  exchange one;
  one.settings.base_url = "http://h/api/v1/";
  one.settings.api_key = "k\r\nX-Evil: 1";
  one.settings.title = "T";
  one.settings.dialect.limit_name = max_tokens_name::max_completion_tokens;
  chat_request asked = question();
  asked.max_tokens = 5;
  one.ask(asked);
  const http::request& sent = one.http.last().request;
  CHECK(sent.target == "http://h/api/v1/chat/completions");
  CHECK(sent.headers.find("Authorization") == std::string_view("Bearer kX-Evil: 1"));
  CHECK(!sent.headers.contains("X-Evil"));
  CHECK(!sent.headers.contains("X-OpenRouter-Title"));
  CHECK(
      sent.body ==
      R"({"model":"a/asked","messages":[{"role":"user","content":"Hi"}],"max_completion_tokens":5,"stream":true,"stream_options":{"include_usage":true}})");
}

TEST_CASE("client: T68 the model and the provider that served are told") {
  exchange one;
  chat_request asked = question();
  asked.fallback_models = {"b/served"};
  one.http.reply_with(good());
  one.ask(asked);
  one.run();
  CHECK(one.http.last().request.body.find(R"("models":["b/served"])") != std::string::npos);
  CHECK(one.sink.model == "b/served");
  CHECK(one.sink.ended->model == "b/served");
  CHECK(one.sink.ended->provider == "P");
}

TEST_CASE("client: T69 plain JSON instead of a stream, and a 200 that is none") {
  exchange one;
  one.http.reply_with(status(
      200, "\n\n {\"choices\":[{\"message\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}",
      {{"Content-Type", "application/json"}}));
  one.ask();
  one.run();
  CHECK(one.sink.complete());
  CHECK(one.sink.text == "Hello");

  exchange other;
  other.http.reply_with(status(
      200,
      R"({"id":null,"choices":null,"error":{"code":429,"message":"m","metadata":{"retry_after_seconds":2}}})"));
  other.http.reply_with(good());
  other.jitter = 0;
  other.ask();
  other.run();
  CHECK(other.sink.complete());
  CHECK(other.sink.waits == std::vector<milliseconds>{milliseconds(2000)});
  CHECK(other.sink.reasons == std::vector<errc>{errc::provider_rate_limited});
}

TEST_CASE("client: T70 a coding that nobody asked for") {
  exchange one;
  one.http.reply_with(
      http_script().head(200, {{"Content-Encoding", "gzip"}}).body("\x1f\x8b garbage").complete());
  one.ask();
  one.run();
  CHECK(one.sink.code() == errc::provider_error);
  CHECK(one.sink.text.empty());
  CHECK(one.requests() == 1);
  CHECK(one.sink.ended->failed->why.detail.find("gzip") != std::string::npos);
  CHECK(one.nothing_left());
  exchange identity;
  identity.http.reply_with(http_script()
                               .head(200, {{"Content-Encoding", " identity "}})
                               .body(content("x") + stop + done)
                               .complete());
  identity.ask();
  identity.run();
  CHECK(identity.sink.complete());
}

TEST_CASE("client: without streaming") {
  exchange one;
  chat_request asked = question();
  asked.stream = false;
  one.ask(asked);
  CHECK(one.http.last().request.headers.find("Accept") == std::string_view("application/json"));
  one.advance(seconds(100));
  one.http.respond_head(1, 200);
  for (int i = 0; i < 10; ++i) {  // blanks that keep it alive, far beyond the first-token limit
    one.http.respond_body(1, "\n ");
    one.advance(seconds(100));
  }
  one.http.respond_body(1,
                        R"({"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]})");
  one.http.complete(1);
  CHECK(one.sink.complete());
  CHECK(one.sink.text == "Hello");
}

TEST_CASE("client: connections that fail before anything was said") {
  struct row {
    errc failed;
    errc code;
    std::size_t requests;
  };
  for (const row& each : {row{errc::connection_failed, errc::connection_failed, 3},
                          row{errc::timeout_connect, errc::timeout_connect, 3},
                          row{errc::protocol_error, errc::provider_error, 3},
                          row{errc::too_large, errc::provider_error, 1}}) {
    exchange one;
    one.settings.api_key = "my-own\n-key";  // sent, and masked, without what no header may hold
    for (int i = 0; i < 3; ++i)
      one.http.reply_with(http_script().fail(each.failed, "why my-own-key"));
    one.ask();
    one.run();
    CHECK(one.requests() == each.requests);
    CHECK(one.sink.code() == each.code);
    CHECK(one.sink.ended->failed->why.detail == "why ***");
    CHECK(one.nothing_left());
  }
}

TEST_CASE("client: T29 a connection lost at each byte of an answer") {
  const std::string body = ping + content("Hello") + stop + done;
  const std::size_t begun = (ping + content("Hello")).size();
  const std::size_t finished = (ping + content("Hello") + stop).size();
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    CAPTURE(cut);
    exchange one;
    one.settings.retry.max_attempts = 1;
    one.http.reply_with(http_script().head(200).body(body).cut_after(cut));
    one.ask();
    one.run();
    REQUIRE(one.sink.ended);
    CHECK(one.nothing_left());
    // A last event without its blank line counts.
    if (cut + 2 < begun) {
      CHECK(one.sink.code() == errc::connection_failed);
    } else if (cut + 2 < finished) {
      CHECK(one.sink.code() == errc::truncated);
      CHECK(one.sink.text == "Hello");
    } else {
      CHECK(one.sink.complete());
      CHECK(one.sink.text == "Hello");
    }
  }
}

TEST_CASE("client: the first-token clock") {
  exchange one;
  one.settings.first_token_timeout = seconds(10);
  one.settings.idle_timeout = seconds(100);
  one.ask();
  one.http.respond_head(1, 200);
  for (int i = 0; i < 9; ++i) {
    one.advance(seconds(1));
    one.http.respond_body(1, ping);  // does not count, nor does a chunk without a fragment
    one.http.respond_body(1, sse(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})"));
  }
  one.advance(milliseconds(999));
  CHECK(!one.sink.ended);
  one.advance(milliseconds(1));
  CHECK(one.sink.code() == errc::timeout_first_token);
  CHECK(one.sink.ended->comments == 9);
  CHECK(one.requests() == 1);
  CHECK(one.http.last().state == call_state::cancelled);
  CHECK(one.nothing_left());

  exchange thinking;
  thinking.settings.first_token_timeout = seconds(10);
  thinking.settings.idle_timeout = seconds(100);
  thinking.ask();
  thinking.http.respond_head(1, 200);
  thinking.http.respond_body(1, sse(R"({"choices":[{"delta":{"reasoning":"hm"}}]})"));
  thinking.advance(seconds(99));
  CHECK(!thinking.sink.ended);
}

TEST_CASE("client: the idle clock") {
  exchange one;
  one.settings.idle_timeout = seconds(10);
  one.ask();
  one.advance(seconds(50));  // no head yet: not its business
  one.http.respond_head(1, 200);
  for (int i = 0; i < 9; ++i) {
    one.advance(seconds(5));
    one.http.respond_body(1, i == 0 ? content("x") : std::string(":"));  // any byte counts
  }
  one.advance(milliseconds(9'999));
  CHECK(!one.sink.ended);
  one.advance(milliseconds(1));
  CHECK(one.sink.code() == errc::timeout_idle);
  CHECK(one.sink.text == "x");
  CHECK(one.nothing_left());
}

TEST_CASE("client: the total clock runs over all attempts and waits") {
  exchange one;
  one.settings.total_timeout = seconds(20);
  one.ask();
  one.advance(seconds(15));
  one.http.respond(1, 503, {{"Retry-After", "2"}}, "");
  one.advance(seconds(4));
  REQUIRE(one.requests() == 2);
  one.http.respond_head(2, 200);
  one.http.respond_body(2, content("x"));
  one.advance(milliseconds(999));
  CHECK(!one.sink.ended);
  one.advance(milliseconds(1));
  CHECK(one.sink.code() == errc::timeout_total);
  CHECK(one.nothing_left());
  // A wait that would end behind it is not begun.
  exchange late;
  late.settings.total_timeout = seconds(20);
  late.ask();
  late.advance(seconds(15));
  late.http.respond(1, 503, {{"Retry-After", "10"}}, "");
  CHECK(late.sink.code() == errc::provider_overloaded);
  CHECK(late.nothing_left());
}

TEST_CASE("client: no limits at all leave no timer") {
  exchange one;
  one.settings.first_token_timeout = one.settings.idle_timeout = milliseconds(0);
  one.ask();
  one.http.respond_head(1, 200);
  one.http.respond_body(1, content("x"));
  CHECK(!one.clock.has_work());
}

TEST_CASE("client: a long stream moves a timestamp, not timers") {
  exchange one;
  one.ask();
  one.http.respond_head(1, 200);
  for (int i = 0; i < 1000; ++i) {
    one.http.respond_body(1, content("x"));
    one.clock.advance(milliseconds(100));
    CHECK(one.clock.pending_timers() == 1);
  }
  CHECK(!one.sink.ended);
  // Its next deadline is looked at when the old one has come.
  one.clock.advance(seconds(121));
  CHECK(one.sink.code() == errc::timeout_idle);
}

TEST_CASE("client: a status that is not whole says more than the clock") {
  exchange one;
  one.settings.retry.max_attempts = 1;
  one.ask();
  one.http.respond_head(1, 404);
  one.http.respond_body(1, R"({"error":{"message":"half of)");
  one.advance(seconds(200));
  CHECK(one.sink.code() == errc::model_not_found);
  CHECK(one.nothing_left());
  // Nor is an endless one read to its end.
  exchange endless;
  endless.settings.retry.max_attempts = 1;
  endless.ask();
  endless.http.respond_head(1, 500);
  for (int i = 0; i < 70 && !endless.sink.ended; ++i) {
    endless.http.respond_body(1, std::string(1024, 'x'));
  }
  CHECK(endless.sink.code() == errc::provider_error);
  CHECK(endless.sink.ended->failed->why.detail.size() <= 2048);
  CHECK(endless.nothing_left());
}

TEST_CASE("client: paused, all clocks stand still and nothing is sent") {
  exchange one;
  one.settings.total_timeout = seconds(300);
  const completion_id id = one.ask();
  one.http.respond_head(1, 200);
  one.http.respond_body(1, content("x"));
  one.client->pause(id);
  one.client->pause(id);
  CHECK(one.http.last().paused);
  one.http.respond_body(1, content("y"));
  one.advance(seconds(10'000));
  CHECK(!one.sink.ended);
  CHECK(one.sink.text == "x");
  one.client->resume(id);
  one.client->resume(id);
  CHECK(!one.http.last().paused);
  one.http.run();
  CHECK(one.sink.text == "xy");
  one.advance(seconds(119));
  CHECK(!one.sink.ended);
  one.advance(seconds(1));
  CHECK(one.sink.code() == errc::timeout_idle);
  CHECK(one.nothing_left());
}

TEST_CASE("client: paused while it waits for a retry") {
  exchange one;
  one.jitter = 0;
  one.http.reply_with(status(503, "", {{"Retry-After", "2"}}));
  one.http.reply_with(good());
  const completion_id id = one.ask();
  one.http.run();
  one.advance(seconds(1));
  one.client->pause(id);
  one.advance(seconds(100));
  CHECK(one.requests() == 1);
  one.client->resume(id);
  one.advance(milliseconds(999));
  CHECK(one.requests() == 1);
  one.advance(milliseconds(1));
  CHECK(one.requests() == 2);
  one.run();
  CHECK(one.sink.complete());
}

TEST_CASE("client: cancelled, also while it waits for a retry") {
  exchange one;
  one.http.reply_with(status(503, "", {{"Retry-After", "2"}}));
  const completion_id id = one.ask();
  one.http.run();
  REQUIRE(one.sink.waits.size() == 1);
  one.client->cancel(id);
  CHECK(one.nothing_left());
  one.run();
  CHECK(one.requests() == 1);
  CHECK(!one.sink.ended);
}

TEST_CASE("client: a wrong request is told of by its field") {
  exchange one;
  chat_request asked = question();
  asked.temperature = 3;
  one.ask(asked);
  CHECK(!one.sink.ended);
  one.run();
  CHECK(one.sink.code() == errc::bad_message);
  CHECK(one.sink.ended->failed->why.message == "`temperature` must be a number from 0 to 2");
  CHECK(one.requests() == 0);
  CHECK(one.nothing_left());
}

TEST_CASE("client: T71 many at once are not mixed") {
  mock_http_client http;
  manual_scheduler clock;
  basic_openrouter_client<mock_http_client, manual_scheduler> client({}, http, clock);
  std::vector<recording> sinks(20);
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    http_script script;
    script.head(200);
    for (int part = 0; part < 5; ++part) script.body(content(std::to_string(i) + "."));
    http.reply_with(script.body(stop + done).complete());
    client.start(question(), sinks[i]);
  }
  http.split(11);
  http.run();  // a step of each in turn
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    std::string expected;
    for (int part = 0; part < 5; ++part) expected += std::to_string(i) + ".";
    CHECK(sinks[i].complete());
    CHECK(sinks[i].text == expected);
  }
  CHECK(client.size() == 0);
}
