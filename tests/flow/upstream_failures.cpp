// SPDX-License-Identifier: MIT
//
// Whatever goes wrong upstream: exactly one terminal message, which names the kind and hides the
// inside, and the session goes on. The same for plain and for streaming clients.
#include "flow/fixture.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace flow;

namespace {

/// The kind of failure, from whichever terminal message a client gets.
std::string code_of(const frame& end) {
  return end.type() == "error" ? end.code() : end.text("error.code");
}

void check_is_hidden(const frame& end) {
  for (const char* inside :
       {"sk-", "Bearer", "localhost", "/srv/", "secret", "<html", "{\"", "Traceback", "10.0.0."}) {
    CAPTURE(inside);
    CHECK_FALSE(mentions(end.content(), inside));
    CHECK_FALSE(mentions(end.text("error.content"), inside));
  }
}

void check_is_failure(const frame& end, bool streamed, const std::string& code) {
  CHECK(code_of(end) == code);
  CHECK(end.ref() == "q1");
  CHECK(end.has("seq"));
  if (streamed) {
    CHECK(end.phase() == "end");
    CHECK(end.text("status") == "failed");
    CHECK_FALSE(end.text("error.content").empty());
    CHECK(end.has("error.retryable"));
  } else {
    CHECK(end.type() == "error");
    CHECK(end.truth("terminal"));
    CHECK(end.content().substr(0, 29) == "Failed to generate response: ");
    CHECK(end.content().size() > 29u);
    CHECK(end.has("retryable"));
  }
  check_is_hidden(end);
}

std::string query(bool streamed) {
  return std::string(R"({"id":"q1","content":"x","stream":)") + (streamed ? "true}" : "false}");
}

const char* const leaky_body =
    R"({"error":{"code":CODE,"message":"Traceback at /srv/app/secret.py: )"
    R"(key sk-or-v1-aaaabbbbccccddddeeee at http://user:secret@10.0.0.1/v1 )"
    R"(Bearer abcdefghijkl","metadata":{"raw":"{\"secret\":1}"}}})";

std::string leaky(int status) {
  std::string body = leaky_body;
  return body.replace(body.find("CODE"), 4, std::to_string(status));
}

}  // namespace

TEST_CASE("upstream_failures: each status is one error of its kind") {
  struct row {
    int status;
    std::string code;
  };
  const row rows[] = {
      {301, "provider_error"},   {400, "provider_error"},          {401, "provider_unauthorized"},
      {402, "payment_required"}, {403, "provider_unauthorized"},   {404, "model_not_found"},
      {408, "provider_error"},   {413, "context_length_exceeded"}, {418, "provider_error"},
      {422, "provider_error"},   {429, "provider_rate_limited"},   {500, "provider_error"},
      {502, "provider_error"},   {503, "provider_overloaded"},     {504, "provider_error"},
      {524, "provider_error"},   {529, "provider_overloaded"},     {599, "provider_error"},
  };
  for (const row& each : rows) {
    for (const std::string& body :
         {std::string(), leaky(each.status), std::string("<html><body>/srv/secret</body></html>"),
          std::string("{\"secret"), std::string(200'000, 'x')}) {
      for (const bool streamed : {false, true}) {
        CAPTURE(each.status);
        CAPTURE(body.substr(0, 40));
        CAPTURE(streamed);
        fixture talk;
        const auto id = talk.connect();
        talk.http.reply_with(refusal(each.status, body));
        check_is_failure(terminal(talk.say(id, query(streamed))), streamed, each.code);
        CHECK(talk.http.open_calls() == 0u);
        CHECK(terminal(talk.ask(id, R"({"content":"next"})", {"a"})).content() == "a");
      }
    }
  }
}

TEST_CASE("upstream_failures: no failure tells the key, wherever it stands") {
  fixture talk;
  const auto id = talk.connect();
  const std::string key(secret_key);
  for (const std::string& body :
       {key, R"({"error":{"message":"Invalid key )" + key + R"("}})",
        R"({"error":")" + key + R"("})", R"({"message":")" + key + R"(","code":400})"}) {
    for (const int status : {200, 400, 401, 429, 500}) {
      talk.http.reply_with(refusal(status, body));
      const frame end = terminal(talk.say(id, R"({"content":"x"})"));
      CHECK_FALSE(mentions(end.raw(), key.substr(0, 12)));
    }
  }
  for (const std::string& line : talk.log.lines) CHECK_FALSE(mentions(line, key));
}

TEST_CASE("upstream_failures: an answer that was cut at any byte") {
  const std::string body =
      ": OPENROUTER PROCESSING\n\n" + chunk("He") + chunk("llo, 日本") + finish() + done();
  const std::size_t good_end = body.size() - done().size();
  for (const bool streamed : {false, true}) {
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
      CAPTURE(cut);
      CAPTURE(streamed);
      fixture talk;
      const auto id = talk.connect();
      aw::testing::http_script script;
      talk.http.reply_with(script.head(200, event_stream()).body(body).complete().cut_after(cut));
      const frame end = terminal(talk.say(id, query(streamed)));
      CHECK(talk.http.open_calls() == 0u);
      const std::string whole = "Hello, 日本";
      if (end.text("status") == "completed") {
        // Everything up to the finish reason was there.
        CHECK(cut >= good_end - 2);
        CHECK(end.content() == whole);
      } else {
        CHECK(cut < good_end);
        const std::string code = code_of(end);
        CHECK((code == "truncated" || code == "provider_error"));
        check_is_failure(end, streamed, code);
        if (streamed) CHECK(whole.substr(0, end.content().size()) == end.content());
      }
      CHECK(terminal(talk.ask(id, R"({"content":"next"})", {"a"})).content() == "a");
    }
  }
}

TEST_CASE("upstream_failures: the same answer in pieces of every size") {
  const std::string body = chunk("He") + chunk("llo, 日本") + finish() + done();
  for (std::size_t piece = 1; piece < 80; ++piece) {
    CAPTURE(piece);
    fixture talk;
    const auto id = talk.connect();
    aw::testing::http_script script;
    talk.http.split(piece);
    talk.http.reply_with(script.head(200, event_stream()).body(body).complete());
    CHECK(terminal(talk.say(id, query(true))).content() == "Hello, 日本");
  }
}

TEST_CASE("upstream_failures: no connection") {
  struct row {
    aw::errc failure;
    std::string code;
  };
  for (const row& each : {row{aw::errc::timeout_connect, "timeout_connect"},
                          row{aw::errc::connection_failed, "provider_error"},
                          row{aw::errc::protocol_error, "provider_error"}}) {
    for (const bool streamed : {false, true}) {
      CAPTURE(each.code);
      fixture talk;
      const auto id = talk.connect();
      aw::testing::http_script script;
      talk.http.reply_with(
          script.fail(each.failure, "cannot resolve secret.internal (/srv/app): 10.0.0.1"));
      check_is_failure(terminal(talk.say(id, query(streamed))), streamed, each.code);
      CHECK(terminal(talk.ask(id, R"({"content":"next"})", {"a"})).content() == "a");
    }
  }
}

TEST_CASE("upstream_failures: 200 and garbage") {
  const std::vector<std::string> bodies{
      "",
      "\n\n",
      "garbage /srv/secret",
      "<html><body>secret</body></html>",
      "data: {\"choices\":[{\"delta\":{\"content\":\"x\"\n\n",
      "data: garbage\n\ndata: [DONE]\n\n",
      "data: [DONE]\n\n",
      ": only comments\n\n: more\n\n",
      R"({"error":{"message":"/srv/secret/app failed","code":500}})",
      R"({"choices":null})",
      R"({"choices":[]})",
      "[]",
      "null",
      std::string("\0\1\2\3", 4),
      "data: {\"error\":{\"code\":502,\"message\":\"Provider returned "
      "error\",\"metadata\":{\"raw\":"
      "\"/srv/secret\"}},\"choices\":[]}\n\n",
      "event: error\ndata: {\"message\":\"/srv/secret/app\"}\n\n",
      "error: {\"code\":500,\"message\":\"/srv/secret/app\"}\n\n",
  };
  for (const std::string& body : bodies) {
    for (const bool streamed : {false, true}) {
      CAPTURE(body.substr(0, 60));
      CAPTURE(streamed);
      fixture talk;
      const auto id = talk.connect();
      aw::testing::http_script script;
      talk.http.reply_with(script.head(200, event_stream()).body(body).complete());
      const frame end = terminal(talk.say(id, query(streamed)));
      check_is_failure(end, streamed, code_of(end));
      CHECK_FALSE(code_of(end).empty());
      CHECK(terminal(talk.ask(id, R"({"content":"next"})", {"a"})).content() == "a");
    }
  }
}

TEST_CASE("upstream_failures: an error in mid-stream keeps the text and tells the kind") {
  for (const bool streamed : {false, true}) {
    fixture talk;
    const auto id = talk.connect();
    aw::testing::http_script script;
    script.head(200, event_stream()).body(chunk("part"));
    script.body(aw::testing::sse(
        R"({"id":"gen-1","error":{"code":502,"message":"secret inside",)"
        R"("metadata":{"error_type":"provider_unavailable"}},"choices":[{"index":0,)"
        R"("delta":{"content":""},"finish_reason":"error"}]})"));
    talk.http.reply_with(script.complete());
    const frame end = terminal(talk.say(id, query(streamed)));
    check_is_failure(end, streamed, "provider_error");
    if (streamed) CHECK(end.content() == "part");
    const frame history = talk.say(id, R"({"type":"command","op":"history"})").at(0);
    CHECK(history.text("data.messages.1.content") == "part");
    CHECK(history.text("data.messages.1.status") == "failed");
  }
}

TEST_CASE("upstream_failures: silence, by virtual time") {
  for (const bool streamed : {false, true}) {
    CAPTURE(streamed);
    aw::options chosen = settings();
    chosen.first_token_timeout = 120s;
    fixture talk(chosen);
    const auto id = talk.connect();
    talk.say(id, query(streamed));
    talk.pass(120s - 1ms);
    CHECK(terminals(talk.heard(id)).empty());
    talk.pass(1ms);
    check_is_failure(terminal(talk.heard(id)), streamed, "timeout_first_token");
    CHECK(talk.http.open_calls() == 0u);

    // Comments keep the connection, but they are no token.
    talk.say(id, R"({"id":"q2","content":"x"})");
    talk.http.respond_head(talk.http.last().id, 200, event_stream());
    for (int i = 0; i < 11; ++i) {
      talk.pass(10s);
      talk.http.respond_body(talk.http.last().id, ": OPENROUTER PROCESSING\n\n");
    }
    CHECK(terminals(talk.heard(id)).empty());
    talk.pass(10s);
    CHECK(code_of(terminal(talk.heard(id))) == "timeout_first_token");

    // Silence after the first token is another kind.
    talk.say(id, R"({"id":"q3","content":"x"})");
    talk.http.respond_head(talk.http.last().id, 200, event_stream());
    talk.http.respond_body(talk.http.last().id, chunk("a"));
    talk.pass(120s - 1ms);
    CHECK(terminals(talk.heard(id)).empty());
    talk.pass(1ms);
    CHECK(code_of(terminal(talk.heard(id))) == "timeout_idle");
    CHECK(talk.http.open_calls() == 0u);
  }
}

TEST_CASE("upstream_failures: an answer that never ends has a limit, when the operator set one") {
  auto chosen = settings();
  chosen.total_timeout = 30s;
  fixture talk(chosen);
  const auto id = talk.connect();
  talk.say(id, query(true));
  talk.http.respond_head(talk.http.last().id, 200, event_stream());
  for (int i = 0; i < 29; ++i) {
    talk.pass(1s);
    talk.http.respond_body(talk.http.last().id, chunk("t"));
  }
  CHECK(terminals(talk.heard(id)).empty());
  talk.pass(1s);
  check_is_failure(terminal(talk.heard(id)), true, "timeout_total");
}

TEST_CASE("upstream_failures: what may succeed later is tried again, unseen by the client") {
  auto chosen = settings();
  chosen.max_retries = 2;
  fixture talk(chosen);
  const auto id = talk.connect();
  talk.http.reply_with(refusal(503, "{}"));
  talk.http.reply_with(refusal(429, "{}", {{"Retry-After", "1"}}));
  talk.http.reply_with(answer({"at last"}));
  auto frames = talk.say(id, query(true));
  talk.pass(1min);
  for (frame& each : talk.heard(id)) frames.push_back(std::move(each));
  CHECK(terminal(frames).content() == "at last");
  CHECK(talk.http.calls().size() == 3u);
  CHECK(talk.log.has("completion_retry"));
}

TEST_CASE("upstream_failures: retries end, and the hint is passed on") {
  auto chosen = settings();
  chosen.max_retries = 1;
  fixture talk(chosen);
  const auto id = talk.connect();
  talk.http.reply_with(refusal(429, "{}", {{"Retry-After", "2"}}));
  talk.http.reply_with(refusal(429, "{}", {{"Retry-After", "2"}}));
  talk.say(id, query(false));
  talk.pass(1min);
  const frame end = terminal(talk.heard(id));
  check_is_failure(end, false, "provider_rate_limited");
  CHECK(end.truth("retryable"));
  CHECK(end.number("retry_after_ms") == 2000);
  CHECK(talk.http.calls().size() == 2u);
}

TEST_CASE("upstream_failures: nothing is tried again once a token was there") {
  auto chosen = settings();
  chosen.max_retries = 2;
  fixture talk(chosen);
  const auto id = talk.connect();
  aw::testing::http_script script;
  talk.http.reply_with(
      script.head(200, event_stream()).body(chunk("part")).fail(aw::errc::connection_failed));
  CHECK(code_of(terminal(talk.say(id, query(true)))) == "truncated");
  talk.pass(5min);
  CHECK(talk.http.calls().size() == 1u);
}

TEST_CASE("upstream_failures: a failed question is not part of the next request") {
  fixture talk;
  const auto id = talk.connect();
  talk.http.reply_with(refusal(500, ""));
  talk.say(id, query(false));
  talk.ask(id, R"({"content":"next"})", {"a"});
  CHECK(transcript(talk.http.last().request) == "system:P|user:next");
}

TEST_CASE("upstream_failures: queries that wait are answered after one that failed") {
  fixture talk;
  const auto id = talk.connect();
  talk.say(id, query(false));
  talk.say(id, R"({"id":"q2","content":"y"})");
  talk.http.reply_with(answer({"a"}));
  talk.http.respond(talk.http.calls()[0].id, 500, {}, "");
  talk.run();
  const auto ends = terminals(talk.heard(id));
  REQUIRE(ends.size() == 2u);
  CHECK(code_of(ends[0]) == "provider_error");
  CHECK(ends[1].ref() == "q2");
  CHECK(ends[1].content() == "a");
}
