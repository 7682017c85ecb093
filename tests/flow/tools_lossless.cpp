// SPDX-License-Identifier: MIT
//
// Random schedules of tools, decisions and reasoning between the shipped client and a server whose
// connection breaks at any frame. A call of the client's tool runs once, its result arrives without
// waiting for a time limit, a request for a decision is told once and resolved once, reasoning has
// no piece twice and no hole between its pieces, and every query has one end.
#include "flow/network.hpp"
#include "flow/schedules.hpp"
#include "flow/tool_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace flow;

namespace {

/// A program with a tool of its own and a person in front of it.
class tool_user final : public user {
 public:
  using user::user;

  std::set<std::string> told, resolved;  ///< requests, ever
  std::set<std::string> called;          ///< calls, ever
  std::vector<std::string> running;      ///< calls that have no result yet
  std::size_t gone = 0, decided_elsewhere = 0;

 private:
  void on_feedback_request(const aw::client_request& request) override {
    CAPTURE(request.id);
    REQUIRE(told.insert(request.id).second);
    REQUIRE(request.tool_name == "delete");
    if (!request.is_open) ++decided_elsewhere;
  }
  void on_feedback_resolved(const aw::client_resolution& what) override {
    CAPTURE(what.id);
    REQUIRE(told.count(what.id) == 1);
    REQUIRE(resolved.insert(what.id).second);
    if (what.reason == "gone") ++gone;
  }
  void on_tool_call(const aw::client_tool_call& call) override {
    CAPTURE(call.id);
    REQUIRE(called.insert(call.id).second);
    REQUIRE(call.name == "beep");
    running.push_back(call.id);
  }
  /// Only a session in which nothing was said yet is lost with its socket.
  void on_reset() override { REQUIRE((told.empty() && called.empty())); }
  void on_reasoning(const std::string& id, aw::text_change, std::string_view) override {
    const std::string& text = client.transcript().find(id)->reasoning.text();
    std::istringstream numbers(text);
    std::uint32_t last = 0, next = 0;
    for (bool first = true; numbers >> next; first = false) {
      CAPTURE(text);
      REQUIRE((first || next == last + 1));
      last = next;
    }
  }
};

aw::options patient() {
  aw::options chosen = settings();
  chosen.session.resume_window = chosen.run_grace = chosen.session_timeout = 24h;
  chosen.first_token_timeout = chosen.idle_timeout = chosen.total_timeout = 0s;
  chosen.session.tool_timeout = chosen.session.approval_timeout = 24h;
  chosen.session.max_tool_rounds = 1000;
  chosen.level = aw::log_level::off;
  return chosen;
}

aw::client_options declared(std::uint32_t seed) {
  aw::client_options options;
  options.random = aw::random_source::seeded(seed);
  options.caps = {"delta", "reasoning", "feedback"};
  options.max_outbox_messages = 1000;
  options.tools = {{"beep", "Makes a noise", ""}};
  return options;
}

class world {
 public:
  explicit world(std::uint32_t seed)
      : random_(seed), server_(patient()), user_(server_.clock, declared(seed)), line_(user_) {
    aw::tool_definition erase{"delete", "Deletes", ""};
    erase.requires_approval = true;
    server_.server.tool(erase,
                        [this](const tool_fixture::invocation&, const aw::tool_reply& reply) {
                          ++erased;
                          reply("deleted");
                        });
    server_.start();
    user_.client.start();
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      act();
      server_.run();
      line_.collect(server_);
    }
    settle();
    compare();
  }

  std::size_t cuts = 0, erased = 0, sent_again = 0;
  const tool_user& who() const { return user_; }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_()) % below; }

  void act() {
    const std::uint32_t what = pick(100);
    if (what < 3) {
      const auto taken = user_.client.query("x");
      if (taken) user_.ends.emplace(*taken, 0);
    } else if (what < 32) {
      upstream();
    } else if (what < 36) {
      if (line_.stands()) ++cuts;
      line_.cut(server_, pick(8), pick(4));
    } else if (what < 46) {
      if (line_.is_wanted()) line_.accept(server_);
    } else if (what < 66) {
      line_.deliver_to_client(server_, 1 + pick(6));
    } else if (what < 78) {
      line_.deliver_to_server(server_, 1 + pick(4));
    } else if (what < 86) {
      answer_call();
    } else if (what < 93) {
      decide();
    } else if (what < 95) {
      static_cast<void>(user_.client.cancel());
    } else {
      pass(std::chrono::milliseconds(pick(3000)));
    }
  }

  void answer_call() {
    if (user_.running.empty()) return;
    const auto which =
        user_.running.begin() + pick(static_cast<std::uint32_t>(user_.running.size()));
    const std::string call = *which;
    user_.running.erase(which);
    const auto outcome = pick(4) == 0 ? user_.client.tool_error(call, "no noise")
                                      : user_.client.tool_result(call, R"({"noise":true})");
    REQUIRE((outcome || outcome.error().code == aw::errc::not_found));
    if (outcome && user_.client.state() != aw::client_state::live) ++sent_again;
  }

  void decide() {
    const auto& open = user_.client.requests();
    if (open.empty()) return;
    const std::string id = open[pick(static_cast<std::uint32_t>(open.size()))].id;
    switch (pick(4)) {
      case 0: CHECK(user_.client.decide(id, aw::client_decision::reject, "no")); break;
      case 1: CHECK(user_.client.decide(id, aw::client_decision::edit, {}, "{}")); break;
      case 2: CHECK(user_.client.decide(id, aw::client_decision::answer, "done")); break;
      default: CHECK(user_.client.decide(id, aw::client_decision::approve));
    }
  }

  static std::string call_chunk(std::size_t count, std::uint32_t first) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) {
      all += R"({"index":)" + std::to_string(i) + R"(,"id":"c)" + std::to_string(i) +
             R"(","function":{"name":")" + ((first + i) % 2 == 0 ? "beep" : "delete") +
             R"(","arguments":"{}"}},)";
    }
    all.pop_back();
    return aw::testing::sse(R"({"choices":[{"index":0,"delta":{"tool_calls":[)" + all + "]}}]}");
  }

  /// The call upstream goes on.
  void upstream() {
    auto& http = server_.http;
    for (std::size_t i = 0; i < http.calls().size(); ++i) {
      if (http.calls()[i].state != aw::testing::mock_http_client::call_state::open) continue;
      const auto id = http.calls()[i].id;
      if (heads_.insert(id).second) return http.respond_head(id, 200, event_stream());
      const std::uint32_t what = pick(10);
      if (what < 3) {
        http.respond_body(id, chunk("t "));
      } else if (what < 3) {
        http.respond_body(id, aw::testing::sse(R"({"choices":[{"index":0,"delta":{"reasoning":")" +
                                               std::to_string(++thought_) + R"( "}}]})"));
      } else if (what < 9) {
        http.respond_body(id, call_chunk(1 + pick(3), pick(2)) + finish("tool_calls") + done());
        http.complete(id);
      } else {
        http.respond_body(id, chunk("t ") + finish() + done());
        http.complete(id);
      }
      return;
    }
  }

  void pass(aw::duration time) {
    while (time > aw::duration::zero()) {
      const aw::duration step = std::min<aw::duration>(time, 1s);
      server_.clock.advance(step);
      time -= step;
      server_.run();
      line_.collect(server_);
      line_.keep_alive(server_);
    }
  }

  /// A good network, a person who decides and a tool that answers: nothing waits for a time limit.
  void settle() {
    for (int round = 0; round < 400; ++round) {
      if (line_.is_wanted()) line_.accept(server_);
      for (int i = 0; i < 3; ++i) {
        line_.deliver_to_server(server_, 1000);
        line_.deliver_to_client(server_, 100'000);
      }
      const bool ended = std::all_of(user_.ends.begin(), user_.ends.end(),
                                     [](const auto& each) { return each.second > 0; });
      if (ended && line_.stands() && line_.under_way() == 0 &&
          user_.client.state() == aw::client_state::live) {
        return;
      }
      while (!user_.running.empty()) answer_call();
      const auto open = user_.client.requests();
      for (const aw::client_request& each : open)
        CHECK(user_.client.decide(each.id, aw::client_decision::approve));
      line_.collect(server_);
      line_.deliver_to_server(server_, 1000);
      auto& http = server_.http;
      for (std::size_t i = 0; i < http.calls().size(); ++i) {
        const auto id = http.calls()[i].id;
        if (http.calls()[i].state != aw::testing::mock_http_client::call_state::open) continue;
        if (heads_.insert(id).second) http.respond_head(id, 200, event_stream());
        http.respond_body(id, chunk("last") + finish() + done());
        http.complete(id);
      }
      server_.run();
      pass(500ms);
    }
  }

  void compare() {
    REQUIRE(user_.client.state() == aw::client_state::live);
    for (const auto& each : user_.ends) {
      CAPTURE(each.first);
      REQUIRE(each.second == 1);
    }
    REQUIRE(user_.client.requests().empty());
    REQUIRE(user_.told == user_.resolved);
    REQUIRE(user_.gone == 0);
    REQUIRE(user_.client.tool_result("t_1", "1").error().code == aw::errc::not_found);
  }

  std::mt19937 random_;
  tool_fixture server_;
  tool_user user_;
  line<tool_fixture> line_;
  std::set<aw::http_call_id> heads_;
  std::uint32_t thought_ = 0;
};

}  // namespace

TEST_CASE("tools lossless: whatever comes between, each call runs once and nothing is left open") {
  std::size_t cuts = 0, calls = 0, requests = 0, erased = 0, queries = 0, again = 0, late = 0;
  const std::uint32_t count = schedules(500);
  for (std::uint32_t seed = 1; seed <= count; ++seed) {
    CAPTURE(seed);
    world each(seed);
    each.run(500);
    cuts += each.cuts;
    erased += each.erased;
    again += each.sent_again;
    calls += each.who().called.size();
    requests += each.who().told.size();
    queries += each.who().ends.size();
    late += each.who().decided_elsewhere;
  }
  MESSAGE(count << " schedules: " << queries << " queries, " << cuts << " cuts, " << calls
                << " calls, " << again << " answered while away, " << requests << " requests, "
                << erased << " approved, " << late << " told when they were decided");
  // The schedules do reach what they are for.
  if (count < 100) return;
  CHECK(cuts > count);
  CHECK(calls > count);
  CHECK(requests > count);
  CHECK(erased > count / 10);
  CHECK(again > count / 10);
}
