// SPDX-License-Identifier: MIT
//
// Who may use a server, after the handshake: the first message that brings a token, tokens that
// end, new ones, and whose a session is.
#include "flow/fixture.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace flow;

namespace {

/// Knows some tokens; answers at once, or when the test says so.
struct guard {
  std::map<std::string, aw::result<aw::principal>> known;
  bool at_once = true;
  std::vector<std::pair<std::string, aw::credential_source>> asked;
  std::vector<std::pair<aw::authentication_handler, aw::result<aw::principal>>> waiting;

  void authenticate(const aw::credentials& shown, aw::authentication_handler done) {
    asked.emplace_back(shown.token, shown.from);
    const auto found = known.find(std::string(shown.token));
    aw::result<aw::principal> who = found == known.end()
                                        ? aw::result<aw::principal>(aw::error(aw::errc::unauthorized))
                                        : found->second;
    if (at_once) return done(std::move(who));
    waiting.emplace_back(std::move(done), std::move(who));
  }
  void answer_all() {
    for (auto& each : std::exchange(waiting, {})) each.first(each.second);
  }
};

struct guarded : basic_fixture<aw::testing::mock_transport, guard> {
  explicit guarded(aw::options chosen = settings()) : basic_fixture(std::move(chosen)) {
    doors.known.emplace("ada-1", aw::principal{"ada"});
    doors.known.emplace("ada-2", aw::principal{"ada"});
    doors.known.emplace("bob-1", aw::principal{"bob"});
    doors.known.emplace("old", aw::error(aw::errc::token_expired));
    doors.known.emplace("banned", aw::error(aw::errc::forbidden));
    doors.known.emplace("broken", aw::error(aw::errc::internal));
    start();
  }
  /// A token of ada's that lasts so long from now.
  std::string lasting(aw::duration life) {
    const std::string token = "lasts" + std::to_string(doors.known.size());
    doors.known.emplace(
        token, aw::principal{"ada", clock.wall_now() +
                                        std::chrono::duration_cast<aw::wall_time::duration>(life)});
    return token;
  }
  /// A socket that has shown nothing.
  aw::connection_id knock() {
    const aw::connection_id id = transport.connect();
    run();
    return id;
  }
  static std::string hello(const std::string& token, const std::string& more = {}) {
    return R"({"type":"command","op":"hello","v":1,"auth":{"token":")" + token + R"("})" + more +
           "}";
  }
  static std::string auth(const std::string& token) {
    return R"({"type":"command","op":"auth","id":"a1","auth":{"token":")" + token + R"("}})";
  }
  /// A socket that has shown that token, with its welcome looked at.
  aw::connection_id enter(const std::string& token) {
    const aw::connection_id id = knock();
    const auto frames = say(id, auth(token));
    REQUIRE(frames.size() == 2u);
    CHECK(frames[0].op() == "welcome");
    CHECK(frames[1].op() == "ack");
    back_to[id] = R"(,"session_id":")" + frames[0].text("session_id") +
                  R"(","resume":{"token":")" + frames[0].text("resume_token") +
                  R"(","epoch":")" + frames[0].text("epoch") + R"(","last_seq":0})";
    return id;
  }
  int closed_with(aw::connection_id id) {
    const auto sent = transport.close_sent(id);
    return sent ? sent->first : 0;
  }
  std::map<aw::connection_id, std::string> back_to;  // what its hello would say to resume
  std::string owner(aw::connection_id id) { return session(id)->owner().name; }
};

}  // namespace

TEST_CASE_FIXTURE(guarded, "authentication: nothing is said to who has shown nothing") {
  const auto id = knock();
  CHECK(heard(id).empty());
  CHECK(server.session_count() == 0u);
  pass_in_silence(9s);
  CHECK(transport.is_open(id));
  pass_in_silence(1s);
  CHECK(closed_with(id) == 4408);
  CHECK(heard(id).back().code() == "unauthorized");
}

TEST_CASE_FIXTURE(guarded, "authentication: a hello with a token begins a session of its user") {
  const auto id = knock();
  const auto frames = say(id, hello("ada-1", R"(,"caps":["delta"])"));
  REQUIRE(frames.size() >= 3u);
  CHECK(frames[0].op() == "welcome");
  CHECK(frames[1].op() == "welcome");
  CHECK(frames[2].op() == "live");
  CHECK(owner(id) == "ada");
  CHECK(doors.asked.back() ==
        std::pair<std::string, aw::credential_source>("ada-1", aw::credential_source::message));
  const auto answered = ask(id, R"({"content":"x"})", {"yes"});
  CHECK(terminal(answered).content() == "yes");
  pass(1min);
  CHECK(transport.is_open(id));
}

TEST_CASE_FIXTURE(guarded, "authentication: an auth command does as well, and is acknowledged") {
  const auto id = enter("bob-1");
  CHECK(owner(id) == "bob");
  CHECK(terminal(ask(id, R"({"content":"x"})", {"yes"})).content() == "yes");
}

TEST_CASE_FIXTURE(guarded, "authentication: what else comes first is refused, and the socket closed") {
  struct row {
    std::string text, code;
    int close;
  };
  const std::vector<row> rows{
      {R"({"content":"let me in"})", "unauthorized", 4401},
      {R"({"type":"command","op":"hello","v":1})", "unauthorized", 4401},
      {R"({"type":"command","op":"ping"})", "unauthorized", 4401},
      {R"({"type":"command","op":"auth"})", "bad_message", 4401},
      {R"({"type":"command","op":"auth","auth":{"token":""}})", "bad_message", 4401},
      {R"({"type":"command","op":"auth","auth":"ada-1"})", "bad_message", 4401},
      {"ada-1", "bad_json", 4401},
      {hello("nonsense"), "unauthorized", 4401},
      {hello("old"), "token_expired", 4004},
      {auth("banned"), "forbidden", 4403},
      {auth("broken"), "internal", 4000},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto id = knock();
    const auto frames = say(id, each.text);
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].code() == each.code);
    CHECK(closed_with(id) == each.close);
    transport.receive(id, hello("ada-1"));  // too late
    run();
    CHECK(heard(id).empty());
    transport.disconnect(id);
  }
  const auto binary = knock();
  transport.receive_binary(binary, 3);
  run();
  CHECK(closed_with(binary) == 4401);
  CHECK(server.session_count() == 0u);
  for (const std::string& line : log.lines) CHECK_FALSE(mentions(line, "nonsense"));
}

TEST_CASE_FIXTURE(guarded, "authentication: messages behind a token that is being checked wait") {
  doors.at_once = false;
  const auto id = transport.connect();
  doors.answer_all();  // of the handshake
  run();
  say(id, hello("ada-1"));
  CHECK(say(id, R"({"type":"command","op":"ping","id":"p1"})").empty());
  http.reply_with(answer({"yes"}));
  CHECK(say(id, R"({"content":"x"})").empty());
  doors.answer_all();
  run();
  const auto frames = heard(id);
  REQUIRE(frames.size() >= 4u);
  CHECK(frames[0].op() == "welcome");
  CHECK(terminal(frames).content() == "yes");
  CHECK(std::any_of(frames.begin(), frames.end(),
                    [](const frame& each) { return each.op() == "pong"; }));
}

TEST_CASE_FIXTURE(guarded, "authentication: what waits is bounded; who has gone is forgotten") {
  doors.at_once = false;
  const auto flood = transport.connect();
  const auto gone = transport.connect();
  doors.answer_all();
  run();
  say(flood, hello("ada-1"));
  say(gone, hello("ada-1"));
  for (int i = 0; i < 65 && transport.is_open(flood); ++i)
    transport.receive(flood, R"({"type":"command","op":"ping"})");
  run();
  CHECK(closed_with(flood) == 4401);
  transport.disconnect(gone);
  run();
  doors.answer_all();
  run();
  CHECK(server.session_count() == 0u);
  const auto late = transport.connect();
  doors.answer_all();
  run();
  say(late, hello("ada-1"));
  pass_in_silence(1min);  // the authenticator's time is not the client's
  CHECK(transport.is_open(late));
  doors.answer_all();
  run();
  CHECK(heard(late)[0].op() == "welcome");
}

TEST_CASE("authentication: with AUTH_TIMEOUT 0 the handshake must have the token") {
  auto chosen = settings();
  chosen.access.auth_timeout = 0ms;
  guarded talk(chosen);
  const auto id = talk.knock();
  CHECK(talk.transport.response_of(id).status == 401);
}

TEST_CASE("authentication: a token in the handshake needs no message") {
  guarded talk;
  aw::handshake request;
  request.request.headers.add("Authorization", "Bearer ada-1");
  const auto id = talk.connect(request);
  CHECK(talk.owner(id) == "ada");
  request.request.headers = {};
  request.request.headers.add("Authorization", "Bearer nonsense");
  const auto wrong = talk.transport.connect(request);
  talk.run();
  CHECK(talk.transport.response_of(wrong).status == 401);
}

TEST_CASE("authentication: a session is its user's alone") {
  auto chosen = settings();
  chosen.session.resume_window = 1h;
  guarded talk(chosen);
  const auto id = talk.enter("ada-1");
  talk.ask(id, R"({"content":"x"})", {"yes"});
  const std::string back = talk.back_to.at(id);
  talk.transport.disconnect(id);
  talk.run();
  const auto thief = talk.knock();
  const auto refused = talk.say(thief, guarded::hello("bob-1", back));
  REQUIRE(refused.size() >= 2u);
  CHECK(refused[1].text("reason") == "forbidden");
  const auto again = talk.knock();
  const auto resumed = talk.say(again, guarded::hello("ada-2", back));
  REQUIRE(resumed.size() >= 2u);
  CHECK(resumed[1].text("reason") == "ok");
}

TEST_CASE_FIXTURE(guarded, "authentication: a token that ends is asked for, and closes with 4004") {
  const auto id = enter(lasting(10min));
  pass(8min + 59s);
  CHECK(heard(id).empty());
  pass(2s);
  const auto warned = heard(id);
  REQUIRE(warned.size() == 1u);
  CHECK(warned[0].op() == "auth_expiring");
  CHECK(warned[0].text("expires_at").size() == 24u);
  pass(1min);
  const auto refused = say(id, R"({"content":"x","id":"q1"})");
  REQUIRE(refused.size() == 1u);
  CHECK(refused[0].code() == "token_expired");
  CHECK(refused[0].text("ref") == "q1");
  CHECK(say(id, R"({"type":"command","op":"ping"})")[0].op() == "pong");
  const auto resumes = say(id, hello("ada-1", back_to.at(id)));
  REQUIRE(resumes.size() == 1u);
  CHECK(resumes[0].code() == "token_expired");
  pass(30s);
  CHECK(closed_with(id) == 4004);
}

TEST_CASE_FIXTURE(guarded, "authentication: a new token keeps the socket") {
  const auto id = enter(lasting(10min));
  pass(9min + 30s);
  heard(id);
  const auto taken = say(id, auth(lasting(10min)));
  REQUIRE(taken.size() == 1u);
  CHECK(taken[0].op() == "ack");
  pass(5min);
  CHECK(terminal(ask(id, R"({"content":"x"})", {"yes"})).content() == "yes");
  pass(4min);
  CHECK(heard(id).back().op() == "auth_expiring");
  CHECK(say(id, auth("ada-1"))[0].op() == "ack");  // one that does not end
  pass(25min);
  CHECK(transport.is_open(id));
}

TEST_CASE_FIXTURE(guarded, "authentication: also in the grace; then what was refused is asked again") {
  const auto id = enter(lasting(2min));
  pass(2min + 5s);
  heard(id);
  CHECK(say(id, R"({"content":"x","id":"q1"})")[0].code() == "token_expired");
  CHECK(say(id, auth("ada-2"))[0].op() == "ack");
  CHECK(terminal(ask(id, R"({"content":"x","id":"q1"})", {"yes"})).content() == "yes");
}

TEST_CASE_FIXTURE(guarded, "authentication: a wrong new token changes nothing, many of them end it") {
  const auto id = enter(lasting(10min));
  CHECK(say(id, auth("nonsense"))[0].code() == "unauthorized");
  CHECK(say(id, auth("bob-1"))[0].code() == "forbidden");
  CHECK(say(id, auth("old"))[0].code() == "token_expired");
  CHECK(owner(id) == "ada");
  CHECK(terminal(ask(id, R"({"content":"x"})", {"yes"})).content() == "yes");
  for (int i = 0; i < 10; ++i) say(id, auth("nonsense"));
  CHECK(closed_with(id) == 4400);
}

TEST_CASE("authentication: an answer goes on when the token of its socket ends") {
  auto chosen = settings();
  chosen.session.resume_window = 1h;
  chosen.run_grace = 10min;
  guarded talk(chosen);
  const auto id = talk.enter(talk.lasting(2min));
  talk.say(id, R"({"content":"x","id":"q1"})");
  REQUIRE(talk.http.open_calls() == 1u);
  talk.pass(2min + 31s);
  CHECK(talk.closed_with(id) == 4004);
  const std::string back = talk.back_to.at(id);
  talk.transport.disconnect(id);
  talk.run();
  CHECK(talk.http.open_calls() == 1u);
  const auto again = talk.knock();
  const auto resumed = talk.say(again, guarded::hello("ada-2", back));
  CHECK(resumed[1].text("reason") == "ok");
  CHECK(talk.session(again)->core().running());
}

TEST_CASE_FIXTURE(guarded, "authentication: who has shown nothing is told of the end of the server") {
  const auto id = knock();
  server.stop();
  run();
  CHECK(closed_with(id) == 1012);
  CHECK(heard(id)[0].code() == "draining");
}
