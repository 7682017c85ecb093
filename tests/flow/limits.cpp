// SPDX-License-Identifier: MIT
//
// What holds clients off that take too much: each limit from the frame or request that runs into it
// to what the client is told, and that it holds no longer than it should.
#include "flow/fixture.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace flow;

namespace {

aw::options with_rate(unsigned per_minute, unsigned burst) {
  auto chosen = settings();
  chosen.access.messages_per_minute = per_minute;
  chosen.access.message_burst = burst;
  return chosen;
}

aw::options lasting() {
  auto chosen = settings();
  chosen.session.resume_window = 300s;
  chosen.run_grace = 120s;
  return chosen;
}

/// What a client remembers of its session.
struct ticket {
  explicit ticket(const frame& welcome)
      : session_id(welcome.text("session_id")),
        token(welcome.text("resume_token")),
        epoch(welcome.text("epoch")) {}
  std::string session_id, token, epoch;

  std::string hello(int last_seq = 0) const {
    return R"({"type":"command","op":"hello","id":"h","v":1,"session_id":")" + session_id +
           R"(","resume":{"token":")" + token + R"(","epoch":")" + epoch + R"(","last_seq":)" +
           std::to_string(last_seq) + "}}";
  }
};

struct limited : fixture {
  explicit limited(aw::options chosen) : fixture(std::move(chosen)) {}

  /// Connects without looking at the welcome; gives the id.
  aw::connection_id arrive(std::string address = {}, aw::http::header_list headers = {}) {
    if (!transport.listening()) start();
    aw::handshake request;
    request.remote_address = std::move(address);
    request.request.headers = std::move(headers);
    const auto id = transport.connect(std::move(request));
    run();
    return id;
  }
  std::vector<frame> tell(aw::connection_id id, std::string_view text) {
    transport.receive(id, text);
    run();
    return frames(id);
  }
  std::vector<frame> frames(aw::connection_id id) {
    std::vector<frame> all;
    for (std::string& each : transport.take_sent(id)) all.emplace_back(std::move(each));
    return all;
  }
  ticket welcome(aw::connection_id id) { return ticket(frames(id).at(0)); }
  int status(aw::connection_id id) const { return transport.response_of(id).status; }
  std::string retry_after(aw::connection_id id) const {
    const auto answer = transport.response_of(id);
    return std::string(answer.headers.find("Retry-After").value_or(""));
  }
  /// The code of the one error among them, or all that came.
  static std::string code(const std::vector<frame>& frames) {
    std::string all;
    for (const frame& each : frames) {
      if (each.type() == "error") return each.text("code");
      all += each.op() + " ";
    }
    return all;
  }
};

std::string numbered(const char* before, int number, const char* after) {
  return before + std::to_string(number) + after;
}

}  // namespace

// ---- messages

TEST_CASE("limits: a client is told how much it may say") {
  auto chosen = with_rate(60, 30);
  chosen.session.max_content_bytes = 5'000;
  limited talk(chosen);
  const auto told = talk.frames(talk.arrive()).at(0);
  CHECK(told.number("limits.messages_per_minute") == 60);
  CHECK(told.number("limits.message_burst") == 30);
  CHECK(told.number("limits.max_content_bytes") == 5'000);
  CHECK(told.number("limits.max_message_bytes") == 65'536);
  CHECK(told.number("limits.max_queued") == 16);
  limited free(settings());
  CHECK_FALSE(free.frames(free.arrive()).at(0).has("limits.messages_per_minute"));
}

TEST_CASE("limits: the defaults are those of the documentation") {
  aw::options chosen;
  chosen.base_url = "http://localhost/v1";
  limited talk(chosen);
  const auto id = talk.arrive();
  CHECK(talk.frames(id).at(0).number("limits.messages_per_minute") == 60);
  int taken = 0;
  while (taken < 99 &&
         limited::code(talk.tell(id, R"({"type":"command","op":"info"})")) == "info ") {
    ++taken;
  }
  CHECK(taken == 30);
  std::vector<aw::connection_id> all;
  for (int i = 0; i < 251; ++i) all.push_back(talk.arrive("192.0.2.9"));
  CHECK(talk.status(all[249]) == 101);
  CHECK(talk.status(all[250]) == 429);  // a quarter of 500 a second, twice that at once
}

TEST_CASE("limits: messages beyond the rate are refused with the time to wait") {
  limited talk(with_rate(60, 2));
  const auto id = talk.arrive();
  talk.frames(id);
  talk.http.reply_with(answer({"a"}));
  CHECK(terminal(talk.tell(id, R"({"id":"q1","content":"x"})")).content() == "a");
  CHECK(limited::code(talk.tell(id, R"({"type":"command","op":"info"})")) == "info ");
  const auto refused = talk.tell(id, R"({"id":"q2","content":"x"})");
  REQUIRE(refused.size() == 1u);
  CHECK(refused[0].text("code") == "rate_limited");
  CHECK(refused[0].text("ref") == "q2");
  CHECK(refused[0].json("retryable") == "true");
  CHECK(refused[0].number("retry_after_ms") == 1'000);
  CHECK_FALSE(refused[0].is_terminal());  // it was not accepted
  for (const char* each :
       {R"({"type":"command","op":"set","data":{"temperature":1}})",
        R"({"type":"command","op":"clear"})", R"({"type":"command","op":"history"})",
        R"({"type":"command","op":"regenerate"})", R"({"type":"command","op":"made_up"})",
        R"({"type":"human_feedback","ref":"q1","rating":1})"}) {
    CAPTURE(each);
    CHECK(limited::code(talk.tell(id, each)) == "rate_limited");
  }
  CHECK(talk.transport.is_open(id));
  talk.clock.advance(999ms);
  CHECK(limited::code(talk.tell(id, R"({"type":"command","op":"info"})")) == "rate_limited");
  talk.clock.advance(1ms);
  talk.http.reply_with(answer({"b"}));
  CHECK(terminal(talk.tell(id, R"({"id":"q2","content":"x"})")).content() == "b");
}

TEST_CASE("limits: what keeps a conversation going is never held off") {
  limited talk(with_rate(60, 1));
  const auto id = talk.arrive();
  talk.frames(id);
  talk.tell(id, R"({"id":"q1","content":"x"})");
  CHECK(limited::code(talk.tell(id, R"({"type":"command","op":"info"})")) == "rate_limited");
  CHECK(limited::code(talk.tell(id, R"({"type":"command","op":"ping","id":"p"})")) == "pong ");
  CHECK(talk.tell(id, R"({"type":"command","op":"ack","seq":0})").empty());
  CHECK(limited::code(talk.tell(id, R"({"type":"command","op":"hello","v":1})"))
            .find("welcome") == 0u);
  CHECK(limited::code(talk.tell(id, R"({"type":"human_feedback","ref":"f9","decision":"approve"})"))
            .find("feedback_unknown") == 0u);
  CHECK(limited::code(
            talk.tell(id, R"({"type":"command","op":"tool_result","ref":"t1","data":1})")) !=
        "rate_limited");
  CHECK(terminal(talk.tell(id, R"({"type":"command","op":"cancel"})")).text("status") ==
        "cancelled");
  CHECK(limited::code(talk.tell(id, R"({"type":"command","op":"close"})")) == "close ");
}

TEST_CASE("limits: what a client says again after a break is not lost") {
  auto chosen = lasting();
  chosen.access.messages_per_minute = chosen.access.user_messages_per_minute = 60;
  chosen.access.message_burst = 3;
  chosen.access.user_message_burst = 3;
  limited talk(chosen);
  auto id = talk.arrive();
  const auto mine = talk.welcome(id);
  talk.http.reply_with(answer({"a"}));
  talk.tell(id, R"({"id":"q1","content":"x"})");
  talk.tell(id, R"({"type":"command","id":"s1","op":"set","data":{"temperature":1}})");
  talk.tell(id, R"({"type":"human_feedback","id":"f1","ref":"q1","rating":1})");
  talk.transport.disconnect(id);
  id = talk.arrive();
  talk.frames(id);
  talk.tell(id, mine.hello());
  // Nothing is left of the user's rate; what has arrived is acknowledged all the same.
  CHECK(limited::code(talk.tell(id, R"({"id":"q2","content":"y"})")) == "rate_limited");
  auto again = talk.tell(id, R"({"id":"q1","content":"x"})");
  CHECK(again.at(0).op() == "ack");
  CHECK(again.at(0).json("duplicate") == "true");
  CHECK(terminal(again).content() == "a");
  again = talk.tell(id, R"({"type":"command","id":"s1","op":"set","data":{"temperature":1}})");
  CHECK(again.at(0).json("duplicate") == "true");
  again = talk.tell(id, R"({"type":"human_feedback","id":"f1","ref":"q1","rating":1})");
  CHECK(again.at(0).json("duplicate") == "true");
  // But no way around the limit: these are done as often as they are sent.
  for (const char* op : {"history", "clear", "info", "made_up"}) {
    CHECK(limited::code(talk.tell(id, R"({"type":"command","id":"q1","op":")" + std::string(op) +
                                          "\"}")) == "rate_limited");
  }
}

TEST_CASE("limits: a user's rate holds over all of his sockets") {
  auto chosen = settings();
  chosen.access.user_messages_per_minute = 60;
  chosen.access.user_message_burst = 2;
  limited talk(chosen);
  const auto one = talk.arrive(), two = talk.arrive(), other = talk.arrive("192.0.2.9");
  for (const auto each : {one, two, other}) talk.frames(each);
  constexpr auto info = R"({"type":"command","id":"i","op":"info"})";
  CHECK(limited::code(talk.tell(one, info)) == "info ");
  CHECK(limited::code(talk.tell(two, info)) == "info ");
  const auto refused = talk.tell(two, info);
  CHECK(limited::code(refused) == "rate_limited");
  CHECK(refused.at(0).number("retry_after_ms") == 1'000);
  CHECK(limited::code(talk.tell(one, info)) == "rate_limited");
  CHECK(limited::code(talk.tell(other, info)) == "info ");
  talk.transport.disconnect(two);
  const auto anew = talk.arrive();
  talk.frames(anew);
  CHECK(limited::code(talk.tell(anew, info)) == "rate_limited");
}

TEST_CASE("limits: who sends without end is sent away, whatever he sends") {
  for (const char* text : {R"({"type":"command","op":"ping"})", "{", R"({"content":"x"})"}) {
    CAPTURE(text);
    auto chosen = with_rate(10, 5);
    chosen.session.max_bad_messages = 0;
    limited talk(chosen);
    const auto id = talk.arrive();
    int count = 0;
    while (talk.transport.is_open(id) && count < 10'000) {
      talk.transport.receive(id, text);
      ++count;
    }
    CHECK(count == 301);
    REQUIRE(talk.transport.close_sent(id));
    CHECK(talk.transport.close_sent(id)->first == 4005);
    CHECK(talk.transport.close_sent(id)->second == "rate_exceeded");
  }
  limited talk(with_rate(10, 5));
  const auto id = talk.arrive();
  for (int i = 0; i < 301; ++i) {
    if (!talk.transport.is_open(id)) break;
    i % 2 == 0 ? talk.transport.receive_binary(id, 1) : talk.transport.receive_oversized(id, 1);
    talk.transport.receive(id, R"({"type":"command","op":"ping"})");  // or it were bad messages
  }
  CHECK(talk.transport.close_sent(id)->first == 4005);
}

TEST_CASE("limits: the text of a query") {
  auto chosen = settings();
  chosen.session.max_content_bytes = 4;
  limited talk(chosen);
  const auto id = talk.arrive();
  talk.frames(id);
  const auto refused = talk.tell(id, R"({"id":"q1","content":"12345"})");
  CHECK(limited::code(refused) == "too_large");
  CHECK(refused.at(0).text("ref") == "q1");
  CHECK(refused.at(0).content() == "`content` has 5 bytes; at most 4 are allowed");
  CHECK(talk.http.open_calls() == 0u);
}

TEST_CASE("limits: JSON that is nested too deeply") {
  limited talk(settings());
  const auto id = talk.arrive();
  talk.frames(id);
  const auto refused =
      talk.tell(id, R"({"content":"x","meta":{"a":)" + std::string(100, '[') +
                        std::string(100, ']') + "}}");
  CHECK(limited::code(refused) == "bad_json");
  CHECK(mentions(refused.at(0).content(), "nested too deeply, at most 64 levels are allowed"));
}

TEST_CASE("limits: the history in bytes, as it goes upstream") {
  auto chosen = settings();
  chosen.session.max_history_bytes = 400;
  limited talk(chosen);
  const auto id = talk.arrive();
  for (int i = 1; i <= 6; ++i) {
    talk.http.reply_with(answer({"answer" + std::to_string(i)}));
    talk.tell(id, numbered(R"({"content":"question)", i, "\"}"));
  }
  const std::string sent = transcript(talk.http.last().request);
  CHECK(mentions(sent, "system:P|"));
  CHECK(mentions(sent, "question6"));
  CHECK(mentions(sent, "answer5"));
  CHECK_FALSE(mentions(sent, "question1"));
}

// ---- budgets

TEST_CASE("limits: what is cancelled, cut or too late counts by its length") {
  auto chosen = settings();
  chosen.access.daily_tokens_per_user = 200;
  const std::string question = std::string(1200, 'x');
  for (const char* how : {"cancel", "timeout"}) {
    CAPTURE(how);
    limited talk(chosen);
    const auto id = talk.arrive();
    talk.frames(id);
    const bool cancels = how == std::string("cancel");
    talk.tell(id, R"({"id":"q1","timeout_ms":5000,"content":")" + question + R"("})");
    REQUIRE(talk.http.open_calls() == 1u);
    if (cancels) {
      talk.tell(id, R"({"type":"command","op":"cancel"})");
    } else {
      talk.pass(6s);
    }
    talk.frames(id);
    CHECK(talk.http.open_calls() == 0u);
    CHECK(limited::code(talk.tell(id, R"({"content":"x"})")) == "quota_exceeded");
  }
}

TEST_CASE("limits: what upstream has refused costs nothing") {
  auto chosen = settings();
  chosen.access.daily_tokens_per_user = 200;
  chosen.max_retries = 0;
  limited talk(chosen);
  const auto id = talk.arrive();
  talk.frames(id);
  talk.http.reply_with(refusal(429, ""));
  talk.tell(id, R"({"content":")" + std::string(1200, 'x') + R"("})");
  talk.http.reply_with(answer({"yes"}));
  CHECK(terminal(talk.tell(id, R"({"content":"x"})")).content() == "yes");
}

TEST_CASE("limits: what waited behind the answer that used the budget up does not begin") {
  auto chosen = settings();
  chosen.access.daily_tokens_per_user = 100;  // an answer here has 110
  limited talk(chosen);
  const auto id = talk.arrive();
  talk.frames(id);
  talk.http.reply_with(answer({"yes"}));
  for (const char* each : {R"({"id":"q1","content":"x"})", R"({"id":"q2","content":"x"})"})
    talk.transport.receive(id, each);
  talk.run();
  const auto ends = terminals(talk.frames(id));
  REQUIRE(ends.size() == 2u);
  CHECK(ends[0].content() == "yes");
  CHECK(ends[1].ref() == "q2");
  CHECK(ends[1].code() == "quota_exceeded");
  CHECK(talk.http.open_calls() == 0u);
}

TEST_CASE("limits: a day's tokens, until midnight") {
  auto chosen = settings();
  chosen.access.daily_tokens_per_user = 200;  // an answer here has 110
  chosen.session_timeout = 100h;
  chosen.session.heartbeat_interval = 100h;
  limited talk(chosen);
  const auto one = talk.arrive(), two = talk.arrive(), other = talk.arrive("192.0.2.9");
  for (const auto each : {one, two, other}) talk.frames(each);
  talk.clock.advance(1h);
  for (const auto each : {one, two}) {
    talk.http.reply_with(answer({"a"}));
    CHECK(terminal(talk.tell(each, R"({"id":"q1","content":"x"})")).content() == "a");
  }
  for (const char* each :
       {R"({"id":"q2","content":"x"})", R"({"type":"command","id":"q2","op":"regenerate"})"}) {
    const auto refused = talk.tell(one, each);
    REQUIRE(refused.size() == 1u);
    CHECK(refused[0].text("code") == "quota_exceeded");
    CHECK(refused[0].text("ref") == "q2");
    CHECK(refused[0].number("retry_after_ms") == 23 * 3'600'000);
  }
  CHECK(limited::code(talk.tell(one, R"({"type":"command","op":"history"})")) == "history ");
  // An answer that was paid for is given again.
  CHECK(terminal(talk.tell(one, R"({"id":"q1","content":"x"})")).content() == "a");
  talk.http.reply_with(answer({"b"}));
  CHECK(terminal(talk.tell(other, R"({"content":"x"})")).content() == "b");
  // A new socket does not help.
  const auto anew = talk.arrive();
  talk.frames(anew);
  CHECK(limited::code(talk.tell(anew, R"({"content":"x"})")) == "quota_exceeded");
  talk.pass_in_silence(23h);
  talk.http.reply_with(answer({"c"}));
  CHECK(terminal(talk.tell(two, R"({"content":"x"})")).content() == "c");
}

TEST_CASE("limits: a day's money, also of what ended badly or without a client") {
  auto chosen = lasting();
  chosen.access.daily_cost_per_user = 0.0008;  // an answer here costs 0.0004
  limited talk(chosen);
  auto id = talk.arrive();
  talk.frames(id);
  talk.tell(id, R"({"content":"x"})");
  talk.transport.disconnect(id);  // its answer goes on
  const auto call = talk.http.last().id;
  talk.http.respond_head(call, 200, event_stream());
  talk.http.respond_body(call, chunk("a") + finish() + done());
  talk.http.complete(call);
  talk.run();
  id = talk.arrive();
  talk.frames(id);
  talk.http.reply_with(answer({"b"}));
  CHECK(terminal(talk.tell(id, R"({"content":"x"})")).content() == "b");
  CHECK(limited::code(talk.tell(id, R"({"content":"x"})")) == "quota_exceeded");
}

// ---- sessions

TEST_CASE("limits: of too many sessions the oldest that waits for its client goes") {
  auto chosen = lasting();
  chosen.access.max_sessions_per_user = 2;
  limited talk(chosen);
  std::vector<ticket> tickets;
  for (int i = 0; i < 3; ++i) {
    const auto id = talk.arrive();
    tickets.push_back(talk.welcome(id));
    CHECK(limited::code(talk.tell(id, R"({"type":"command","op":"info"})")) == "info ");
    talk.transport.disconnect(id);
    talk.clock.advance(1s);
  }
  CHECK(talk.server.session_count() == 2u);
  CHECK(talk.server.find_session(tickets[0].session_id) == nullptr);
  CHECK(talk.server.find_session(tickets[1].session_id) != nullptr);
  // Another user's stay.
  const auto other = talk.arrive("192.0.2.9");
  CHECK(limited::code(talk.tell(other, R"({"type":"command","op":"info"})")) == "welcome info ");
  CHECK(talk.server.session_count() == 3u);
}

TEST_CASE("limits: when all have a socket, a further session is refused") {
  auto chosen = lasting();
  chosen.access.max_sessions_per_user = 1;
  limited talk(chosen);
  const auto first = talk.arrive();
  const auto mine = talk.welcome(first);
  talk.tell(first, R"({"type":"command","op":"info"})");
  for (const char* each :
       {R"({"id":"q1","content":"x"})", R"({"type":"command","id":"q1","op":"hello","v":1})"}) {
    const auto id = talk.arrive();
    talk.frames(id);
    const auto refused = talk.tell(id, each);
    REQUIRE(refused.size() == 1u);
    CHECK(refused[0].text("code") == "too_many_connections");
    CHECK(refused[0].text("ref") == "q1");
    REQUIRE(talk.transport.close_sent(id));
    CHECK(talk.transport.close_sent(id)->first == 4429);
    CHECK(talk.transport.close_sent(id)->second == "connection_limit");
  }
  CHECK(talk.http.open_calls() == 0u);
  CHECK(talk.server.session_count() == 1u);
  // But a socket may come back to the one that there is, from beside or after a break.
  const auto beside = talk.arrive();
  talk.frames(beside);
  const auto back = talk.tell(beside, mine.hello());
  CHECK(back.at(0).json("recovered") == "true");
  talk.transport.disconnect(first);
  talk.transport.disconnect(beside);
  const auto again = talk.arrive();
  talk.frames(again);
  CHECK(talk.tell(again, ticket(back[0]).hello()).at(0).json("recovered") == "true");
  CHECK(limited::code(talk.tell(again, R"({"type":"command","op":"info"})")) == "info ");
  CHECK(talk.server.session_count() == 1u);
}

TEST_CASE("limits: sockets that say nothing, and who only greet on their way back, are no sessions") {
  auto chosen = lasting();
  chosen.access.max_sessions_per_user = 1;
  limited talk(chosen);
  const auto first = talk.arrive();
  talk.tell(first, R"({"type":"command","op":"info"})");
  for (int i = 0; i < 5; ++i) {
    const auto id = talk.arrive();
    CHECK(limited::code(talk.tell(id, R"({"type":"command","op":"ping"})")) == "welcome pong ");
    CHECK(talk.transport.is_open(id));
  }
  CHECK(talk.server.session_count() == 6u);
}

TEST_CASE("limits: what the application told a session counts when it stays behind") {
  auto chosen = lasting();
  chosen.access.max_sessions_per_user = 1;
  limited talk(chosen);
  talk.router().on_connect(
      [](fixture::session_type& session, const aw::handshake&) { session.notify("news"); });
  for (int i = 0; i < 5; ++i) talk.transport.disconnect(talk.arrive());
  CHECK(talk.server.session_count() == 1u);
}

// ---- connections

TEST_CASE("limits: connections of one address, with the time to wait") {
  auto chosen = settings();
  chosen.access.max_connections_per_address = 2;
  limited talk(chosen);
  const auto one = talk.arrive("192.0.2.7"), two = talk.arrive("192.0.2.7");
  const auto three = talk.arrive("192.0.2.7"), other = talk.arrive("192.0.2.8");
  CHECK(talk.status(two) == 101);
  CHECK(talk.status(three) == 429);
  CHECK(talk.retry_after(three) == "5");
  CHECK(talk.status(other) == 101);
  CHECK(talk.log.has("connection_refused"));
  talk.transport.disconnect(one);
  CHECK(talk.status(talk.arrive("192.0.2.7")) == 101);
  CHECK(talk.status(talk.arrive("192.0.2.7")) == 429);
}

TEST_CASE("limits: connections in all, and new ones in a second") {
  auto chosen = settings();
  chosen.max_connections = 1;
  limited full(chosen);
  full.arrive("192.0.2.1");
  const auto refused = full.arrive("192.0.2.2");
  CHECK(full.status(refused) == 503);
  CHECK(full.retry_after(refused) == "5");
  chosen.max_connections = 0;
  chosen.access.new_connections_per_second = 1;
  limited slow(chosen);
  CHECK(slow.status(slow.arrive("192.0.2.1")) == 101);
  CHECK(slow.status(slow.arrive("192.0.2.2")) == 101);
  const auto late = slow.arrive("192.0.2.3");
  CHECK(slow.status(late) == 503);
  CHECK(slow.retry_after(late) == "1");
  slow.clock.advance(1s);
  CHECK(slow.status(slow.arrive("192.0.2.3")) == 101);
}

TEST_CASE("limits: behind a trusted proxy the client's own address counts, and is what is shown") {
  auto chosen = settings();
  chosen.access.trusted_proxies = {"loopback"};
  chosen.access.max_connections_per_address = 1;
  limited talk(chosen);
  std::string seen;
  talk.router().on_connect([&](fixture::session_type& session, const aw::handshake& request) {
    seen += session.remote_address() + " " + request.remote_address + " ";
  });
  CHECK(talk.status(talk.arrive("127.0.0.1", {{"X-Forwarded-For", "spoofed, 192.0.2.7"}})) == 101);
  CHECK(talk.status(talk.arrive("127.0.0.1", {{"X-Forwarded-For", "192.0.2.8"}})) == 101);
  CHECK(talk.status(talk.arrive("127.0.0.1", {{"X-Forwarded-For", "192.0.2.7"}})) == 429);
  CHECK(talk.status(talk.arrive("192.0.2.9", {{"X-Forwarded-For", "192.0.2.10"}})) == 101);
  CHECK(seen == "192.0.2.7 192.0.2.7 192.0.2.8 192.0.2.8 192.0.2.9 192.0.2.9 ");
  CHECK(talk.log.has("session_opened from 192.0.2.7"));
}

TEST_CASE("limits: pages of other origins get no socket") {
  limited talk(settings());
  const auto refused = talk.arrive("127.0.0.1", {{"Origin", "https://evil.example"}});
  CHECK(talk.status(refused) == 403);
  CHECK(mentions(talk.transport.response_of(refused).body, "ALLOWED_ORIGINS"));
  CHECK(talk.status(talk.arrive("127.0.0.1", {{"Origin", "http://localhost:8080"}})) == 101);
  CHECK(talk.status(talk.arrive("127.0.0.1", {{"Origin", "null"}})) == 403);
  auto chosen = settings();
  chosen.access.allowed_origins = {"https://*.example"};
  limited open(chosen);
  CHECK(open.status(open.arrive("127.0.0.1", {{"Origin", "https://good.example"}})) == 101);
}

TEST_CASE("limits: lists that are wrong stop the start, and are named") {
  auto chosen = settings();
  chosen.access.allowed_origins = {"example.com"};
  limited talk(chosen);
  const auto started = talk.server.start();
  REQUIRE_FALSE(started);
  CHECK(mentions(started.error().message, "ALLOWED_ORIGINS"));
  CHECK(mentions(started.error().message, "\"example.com\""));
}

namespace {

/// The name that a client gives itself.
struct by_name {
  void authenticate(const aw::credentials& shown, const aw::authentication_handler& done) const {
    if (shown.token.empty()) return done(aw::error(aw::errc::unauthorized));
    done(aw::principal{std::string(shown.token)});
  }
};

}  // namespace

TEST_CASE("limits: connections of one user, from whatever address") {
  auto chosen = settings();
  chosen.access.max_connections_per_user = 1;
  basic_fixture<aw::testing::mock_transport, by_name> talk(chosen);
  talk.start();
  const auto arrive = [&talk](const char* name, const char* address) {
    aw::handshake request;
    request.remote_address = address;
    request.request.headers = {{"Authorization", std::string("Bearer ") + name}};
    const auto id = talk.transport.connect(std::move(request));
    talk.run();
    return id;
  };
  const auto first = arrive("ada", "192.0.2.7");
  CHECK(talk.transport.response_of(first).status == 101);
  const auto refused = talk.transport.response_of(arrive("ada", "192.0.2.8"));
  CHECK(refused.status == 429);
  CHECK(refused.headers.find("Retry-After") == "5");
  CHECK(talk.transport.response_of(arrive("bob", "192.0.2.8")).status == 101);
  // Nor by a first message that says who it is.
  const auto late = talk.transport.connect();
  talk.transport.receive(late, R"({"type":"command","op":"hello","auth":{"token":"ada"}})");
  talk.run();
  REQUIRE(talk.transport.close_sent(late));
  CHECK(talk.transport.close_sent(late)->first == 4429);
  CHECK(mentions(talk.transport.sent(late).at(0), R"("code":"too_many_connections")"));
  talk.transport.disconnect(first);
  CHECK(talk.transport.response_of(arrive("ada", "192.0.2.8")).status == 101);
}

TEST_CASE("limits: who has not shown yet who he is may not send without end either") {
  auto chosen = with_rate(10, 5);
  basic_fixture<aw::testing::mock_transport, by_name> talk(chosen);
  talk.start();
  const auto id = talk.transport.connect();
  talk.run();
  for (int i = 0; i < 301; ++i) talk.transport.receive_pong(id);  // costs nothing
  CHECK(talk.transport.is_open(id));
  talk.transport.receive(id, R"({"type":"command","op":"hello","auth":{"token":"ada"}})");
  for (int i = 0; i < 301 && talk.transport.is_open(id); ++i)
    talk.transport.receive(id, R"({"type":"command","op":"ping"})");
  CHECK(talk.transport.close_sent(id)->first == 4005);
}
