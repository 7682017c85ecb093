// SPDX-License-Identifier: MIT
//
// Random schedules of everything that can happen to a session, in virtual time. Whatever the order:
// every accepted query has exactly one terminal message while its socket stands, numbered messages
// leave no gap, deltas make up the text of their end, no call stays open upstream once its session
// is gone, and neither does a tool; a request for a decision is resolved once, before its query
// ends. Each client is watched frame by frame (watching_client.hpp).
#include "flow/tool_fixture.hpp"
#include "flow/schedules.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace flow;

namespace {

/// One random life of a server with a few clients.
class trial {
 public:
  explicit trial(std::uint32_t seed) : random_(seed), talk_(chosen(pick(2) == 0)) {
    if (pick(3) == 0) {
      talk_.router().on_query([this](auto&, const aw::wire::query&, fixture::reply_type reply) {
        decide_or_keep(std::move(reply));
      });
    }
    add_tools();
    talk_.start();
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      act();
      look();
    }
    settle();
  }

  std::size_t accepted() const noexcept { return accepted_count_; }
  std::size_t refused() const noexcept { return refused_count_; }
  std::size_t tools_called() const noexcept { return tools_.size(); }
  std::size_t asked() const noexcept { return asked_count_; }

 private:
  struct client {
    aw::connection_id id = 0;
    bool here = true;
    bool stalled = false;
    std::set<std::string> accepted;           // ids of queries that were acknowledged
    std::map<std::string, std::string> open;  // requests for a decision, and their queries
    std::set<std::string> runs;               // calls of its own tool
  };

  static aw::options chosen(bool small) {
    auto made = settings();
    made.session.max_queue = small ? 2 : 16;
    made.session.max_history = small ? 3 : 50;
    made.session.max_outbound_bytes = 131'072;
    made.session_timeout = 5min;
    made.cleanup_interval = 10s;
    made.max_retries = small ? 0 : 2;
    made.drain_timeout = 5s;
    made.session.max_tool_rounds = small ? 2 : 8;
    made.session.approval_timeout = 20s;
    made.session.tool_timeout = 10s;
    return made;
  }

  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_()) % below; }

  void decide_or_keep(fixture::reply_type reply) {
    switch (pick(6)) {
      case 0: return reply.answer("from the application");
      case 1: return reply.refuse(aw::errc::quota_exceeded);
      case 2: kept_.push_back(std::move(reply)); return;
      case 3: throw 7;
      default: return reply.proceed();
    }
  }

  struct tool_call {
    std::shared_ptr<bool> over = std::make_shared<bool>(false);
    aw::tool_reply reply;
  };

  void add_tools() {
    for (const bool asks : {false, true}) {
      aw::tool_definition tool{asks ? "careful" : "quick", "a tool", city_schema};
      tool.requires_approval = asks;
      tool.approved_by_default = pick(2) == 0;
      talk_.server.tool(tool, [this](const auto& call, const aw::tool_reply& reply) {
        tools_.push_back({std::make_shared<bool>(false), reply});
        call.on_cancel([over = tools_.back().over] { *over = true; });
        switch (pick(5)) {
          case 0:
            reply("at once");
            *tools_.back().over = true;
            return;
          case 1: *tools_.back().over = true; throw 7;
          default: return;
        }
      });
    }
  }

  /// Some tool answers, perhaps one that nobody waits for any more.
  void tool() {
    if (tools_.empty()) return;
    const auto& each = tools_[pick(static_cast<std::uint32_t>(tools_.size()))];
    *each.over = true;
    pick(3) == 0 ? each.reply.fail("no luck") : each.reply("a result");
  }

  void decide(client& who) {
    static const char* const decisions[] = {
        R"("approve")", R"("reject")", R"("edit","data":{"city":"Oslo"})", R"("edit","data":{})",
        R"("answer","content":"no need")"};
    std::string text = R"({"type":"human_feedback","decision":)";
    text += decisions[pick(5)];
    if (!who.open.empty() && pick(4) != 0) text += R"(,"ref":")" + who.open.begin()->first + '"';
    say(who, text + "}");
  }

  void answer_call(client& who) {
    if (who.runs.empty()) return;
    const std::string ref = *who.runs.begin();
    if (pick(4) != 0) who.runs.erase(ref);  // else it comes once more
    say(who, R"({"type":"command","op":"tool_result","ref":")" + ref +
                 (pick(2) == 0 ? R"(","data":1})" : R"(","error":"broken"})"));
  }

  client* someone() {
    std::vector<client*> here;
    for (client& each : clients_) {
      if (each.here) here.push_back(&each);
    }
    return here.empty() ? nullptr : here[pick(static_cast<std::uint32_t>(here.size()))];
  }

  void act() {
    client* const who = someone();
    const std::uint32_t what = pick(100);
    if (who == nullptr || (what < 3 && clients_.size() < 6)) {
      if (talk_.transport.listening()) connect();
    } else if (what < 25) {
      query(*who);
    } else if (what < 33) {
      command(*who);
    } else if (what < 36) {
      say(*who, R"({"type":"human_feedback","rating":1,"correction":"no"})");
    } else if (what < 38) {
      say(*who, pick(2) == 0 ? "garbage" : R"({"id":"bad","content":""})");
    } else if (what < 40) {
      talk_.transport.disconnect(who->id);
    } else if (what < 44) {
      who->stalled = true;
      talk_.transport.stall(who->id);
    } else if (what < 50) {
      who->stalled = false;
      talk_.transport.drain(who->id);
    } else if (what < 51) {
      tool();
    } else if (what < 52) {
      decide(*who);
      answer_call(*who);
    } else if (what < 53) {
      talk_.server.broadcast(pick(8) == 0 ? std::string(40'000, 'n') : "news");
    } else if (what < 56 && !kept_.empty()) {
      const fixture::reply_type reply = kept_[pick(static_cast<std::uint32_t>(kept_.size()))];
      pick(2) == 0 ? reply.proceed() : reply.answer("late");
    } else if (what < 64) {
      talk_.pass(std::chrono::milliseconds(pick(20'000)));
    } else if (what < 65) {
      talk_.pass_in_silence(std::chrono::milliseconds(pick(40'000)));
    } else if (what == 65 && pick(10) == 0 && talk_.transport.listening()) {
      talk_.server.stop([this] { ++drained_; });
    } else {
      upstream();
    }
    talk_.run();
  }

  void connect() {
    client made;
    made.id = talk_.transport.connect();
    clients_.push_back(made);
  }

  void say(client& who, const std::string& text) { talk_.transport.receive(who.id, text); }

  void query(client& who) {
    static const char* const overlaps[] = {"queue",  "queue",     "queue",
                                           "reject", "interrupt", "latest"};
    const bool again = pick(10) == 0 && queries_ > 0;
    const std::string id = "q" + std::to_string(again ? 1 + pick(queries_) : ++queries_);
    std::string text = R"({"id":")" + id + R"(","content":"x","overlap":")";
    text += overlaps[pick(6)];
    text += pick(2) == 0 ? R"(","stream":true)" : R"(","stream":false)";
    text += R"(,"priority":)" + std::to_string(pick(10));
    if (pick(6) == 0) text += R"(,"timeout_ms":)" + std::to_string(1 + pick(30'000));
    say(who, text + "}");
  }

  void command(client& who) {
    static const char* const ops[] = {"cancel", "cancel", "cancel", "clear",   "history",
                                      "info",   "ping",   "help",   "hello",   "regenerate",
                                      "ack",    "auth",   "close",  "nonsense"};
    const std::string op = ops[pick(pick(5) == 0 ? 14 : 12)];
    std::string text = R"({"type":"command","op":")" + op + '"';
    if (op == "cancel" && pick(2) == 0 && queries_ > 0) {
      text += R"(,"ref":"q)" + std::to_string(1 + pick(queries_)) + '"';
    }
    if (op == "regenerate" && pick(2) == 0)
      text += R"(,"id":"q)" + std::to_string(++queries_) + '"';
    if (op == "hello" && pick(2) == 0)
      text += R"(,"caps":["delta","reasoning"],"tools":[{"name":"own"}])";
    say(who, text + "}");
  }

  /// Some call upstream goes on in some way, right or wrong.
  void upstream() {
    std::vector<aw::http_call_id> open;
    for (const auto& each : talk_.http.calls()) {
      if (each.state == aw::testing::mock_http_client::call_state::open) open.push_back(each.id);
    }
    if (open.empty()) return;
    const aw::http_call_id id = open[pick(static_cast<std::uint32_t>(open.size()))];
    if (heads_.insert(id).second) {
      if (pick(8) == 0) {
        return talk_.http.respond(id, pick(2) == 0 ? 503 : 400, {}, "{}");
      }
      return talk_.http.respond_head(id, 200, event_stream());
    }
    static const char* const names[] = {"quick", "careful", "own", "unknown"};
    static const char* const arguments[] = {R"({\"city\":\"Rome\"})", "{}", R"({\"ci)", ""};
    switch (pick(18)) {
      case 14:
      case 15:
      case 16: {
        std::string made;
        for (std::uint32_t i = 0, n = 1 + pick(3); i < n; ++i) {
          made += std::string(i == 0 ? "" : ",") + R"({"index":)" + std::to_string(i) +
                  R"(,"id":"c)" + std::to_string(i) + R"(","function":{"name":")" + names[pick(4)] +
                  R"(","arguments":")" + arguments[pick(3) == 0 ? pick(4) : 0] + R"("}})";
        }
        talk_.http.respond_body(
            id, aw::testing::sse(R"({"choices":[{"delta":{"tool_calls":[)" + made + "]}}]}"));
        say_done(id, finish(pick(6) == 0 ? "length" : "tool_calls"));
        break;
      }
      case 17:
        talk_.http.respond_body(id,
                                aw::testing::sse(R"({"choices":[{"delta":{"reasoning":"hm"}}]})"));
        break;
      case 0: say_done(id, finish(pick(3) == 0 ? "length" : "stop")); break;
      case 1:
        say_done(id, finish());
        talk_.http.complete(id);
        break;
      case 2: talk_.http.complete(id); break;
      case 3: talk_.http.complete(id, aw::errc::connection_failed); break;
      case 4: talk_.http.respond_body(id, "garbage\n\n"); break;
      case 5: talk_.http.respond_body(id, ": comment\n\n"); break;
      case 6: talk_.http.respond_body(id, chunk(std::string(30'000, 'y'))); break;
      default: talk_.http.respond_body(id, chunk("token" + std::to_string(pick(100)))); break;
    }
  }

  /// Takes in what clients were sent, and checks what must hold at every moment.
  void look() {
    std::size_t here = 0;
    for (client& each : clients_) {
      for (const frame& sent : talk_.heard(each.id)) {
        if (sent.is_status("ack") && sent.has("position") && !sent.truth("duplicate")) {
          each.accepted.insert(sent.ref());
          ++accepted_count_;
        }
        if (sent.type() == "error" && !sent.truth("terminal")) ++refused_count_;
        look_at_tools(each, sent);
      }
      each.here = talk_.transport.is_open(each.id);
      here += each.here ? 1 : 0;
    }
    REQUIRE(talk_.server.session_count() == here);
    REQUIRE(asking() <= here);
  }

  void look_at_tools(client& who, const frame& sent) {
    if (sent.op() == "welcome") who.open.clear();  // what is open comes again
    if (sent.is_status("tool") && sent.has("id")) who.runs.insert(sent.text("id"));
    if (sent.type() == "human_feedback") {
      who.open[sent.text("id")] = sent.ref();
      ++asked_count_;
    }
    if (sent.is_status("feedback_resolved")) {
      const std::size_t known = who.open.erase(sent.ref());
      REQUIRE((known == 1u || sent.truth("replay")));
    }
    if (!sent.is_terminal() || sent.truth("replay")) return;
    for (const auto& each : who.open) REQUIRE(each.second != sent.ref());
  }

  /// Calls that somebody still waits for: after [DONE] the connection alone is read to its end.
  std::size_t asking() const {
    std::size_t count = 0;
    for (const auto& each : talk_.http.calls()) {
      const bool open = each.state == aw::testing::mock_http_client::call_state::open;
      count += open && done_.count(each.id) == 0 ? 1 : 0;
    }
    return count;
  }

  void say_done(aw::http_call_id id, const std::string& before) {
    done_.insert(id);
    talk_.http.respond_body(id, before + done());
  }

  /// Everybody reads, upstream ends what is open, the application decides: then nothing is owed.
  void settle() {
    for (int round = 0; round < 200; ++round) {
      for (client& each : clients_) talk_.transport.drain(each.id);
      for (std::size_t i = 0; i < kept_.size(); ++i) {
        const fixture::reply_type reply = kept_[i];  // deciding may add to kept_
        reply.answer("at last");
      }
      kept_.clear();
      for (std::size_t i = 0; i < tools_.size(); ++i) {
        if (!std::exchange(*tools_[i].over, true)) tools_[i].reply("at last");
      }
      talk_.run();
      for (std::size_t i = 0; i < talk_.http.calls().size(); ++i) {
        const auto& each = talk_.http.calls()[i];
        if (each.state != aw::testing::mock_http_client::call_state::open) continue;
        const auto id = each.id;
        if (heads_.insert(id).second) talk_.http.respond_head(id, 200, event_stream());
        say_done(id, finish());
        talk_.http.complete(id);
      }
      talk_.pass(1s);
      look();
      if (asking() == 0 && kept_.empty() && !anyone_waits()) break;
    }
    for (client& each : clients_) {
      // A session that is closed in order has told everything before; a socket of it that is not,
      // has not.
      const auto closed = talk_.transport.close_sent(each.id);
      const bool in_order = closed && (closed->first == 1000 || closed->first == 1012);
      if (!each.here && !in_order) continue;
      const auto& ends = talk_.clients[each.id].terminals();
      for (const std::string& id : each.accepted) {
        CAPTURE(id);
        REQUIRE(ends.count(id) == 1u);
      }
    }
    for (client& each : clients_) talk_.transport.disconnect(each.id);
    talk_.run();
    REQUIRE(talk_.server.session_count() == 0u);
    REQUIRE(asking() == 0u);
    talk_.pass(2s);
    REQUIRE(talk_.http.open_calls() == 0u);
    for (const tool_call& each : tools_) REQUIRE(*each.over);
    REQUIRE(drained_ <= 1);
    if (!talk_.transport.listening()) REQUIRE(drained_ == 1);
  }

  bool anyone_waits() {
    for (client& each : clients_) {
      if (!each.here) continue;
      const auto session = talk_.session(each.id);
      if (session && session->core().busy()) return true;
    }
    return false;
  }

  std::mt19937 random_;
  tool_fixture talk_;
  std::vector<client> clients_;
  std::vector<fixture::reply_type> kept_;
  std::vector<tool_call> tools_;
  std::set<aw::http_call_id> heads_, done_;
  std::uint32_t queries_ = 0;
  std::size_t accepted_count_ = 0;
  std::size_t refused_count_ = 0;
  std::size_t asked_count_ = 0;
  int drained_ = 0;
};

}  // namespace

TEST_CASE("properties: whatever the schedule, each accepted query has its one terminal message") {
  std::size_t accepted = 0, refused = 0, called = 0, asked = 0;
  const std::uint32_t count = schedules(2000);
  for (std::uint32_t seed = 1; seed <= count; ++seed) {
    CAPTURE(seed);
    trial each(seed);
    each.run(60);
    accepted += each.accepted();
    refused += each.refused();
    called += each.tools_called();
    asked += each.asked();
  }
  // The schedules do reach what they are for.
  CHECK(accepted > count * 3);
  CHECK(refused > count);
  CHECK(called > count / 4);
  CHECK(asked > count / 8);
}
