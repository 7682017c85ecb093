// SPDX-License-Identifier: MIT
#include <agent_websocket/server/http_api.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aw = agent_websocket;
using namespace std::chrono_literals;
using aw::http::request;
using aw::http::response;

namespace {

const std::string token = "an-admin-token-0123456789";

/// Sessions s1, s2, ... and what was done to them.
struct fake_actions final : aw::api_actions {
  std::map<std::string, aw::session_summary> all;
  std::vector<std::string> done;

  explicit fake_actions(int count) {
    for (int i = 1; i <= count; ++i) {
      const std::string id = "s" + std::to_string(i);
      all[id] = {id, "alice", 2, "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.000Z", true, 3, 4};
    }
  }
  std::optional<aw::session_summary> session(std::string_view id) const override {
    const auto found = all.find(std::string(id));
    if (found == all.end()) return std::nullopt;
    return found->second;
  }
  aw::session_page sessions(std::string_view after, std::size_t limit) const override {
    aw::session_page page;
    for (auto at = all.upper_bound(std::string(after)); at != all.end(); ++at) {
      if (page.sessions.size() == limit) {
        page.next = page.sessions.back().id;
        break;
      }
      page.sessions.push_back(at->second);
    }
    return page;
  }
  void notify(std::string_view id, const aw::api_notice& said,
              aw::reached_handler told) override {
    if (!session(id)) return tell(told, elsewhere(std::string(id) + " " + words(said)));
    done.push_back(std::string(id) + " " + words(said));
    tell(told, aw::reached{1, 2});
  }
  void broadcast(const aw::api_notice& said, aw::reached_handler told) override {
    done.push_back("all " + words(said));
    tell(told, aw::reached{all.size(), 2 * all.size()});
  }
  void disconnect(std::string_view id, aw::reached_handler told) override {
    if (all.erase(std::string(id)) == 0) return tell(told, elsewhere("end " + std::string(id)));
    done.push_back("end " + std::string(id));
    tell(told, aw::reached{1, 2});
  }
  std::string metrics() const override { return "metrics\n"; }

  /// What the store does with it: nobody is told before go_on().
  bool is_slow = false;
  std::size_t unkept = 0;
  bool refuses = false;
  std::vector<std::function<void()>> waiting;
  void tell(const aw::reached_handler& told, std::optional<aw::reached> outcome) {
    const auto now = [this, told, outcome]() mutable {
      if (outcome) {
        outcome->unkept = unkept;
        outcome->refused = refuses;
      }
      told(outcome);
    };
    waiting.push_back(now);
    if (!is_slow) go_on();
  }
  void go_on() {
    const auto all_of_them = std::exchange(waiting, {});
    for (const auto& each : all_of_them) each();
  }

  /// What is not here may be at another server.
  bool has_others = false;
  std::optional<aw::reached> elsewhere(const std::string& what) {
    if (!has_others) return std::nullopt;
    done.push_back("others: " + what);
    aw::reached passed;
    passed.passed_on = true;
    return passed;
  }

  static std::string words(const aw::api_notice& said) {
    return said.content + "|" + said.topic + "|" + said.data + (said.may_be_lost ? "|volatile" : "");
  }
};

struct fixture {
  fake_actions actions{2};
  aw::http_api api{token, aw::metrics_access::open, actions};
  aw::time_point now{};

  std::optional<response> ask(const request& asked) {
    std::optional<response> given;
    const bool is_ours = api.answer(asked, now, [&given](response made) {
      CHECK_FALSE(given);
      given = std::move(made);
    });
    CHECK(is_ours == given.has_value());
    return given;
  }
  /// For an answer that may come later, into `into`.
  void begin(const request& asked, std::vector<response>& into) {
    CHECK(api.answer(asked, now, [&into](response made) { into.push_back(std::move(made)); }));
  }
  response answered(const request& asked) {
    const auto answer = ask(asked);
    REQUIRE(answer);
    if (answer->status != 200 || asked.target != "/metrics") {
      CHECK(answer->headers.find("Content-Type") == "application/json");
    }
    CHECK(answer->headers.find("Cache-Control") == "no-store");
    CHECK_FALSE(answer->headers.contains("Access-Control-Allow-Origin"));
    CHECK(answer->body.find(token) == std::string::npos);
    return *answer;
  }
  void check_refused(const request& asked, int status, std::string_view code) {
    const response refusal = answered(asked);
    CAPTURE(refusal.body);
    CHECK(refusal.status == status);
    CHECK(refusal.body.find("{\"error\":{\"code\":\"" + std::string(code) + "\",\"message\":\"") == 0u);
  }
};

request asked(const std::string& method, const std::string& target, const std::string& body = {},
              const std::string& key = {}) {
  request made;
  made.method = method;
  made.target = target;
  made.headers = {{"Authorization", "Bearer " + token}};
  if (method == "POST") made.headers.add("Content-Type", "application/json");
  if (!key.empty()) made.headers.add("Idempotency-Key", key);
  made.body = body;
  return made;
}

const std::string hello = R"({"content":"hello"})";

/// One good request of each route.
const std::vector<request> all_routes{
    asked("POST", "/functions/v1/notify_websocket", R"({"sessionId":"s1","message":"x"})"),
    asked("POST", "/v1/sessions/s1/notify", hello),
    asked("POST", "/v1/broadcast", hello),
    asked("GET", "/v1/sessions"),
    asked("GET", "/v1/sessions/s1"),
    asked("HEAD", "/v1/sessions/s1"),
    asked("DELETE", "/v1/sessions/s1"),
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "http_api: the original's call") {
  const auto answer =
      answered(asked("POST", "/functions/v1/notify_websocket", R"({"sessionId":"s1","message":"hi"})"));
  CHECK(answer.status == 200);
  CHECK(answer.body == R"({"success":true,"sessionId":"s1","sockets":2,"kept":true})" "\n");
  CHECK((actions.done == std::vector<std::string>{"s1 hi||"}));
}

TEST_CASE_FIXTURE(fixture, "http_api: notify one, notify all") {
  const auto one = answered(asked("POST", "/v1/sessions/s2/notify",
                                  R"({"content":"c","topic":"t","data":{"n":1},"volatile":true})"));
  CHECK(one.status == 200);
  CHECK(one.body == R"({"session_id":"s2","sockets":2,"kept":false})" "\n");
  const auto all = answered(asked("POST", "/v1/broadcast", hello));
  CHECK(all.status == 200);
  CHECK(all.body == R"({"sessions":2,"sockets":4,"kept":true})" "\n");
  CHECK((actions.done == std::vector<std::string>{"s2 c|t|{\"n\":1}|volatile", "all hello||"}));
}

TEST_CASE_FIXTURE(fixture, "http_api: list, show, end") {
  const std::string s1 = R"({"id":"s1","user":"alice","sockets":2,"created":"2026-01-01T00:00:00.000Z",)"
                         R"("last_activity":"2026-01-01T00:00:01.000Z","running":true,"queued":3,"messages":4})";
  CHECK(answered(asked("GET", "/v1/sessions/s1")).body == s1 + "\n");
  CHECK(answered(asked("GET", "/v1/sessions?limit=1")).body ==
        "{\"sessions\":[" + s1 + "],\"next_cursor\":\"s1\"}\n");
  const auto last = answered(asked("GET", "/v1/sessions?limit=1&cursor=s1"));
  CHECK(last.body.find("\"id\":\"s2\"") != std::string::npos);
  CHECK(last.body.find("\"next_cursor\":null") != std::string::npos);
  CHECK(answered(asked("GET", "/v1/sessions?cursor=z")).body ==
        "{\"sessions\":[],\"next_cursor\":null}\n");
  const auto ended = answered(asked("DELETE", "/v1/sessions/s1"));
  CHECK(ended.status == 200);
  CHECK(ended.body == R"({"session_id":"s1","closed":true,"sockets":2})" "\n");
  check_refused(asked("DELETE", "/v1/sessions/s1"), 404, "session_not_found");
  check_refused(asked("GET", "/v1/sessions/s1"), 404, "session_not_found");
  check_refused(asked("POST", "/v1/sessions/s1/notify", hello), 404, "session_not_found");
  check_refused(all_routes[0], 404, "session_not_found");
}

TEST_CASE_FIXTURE(fixture, "http_api: what may be at another server is accepted, and told so") {
  actions.has_others = true;
  const auto original = answered(
      asked("POST", "/functions/v1/notify_websocket", R"({"sessionId":"s9","message":"hi"})"));
  CHECK(original.status == 202);
  CHECK(original.body ==
        R"({"success":true,"sessionId":"s9","sockets":0,"kept":false,"passed_on":true})" "\n");
  const auto one = answered(
      asked("POST", "/v1/sessions/s9/notify", R"({"content":"c","volatile":true})"));
  CHECK(one.status == 202);
  CHECK(one.body == R"({"session_id":"s9","sockets":0,"kept":false,"passed_on":true})" "\n");
  const auto ended = answered(asked("DELETE", "/v1/sessions/s9"));
  CHECK(ended.status == 202);
  CHECK(ended.body ==
        R"({"session_id":"s9","closed":false,"passed_on":true,"sockets":0})" "\n");
  CHECK((actions.done == std::vector<std::string>{"others: s9 hi||", "others: s9 c|||volatile",
                                                  "others: end s9"}));
  // What is here is done here.
  CHECK(answered(asked("DELETE", "/v1/sessions/s1")).status == 200);
  CHECK(answered(asked("POST", "/v1/sessions/s2/notify", hello)).status == 200);
  // And only what is here can be shown.
  check_refused(asked("GET", "/v1/sessions/s9"), 404, "session_not_found");
}

TEST_CASE_FIXTURE(fixture, "http_api: what was passed on is not passed on again with the same key") {
  actions.has_others = true;
  const auto notify = asked("POST", "/v1/sessions/s9/notify", hello, "key-1");
  const auto first = answered(notify), again = answered(notify);
  CHECK(first.status == 202);
  CHECK(again.status == 202);
  CHECK(again.body == first.body);
  CHECK(again.headers.find("Idempotent-Replayed") == "true");
  CHECK(actions.done.size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "http_api: nothing is done without the token") {
  for (request each : all_routes) {
    CAPTURE(each.target);
    each.headers.erase("Authorization");
    check_refused(each, 401, "unauthorized");
    each.headers.add("Authorization", "Bearer " + token.substr(1));
    check_refused(each, 401, "unauthorized");
    CHECK(answered(each).headers.contains("WWW-Authenticate"));
    // Not even what there would be.
    each.method = "PUT";
    check_refused(each, 401, "unauthorized");
  }
  CHECK(actions.done.empty());
}

TEST_CASE("http_api: is not there when there is no token") {
  fake_actions actions(2);
  aw::http_api api("", aw::metrics_access::open, actions);
  for (request each : all_routes) {
    const auto nobody = [](const response&) { FAIL("answered"); };
    CHECK_FALSE(api.answer(each, {}, nobody));
    each.method = "PUT";
    CHECK_FALSE(api.answer(each, {}, nobody));
    each.headers.clear();
    CHECK_FALSE(api.answer(each, {}, nobody));
  }
  CHECK(actions.done.empty());
}

TEST_CASE_FIXTURE(fixture, "http_api: other paths are somebody else's") {
  for (const std::string path : {"/", "/v1", "/v1/", "/v1/session", "/v1/sessions/", "/v1/sessions/a/b",
                                 "/metrics/", "/healthz", "/functions/v1/notify_websocket/"}) {
    CAPTURE(path);
    CHECK_FALSE(ask(asked("GET", path)));
    CHECK_FALSE(ask(asked("POST", path, hello)));
  }
}

TEST_CASE_FIXTURE(fixture, "http_api: wrong methods are told the right ones") {
  const std::vector<std::pair<std::string, std::string>> allowed{
      {"/functions/v1/notify_websocket", "POST"}, {"/v1/sessions/s1/notify", "POST"},
      {"/v1/broadcast", "POST"},                  {"/v1/sessions", "GET, HEAD"},
      {"/v1/sessions/s1", "GET, HEAD, DELETE"}};
  for (const auto& each : allowed) {
    for (const std::string method : {"PUT", "PATCH", "OPTIONS", "post", ""}) {
      CAPTURE(each.first);
      CAPTURE(method);
      const auto refusal = answered(asked(method, each.first));
      CHECK(refusal.status == 405);
      CHECK(refusal.headers.find("Allow") == each.second);
    }
  }
  CHECK(answered(asked("POST", "/v1/sessions", hello)).status == 405);
  CHECK(answered(asked("GET", "/v1/broadcast")).status == 405);
  CHECK(answered(asked("DELETE", "/v1/sessions")).status == 405);
}

TEST_CASE_FIXTURE(fixture, "http_api: bodies must say that they are JSON, and be it") {
  for (const std::size_t i : {0u, 1u, 2u}) {
    request each = all_routes[i];
    CAPTURE(each.target);
    each.headers.erase("Content-Type");
    check_refused(each, 415, "unsupported_media_type");
    each.headers.add("Content-Type", "text/plain;charset=UTF-8");
    check_refused(each, 415, "unsupported_media_type");
    each.headers.set("Content-Type", "application/json; charset=utf-8");
    CHECK(answered(each).status == 200);
    each.body.clear();
    check_refused(each, 400, "bad_message");
    each.body = "{";
    check_refused(each, 400, "bad_json");
    each.body = "[]";
    check_refused(each, 400, "bad_message");
  }
  CHECK(actions.done.size() == 3u);
  check_refused(asked("GET", "/v1/sessions?limit=0"), 400, "bad_message");
  check_refused(asked("GET", "/v1/sessions?cursor=%22"), 400, "bad_message");
}

TEST_CASE_FIXTURE(fixture, "http_api: bodies have a limit") {
  const std::size_t around = std::string(R"({"content":""})").size();
  const auto of_size = [&](std::size_t size) {
    return R"({"content":")" + std::string(size - around, 'x') + "\"}";
  };
  const std::size_t most = aw::http_api::max_body_bytes;
  CHECK(answered(asked("POST", "/v1/broadcast", of_size(most))).status == 200);
  check_refused(asked("POST", "/v1/broadcast", of_size(most + 1)), 413, "too_large");
  check_refused(asked("POST", "/v1/broadcast", of_size(most + 1), "k"), 413, "too_large");
  check_refused(asked("POST", "/v1/sessions/s1/notify", of_size(most + 1)), 413, "too_large");
  check_refused(asked("POST", "/functions/v1/notify_websocket", of_size(most + 1)), 413,
                "too_large");
  check_refused(asked("DELETE", "/v1/sessions/s1", of_size(most + 1), "d"), 413, "too_large");
  CHECK(actions.done.size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "http_api: unknown sessions are named, if that is a name") {
  const auto named = answered(asked("GET", "/v1/sessions/nobody"));
  CHECK(named.status == 404);
  CHECK(named.body.find("`nobody`") != std::string::npos);
  for (const std::string& strange : {std::string("%22%3E"), std::string(10'000, 'x')}) {
    const auto refusal = answered(asked("GET", "/v1/sessions/" + strange));
    CHECK(refusal.status == 404);
    CHECK(refusal.body.size() < 200u);
  }
}

TEST_CASE_FIXTURE(fixture, "http_api: a repeat with the same key is answered, and not done again") {
  for (const std::size_t i : {0u, 1u, 2u, 6u}) {
    request each = all_routes[i];
    CAPTURE(each.target);
    each.headers.add("Idempotency-Key", "key-" + std::to_string(i));
    actions.done.clear();
    const auto first = answered(each);
    CHECK(first.status == 200);
    CHECK_FALSE(first.headers.contains("Idempotent-Replayed"));
    now += 9min;
    const auto again = answered(each);
    CHECK(again.status == 200);
    CHECK(again.body == first.body);
    CHECK(again.headers.find("Idempotent-Replayed") == "true");
    CHECK(actions.done.size() == 1u);
    each.body += " ";
    check_refused(each, 422, "idempotency_key_reused");
    CHECK(actions.done.size() == 1u);
  }
}

TEST_CASE_FIXTURE(fixture, "http_api: a key is for one request, for ten minutes, and for whoever may") {
  const request first = asked("POST", "/v1/broadcast", hello, "k");
  CHECK(answered(first).status == 200);
  check_refused(asked("POST", "/v1/sessions/s1/notify", hello, "k"), 422, "idempotency_key_reused");
  check_refused(asked("DELETE", "/v1/sessions/s1", "", "k"), 422, "idempotency_key_reused");
  CHECK(answered(asked("POST", "/v1/broadcast", hello)).status == 200);
  CHECK(actions.done.size() == 2u);
  CHECK(answered(asked("POST", "/v1/broadcast", hello, "K")).status == 200);
  CHECK(actions.done.size() == 3u);
  request stranger = first;
  stranger.headers.set("Authorization", "Bearer x");
  check_refused(stranger, 401, "unauthorized");
  now += 10min;
  CHECK_FALSE(answered(first).headers.contains("Idempotent-Replayed"));
  CHECK(actions.done.size() == 4u);
  // Reading has no effect that could be repeated.
  CHECK(answered(asked("GET", "/v1/sessions", "", "k")).status == 200);
}

TEST_CASE_FIXTURE(fixture, "http_api: what was refused may be mended and sent with the same key") {
  check_refused(asked("POST", "/v1/broadcast", "{", "k"), 400, "bad_json");
  CHECK(answered(asked("POST", "/v1/broadcast", hello, "k")).status == 200);
  check_refused(asked("POST", "/v1/sessions/s9/notify", hello, "l"), 404, "session_not_found");
  actions.all["s9"] = {};
  CHECK(answered(asked("POST", "/v1/sessions/s9/notify", hello, "l")).status == 200);
  CHECK(actions.done.size() == 2u);
}

TEST_CASE_FIXTURE(fixture, "http_api: what is no key is refused, and nothing done") {
  for (const std::string& key : {std::string("a b"), std::string("a, b"), std::string(256, 'k')}) {
    check_refused(asked("POST", "/v1/broadcast", hello, key), 400, "bad_idempotency_key");
  }
  request empty = asked("POST", "/v1/broadcast", hello);
  empty.headers.add("Idempotency-Key", "");
  check_refused(empty, 400, "bad_idempotency_key");
  CHECK(actions.done.empty());
}

TEST_CASE("http_api: metrics for all, for who has the token, for nobody") {
  fake_actions actions(1);
  const auto ask = [&](const std::string& with, aw::metrics_access access, const request& asked) {
    std::optional<response> given;
    aw::http_api(with, access, actions).answer(asked, {}, [&given](response made) {
      given = std::move(made);
    });
    return given;
  };
  request plain = asked("GET", "/metrics");
  request stranger = plain;
  stranger.headers.clear();
  for (const std::string& configured : {token, std::string()}) {
    const auto open = ask(configured, aw::metrics_access::open, stranger);
    REQUIRE(open);
    CHECK(open->status == 200);
    CHECK(open->body == "metrics\n");
    CHECK(open->headers.find("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(open->headers.find("Cache-Control") == "no-store");
    CHECK_FALSE(ask(configured, aw::metrics_access::off, plain));
  }
  CHECK(ask(token, aw::metrics_access::admin, plain)->status == 200);
  CHECK(ask(token, aw::metrics_access::admin, stranger)->status == 401);
  CHECK_FALSE(ask("", aw::metrics_access::admin, plain));
  plain.method = "POST";
  CHECK(ask(token, aw::metrics_access::open, plain)->status == 405);
  plain.method = "HEAD";
  CHECK(ask(token, aw::metrics_access::open, plain)->status == 200);
}

// ---- a store that takes its time, or does not take it

namespace {

std::string code_of(const response& refusal) {
  const auto from = refusal.body.find("\"code\":\"") + 8;
  return refusal.body.substr(from, refusal.body.find('"', from) - from);
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "http_api: nothing is answered before the store has it") {
  actions.is_slow = true;
  for (const std::size_t i : {0u, 1u, 2u, 6u}) {
    CAPTURE(all_routes[i].target);
    std::vector<response> given;
    begin(all_routes[i], given);
    CHECK(actions.done.size() == 1u);  // it is done at once
    CHECK(given.empty());
    actions.go_on();
    REQUIRE(given.size() == 1u);
    CHECK(given[0].status == 200);
    actions.done.clear();
  }
}

TEST_CASE_FIXTURE(fixture, "http_api: what the store has not kept is no success, and free to be repeated") {
  for (const std::size_t i : {0u, 1u, 6u}) {
    request each = all_routes[i];
    CAPTURE(each.target);
    each.headers.add("Idempotency-Key", "key-" + std::to_string(i));
    actions.unkept = 1;
    check_refused(each, 503, "internal");
    actions.all["s1"];
    CHECK(answered(each).headers.find("Retry-After") == "5");
    actions.all["s1"];
    actions.unkept = 0;
    actions.refuses = true;
    check_refused(each, 503, "internal");
    actions.all["s1"];
    actions.refuses = false;
    actions.done.clear();
    CHECK(answered(each).status == 200);
    CHECK(answered(each).headers.contains("Idempotent-Replayed"));
    CHECK(actions.done.size() == 1u);
  }
}

TEST_CASE_FIXTURE(fixture, "http_api: a broadcast tells in how many sessions it was not kept") {
  actions.unkept = 1;
  const auto some = answered(asked("POST", "/v1/broadcast", hello, "k"));
  CHECK(some.status == 200);
  CHECK(some.body == R"({"sessions":2,"sockets":4,"kept":false,"unkept":1})" "\n");
  CHECK(answered(asked("POST", "/v1/broadcast", hello, "k")).body == some.body);
  CHECK(actions.done.size() == 1u);  // the others would get it twice
  actions.unkept = 2;
  check_refused(asked("POST", "/v1/broadcast", hello, "l"), 503, "internal");
  actions.unkept = 0;
  actions.all.clear();
  CHECK(answered(asked("POST", "/v1/broadcast", hello, "l")).body ==
        R"({"sessions":0,"sockets":0,"kept":true})" "\n");
}

TEST_CASE_FIXTURE(fixture, "http_api: a repeat while the first one waits is not done, and told so") {
  actions.is_slow = true;
  const request first = asked("POST", "/v1/sessions/s1/notify", hello, "k");
  std::vector<response> given, repeats;
  begin(first, given);
  begin(first, repeats);
  REQUIRE(repeats.size() == 1u);
  CHECK(repeats[0].status == 409);
  CHECK(code_of(repeats[0]) == "idempotency_key_in_use");
  CHECK(repeats[0].headers.find("Retry-After") == "1");
  CHECK(actions.done.size() == 1u);
  check_refused(asked("POST", "/v1/sessions/s2/notify", hello, "k"), 422, "idempotency_key_reused");
  SUBCASE("which was kept") {
    actions.go_on();
    CHECK(given.at(0).status == 200);
    begin(first, repeats);
    CHECK(repeats.at(1).status == 200);
    CHECK(repeats.at(1).headers.contains("Idempotent-Replayed"));
    CHECK(actions.done.size() == 1u);
  }
  SUBCASE("which was lost") {
    actions.unkept = 1;
    actions.go_on();
    CHECK(given.at(0).status == 503);
    actions.unkept = 0;
    begin(first, repeats);
    CHECK(actions.done.size() == 2u);
    actions.go_on();
    CHECK(repeats.at(1).status == 200);
    CHECK_FALSE(repeats.at(1).headers.contains("Idempotent-Replayed"));
  }
  SUBCASE("for longer than a key is remembered") {
    now += 10min;
    begin(first, repeats);
    CHECK(repeats.size() == 1u);
    CHECK(actions.done.size() == 2u);
    actions.go_on();
    CHECK(given.size() == 1u);
    CHECK(repeats.size() == 2u);
  }
}

TEST_CASE("http_api: may be gone when an answer comes") {
  fake_actions actions(1);
  actions.is_slow = true;
  std::vector<response> given;
  {
    aw::http_api api(token, aw::metrics_access::off, actions);
    CHECK(api.answer(asked("POST", "/v1/sessions/s1/notify", hello, "k"), {},
                     [&given](response made) { given.push_back(std::move(made)); }));
  }
  actions.go_on();
  REQUIRE(given.size() == 1u);
  CHECK(given[0].status == 200);
}
