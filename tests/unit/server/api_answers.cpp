// SPDX-License-Identifier: MIT
#include <agent_websocket/server/api_answers.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aw = agent_websocket;
namespace answers = agent_websocket::api_answers;
using aw::http::response;

namespace {

std::string told_of(const aw::reached& what, bool may_be_lost) {
  std::string text;
  aw::json::writer w(text);
  w.begin_object();
  answers::tell_reached(w, what, may_be_lost);
  w.end_object();
  return text;
}

/// The responses to `what`, of a handler that writes the number of sessions.
std::vector<response> responses(const std::optional<aw::reached>& what) {
  std::vector<response> given;
  const aw::respond_handler respond = [&given](response made) { given.push_back(std::move(made)); };
  const auto handler = answers::telling(
      respond, "s1",
      [](aw::json::writer& w, const aw::reached& told) { w.member("sessions", told.sessions); });
  handler(what);
  return given;
}

response response_to(const std::optional<aw::reached>& what) {
  auto given = responses(what);
  REQUIRE(given.size() == 1u);
  return given[0];
}

std::string code_of(const response& refusal) {
  return std::string(frame(refusal.body).text("error.code"));
}

}  // namespace

TEST_CASE("api_answers: `kept` is what also reaches clients that come back") {
  aw::reached told;
  told.sessions = 2;
  told.sockets = 3;
  CHECK(told_of(told, false) == R"({"sockets":3,"kept":true})");
  CHECK(told_of(told, true) == R"({"sockets":3,"kept":false})");
  told.unkept = 1;
  CHECK(told_of(told, false) == R"({"sockets":3,"kept":false})");
  told.unkept = 0;
  told.passed_on = true;
  CHECK(told_of(told, false) == R"({"sockets":3,"kept":false,"passed_on":true})");
}

TEST_CASE("api_answers: all that is told of a session") {
  aw::session_summary of;
  of.id = "s1";
  of.user = "al\"ice";
  of.sockets = 2;
  of.created = "2026-01-01T00:00:00.000Z";
  of.last_activity = "2026-01-01T00:00:01.000Z";
  of.running = true;
  of.queued = 3;
  of.messages = 4;
  std::string text;
  aw::json::writer w(text);
  answers::describe(w, of);
  CHECK(text ==
        R"({"id":"s1","user":"al\"ice","sockets":2,"created":"2026-01-01T00:00:00.000Z",)"
        R"("last_activity":"2026-01-01T00:00:01.000Z","running":true,"queued":3,"messages":4})");
}

TEST_CASE("api_answers: what came of it decides the status") {
  aw::reached told;
  told.sessions = 2;
  const response good = response_to(told);
  CHECK(good.status == 200);
  CHECK(good.body == R"({"sessions":2})"
                     "\n");
  told.unkept = 1;
  CHECK(response_to(told).status == 200);  // of some sessions it was kept
  told.unkept = 2;
  CHECK(response_to(told).status == 503);
  CHECK(response_to(told).body == answers::not_kept().body);
  told.refused = true;
  CHECK(response_to(told).status == 503);
  CHECK(response_to(told).body == answers::not_done().body);
  CHECK(response_to(std::nullopt).status == 404);
  CHECK(response_to(std::nullopt).body == answers::session_not_found("s1").body);
  aw::reached elsewhere;
  elsewhere.passed_on = true;
  CHECK(response_to(elsewhere).status == 202);
}

TEST_CASE("api_answers: nothing to be reached is no failure") {
  CHECK(response_to(aw::reached{}).status == 200);
}

TEST_CASE("api_answers: each refusal has its status and code, and says when to come back") {
  struct row {
    response refusal;
    int status;
    const char* code;
    const char* retry_after;
  };
  for (const row& each :
       {row{answers::refused(aw::error(aw::errc::bad_json, "why")), 400, "bad_json", ""},
        row{answers::not_done(), 503, "internal", "5"},
        row{answers::not_kept(), 503, "internal", "5"},
        row{answers::session_not_found("s1"), 404, "session_not_found", ""},
        row{answers::bad_key(), 400, "bad_idempotency_key", ""},
        row{answers::key_reused(), 422, "idempotency_key_reused", ""},
        row{answers::key_in_use(), 409, "idempotency_key_in_use", "1"}}) {
    CAPTURE(each.refusal.body);
    CHECK(each.refusal.status == each.status);
    CHECK(code_of(each.refusal) == each.code);
    CHECK(each.refusal.headers.find("Retry-After").value_or("") == each.retry_after);
  }
  CHECK(answers::refused(aw::error(aw::errc::bad_json, "why \"so\"")).body.find(R"(why \"so\")") !=
        std::string::npos);
}

TEST_CASE("api_answers: an id is repeated when it is one") {
  CHECK(answers::session_not_found("s1").body.find("`s1`") != std::string::npos);
  for (const std::string& strange : {std::string("\"><script>"), std::string(10'000, 'x')}) {
    const response refusal = answers::session_not_found(strange);
    CHECK(refusal.body.find("of that id") != std::string::npos);
    CHECK(refusal.body.size() < 200u);
  }
}
