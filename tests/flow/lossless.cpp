// SPDX-License-Identifier: MIT
//
// Random schedules of everything that may come between a client and its server: cuts at any frame,
// streams, notifications, repeated queries, a log that overflows, a server that starts anew, two
// tabs, priorities, slow readers. In the end each client knows what a client would that was never
// cut: every query has one end, every text is whole, nothing was asked twice. The number of
// schedules can be set by AGENT_WEBSOCKET_SCHEDULES.
#include "flow/network.hpp"
#include "flow/schedules.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace flow;

namespace {

/// A server with clocks of the world's instead of its own.
struct world_server {
  using transport_type = aw::testing::mock_transport;
  using server_type = aw::basic_server<transport_type, aw::testing::mock_http_client,
                                       aw::testing::manual_scheduler>;

  world_server(aw::options chosen, aw::testing::manual_scheduler& time)
      : clock(time), server(std::move(chosen), transport, http, time) {}

  void run() {
    std::size_t moved = 0;
    do {
      transport.run();
      moved = clock.run();
      moved += http.run();
    } while (moved != 0);
  }

  transport_type transport;
  aw::testing::mock_http_client http;
  aw::testing::manual_scheduler& clock;
  server_type server;
};

class world {
 public:
  explicit world(std::uint32_t seed, bool limited = false)
      : random_(seed), small_log_(pick(3) == 0), limited_(limited) {
    start_server();
    add_user({});
  }
  ~world() {
    lines_.clear();  // before what they refer to
    users_.clear();
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) act();
    settle();
    compare();
  }

  std::size_t cuts = 0, recovered = 0, resets = 0, queries = 0, restarts = 0, tabs = 0, refused = 0;

 private:
  using line_type = line<world_server>;
  struct truth {
    std::string text;
    aw::wire::answer_status status;
  };

  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_()) % below; }

  void start_server() {
    aw::options chosen = settings();
    chosen.session.max_log_messages = small_log_ ? 16 : 1024;
    chosen.session.resume_window = 300s;
    chosen.run_grace = 120s;
    chosen.session.coalesce = pick(2) == 0 ? 0ms : 20ms;
    chosen.session.max_queue = 50;
    chosen.session_timeout = 24h;
    chosen.first_token_timeout = chosen.idle_timeout = 0s;
    chosen.max_upstream = 1 + pick(3);
    chosen.level = aw::log_level::off;
    if (limited_) {
      chosen.access.messages_per_minute = 10 + pick(50);
      chosen.access.message_burst = 1 + pick(5);
      chosen.access.user_messages_per_minute = 10 + pick(50);
      chosen.access.user_message_burst = 1 + pick(10);
    }
    server_ = std::make_unique<world_server>(std::move(chosen), clock_);
    sessions_.clear();
    server_->server.router()
        .on_connect([this](auto& session, const aw::handshake&) {
          sessions_.push_back({session.weak_from_this(), {}});
        })
        .on_disconnect([this](auto& session, std::uint16_t) {
          for (auto& each : sessions_) {
            if (each.session.lock().get() == &session) each.absent = 0s;
          }
        })
        .on_query([this](auto& session, const aw::wire::query& query, auto reply) {
          // No query runs twice in one session.
          REQUIRE(++runs_[{session.id(), query.id}] == 1);
          reply.proceed();
        })
        .on_response([this](auto& session, const aw::answer_record& answer) {
          REQUIRE(truths_[session.id()]
                      .emplace(answer.query_id, truth{answer.text, answer.status})
                      .second);
        });
    REQUIRE(server_->server.start());
  }

  void add_user(aw::resume_point from) {
    aw::client_options options;
    options.random = aw::random_source::seeded(random_());
    options.resume = std::move(from);
    options.max_notifications = options.max_answers = 100'000;
    options.max_outbox_messages = 1000;
    users_.push_back(std::make_unique<user>(clock_, std::move(options)));
    lines_.push_back(std::make_unique<line_type>(*users_.back()));
    lines_.back()->is_alone = users_.size() == 1;
    users_.back()->client.start();
  }

  void act() {
    const std::size_t which = pick(static_cast<std::uint32_t>(users_.size()));
    user& who = *users_[which];
    line_type& its = *lines_[which];
    const std::uint32_t what = pick(1000);
    if (what < 60) {
      ask(who);
    } else if (what < 330) {
      upstream();
    } else if (what < 370) {
      notify(who);
    } else if (what < 410) {
      if (its.stands()) ++cuts;
      its.cut(*server_, pick(8), pick(4));
    } else if (what < 480 && its.is_wanted()) {
      if (pick(8) == 0) return its.refuse(pick(2) == 0 ? 503 : 0);
      its.accept(*server_);
    } else if (what < 700) {
      its.deliver_to_client(*server_, 1 + pick(8));
    } else if (what < 850) {
      its.deliver_to_server(*server_, 1 + pick(4));
    } else if (what < 865) {
      // Where one may be refused and the next be taken, this is no repeat but another try.
      if (!limited_) its.repeat_to_server(*server_);
    } else if (what < 880) {
      its.stall(*server_);
    } else if (what < 900) {
      its.drain(*server_);
    } else if (what < 903) {
      restart();
    } else if (what < 910 && users_.size() < 3) {
      open_tab(who, its);
    } else if (what < 915) {
      static_cast<void>(who.client.cancel());
    } else if (what < 990) {
      pass(std::chrono::milliseconds(pick(2000)));
    } else {
      pass(std::chrono::milliseconds(pick(pick(10) == 0 ? 400'000 : 20'000)));
    }
    server_->run();
    for (auto& each : lines_) each->collect(*server_);
  }

  void ask(user& who) {
    static const aw::wire::overlap overlaps[] = {
        aw::wire::overlap::queue,  aw::wire::overlap::queue,     aw::wire::overlap::queue,
        aw::wire::overlap::latest, aw::wire::overlap::interrupt, aw::wire::overlap::queue};
    aw::wire::query asked;
    asked.content = "x";
    asked.priority = static_cast<int>(pick(10));
    asked.overlap = overlaps[pick(6)];
    if (pick(3) == 0) asked.stream = pick(2) == 0;
    const auto taken = who.client.query(std::move(asked));
    if (taken) who.ends.emplace(*taken, 0);
    queries += taken ? 1 : 0;
  }

  void notify(user& who) {
    const auto session = server_->server.find_session(who.client.position().session_id);
    if (!session || session->closing()) return;
    const std::string text = "n" + std::to_string(++notes_);
    notifications_[session->id()].push_back(text);
    session->notify(text);
    if (pick(4) == 0) session->notify_volatile("volatile", "volatile");
  }

  void open_tab(user& who, line_type& its) {
    if (!its.stands() || who.client.state() != aw::client_state::live) return;
    ++tabs;
    for (auto& each : lines_) each->is_alone = false;
    add_user(who.client.position());
  }

  void restart() {
    ++restarts;
    for (auto& each : lines_) each->lose_server();
    heads_.clear();
    server_.reset();
    start_server();
  }

  /// Some call upstream goes on.
  void upstream() {
    auto& http = server_->http;
    std::vector<aw::http_call_id> open;
    for (const auto& each : http.calls()) {
      if (each.state == aw::testing::mock_http_client::call_state::open) open.push_back(each.id);
    }
    if (open.empty()) return;
    const aw::http_call_id id = open[pick(static_cast<std::uint32_t>(open.size()))];
    if (heads_.insert(id).second) return http.respond_head(id, 200, event_stream());
    const std::uint32_t what = pick(20);
    if (what < 17) {
      http.respond_body(id, chunk("t" + std::to_string(pick(1000)) + " "));
    } else if (what == 17) {
      http.complete(id, aw::errc::connection_failed);
    } else {
      http.respond_body(id, finish() + done());
      http.complete(id);
    }
  }

  void pass(aw::duration time) {
    while (time > aw::duration::zero()) {
      const aw::duration step = std::min<aw::duration>(time, 1s);
      clock_.advance(step);
      time -= step;
      server_->run();
      for (auto& each : lines_) {
        each->collect(*server_);
        each->keep_alive(*server_);
      }
      look_at_the_absent(step);
    }
  }

  /// What runs without a client ends after RUN_GRACE, a session after RESUME_WINDOW.
  void look_at_the_absent(aw::duration passed) {
    for (auto& each : sessions_) {
      const auto session = each.session.lock();
      if (session && session->sockets() == 0 && (each.absent += passed) > 122s) {
        REQUIRE_FALSE(session->core().busy());
        REQUIRE(each.absent < 303s);
      }
    }
  }

  /// A good network, until nothing is open any more.
  void settle() {
    for (int round = 0; round < 400; ++round) {
      bool calm = true;
      for (std::size_t i = 0; i < users_.size(); ++i) {
        line_type& its = *lines_[i];
        its.drain(*server_);
        if (its.is_wanted()) its.accept(*server_);
        its.deliver_to_server(*server_, 1000);
        its.deliver_to_client(*server_, 100'000);
        its.deliver_to_server(*server_, 1000);
        calm = calm && users_[i]->client.state() == aw::client_state::live &&
               its.under_way() == 0 && !has_open(*users_[i]);
      }
      if (calm && server_->http.open_calls() == 0) break;
      auto& http = server_->http;
      for (std::size_t i = 0; i < http.calls().size(); ++i) {
        const auto id = http.calls()[i].id;
        if (http.calls()[i].state != aw::testing::mock_http_client::call_state::open) continue;
        if (heads_.insert(id).second) http.respond_head(id, 200, event_stream());
        http.respond_body(id, chunk("last") + finish() + done());
        http.complete(id);
      }
      server_->run();
      pass(500ms);
    }
  }
  static bool has_open(const user& of) {
    return std::any_of(of.ends.begin(), of.ends.end(),
                       [](const auto& each) { return each.second == 0; });
  }

  void compare() {
    for (const auto& each : users_) {
      const user& who = *each;
      REQUIRE(who.client.state() == aw::client_state::live);
      for (const auto& query : who.ends) {
        CAPTURE(query.first);
        REQUIRE(query.second == 1);
      }
      const auto& at = who.client.position();
      const auto session = server_->server.find_session(at.session_id);
      REQUIRE(session != nullptr);
      CHECK(at.last_seq == static_cast<std::int64_t>(session->core().output().log().top()));
      const auto& truths = truths_[at.session_id];
      for (const auto& told : who.ended) {
        const aw::client_answer& answer = told.second;
        const auto known = truths.find(told.first);
        if (answer.failure && answer.failure->code == "rate_limited") {
          // It was not accepted, now or before, and its program was told when to try again.
          REQUIRE(known == truths.end());
          REQUIRE(answer.failure->retryable);
          REQUIRE(answer.failure->retry_after.has_value());
          ++refused;
        }
        if (known == truths.end()) continue;  // of an earlier session
        CAPTURE(told.first);
        if (answer.failure && answer.failure->code == "expired") continue;  // no longer kept
        REQUIRE(answer.status == known->second.status);
        // The error of a plain query brings no text.
        if (answer.failure && answer.text().empty()) continue;
        REQUIRE(answer.text() == known->second.text);
      }
      const auto& notes = notifications_[at.session_id];
      const std::size_t heard = who.notifications.size();
      REQUIRE(heard <= notes.size());
      REQUIRE(std::equal(who.notifications.begin(), who.notifications.end(),
                         notes.end() - static_cast<std::ptrdiff_t>(heard)));
      if (who.resets == 0 && &who == users_.front().get()) REQUIRE(heard == notes.size());
      resets += static_cast<std::size_t>(who.resets);
    }
  }

  std::mt19937 random_;
  bool small_log_;
  bool limited_;
  aw::testing::manual_scheduler clock_;
  std::map<std::pair<std::string, std::string>, int> runs_;
  std::map<std::string, std::map<std::string, truth>> truths_;     // by session
  std::map<std::string, std::vector<std::string>> notifications_;  // by session
  struct watched_session {
    std::weak_ptr<world_server::server_type::session_type> session;
    aw::duration absent;  // at least
  };
  std::vector<watched_session> sessions_;
  std::unique_ptr<world_server> server_;
  std::vector<std::unique_ptr<user>> users_;
  std::vector<std::unique_ptr<line_type>> lines_;
  std::set<aw::http_call_id> heads_;
  std::uint32_t notes_ = 0;
};

}  // namespace

TEST_CASE("lossless: whatever comes between them, client and server agree in the end") {
  std::size_t cuts = 0, resets = 0, queries = 0, restarts = 0, tabs = 0;
  const std::uint32_t count = schedules(1000);
  for (std::uint32_t seed = 1; seed <= count; ++seed) {
    CAPTURE(seed);
    world each(seed);
    each.run(300);
    cuts += each.cuts;
    resets += each.resets;
    queries += each.queries;
    restarts += each.restarts;
    tabs += each.tabs;
  }
  MESSAGE(count << " schedules: " << queries << " queries, " << cuts << " cuts, " << restarts
                << " restarts, " << tabs << " tabs, " << resets << " resets");
  // The schedules do reach what they are for.
  if (count < 100) return;
  CHECK(queries > count * 5);
  CHECK(cuts > count);
  CHECK(resets > count / 20);
  CHECK(restarts > count / 20);
  CHECK(tabs > count / 20);
}

TEST_CASE("lossless: what a limit refuses is told, and what was accepted is not lost by one") {
  std::size_t refused = 0, queries = 0;
  const std::uint32_t count = schedules(300);
  for (std::uint32_t seed = 1; seed <= count; ++seed) {
    CAPTURE(seed);
    world each(seed, true);
    each.run(300);
    refused += each.refused;
    queries += each.queries;
  }
  MESSAGE(count << " schedules: " << queries << " queries, " << refused << " refused");
  if (count < 100) return;
  CHECK(refused > count);
  CHECK(refused < queries);
}
