// SPDX-License-Identifier: MIT
//
// Random lives of servers that share a store, and of clients that come to any of them, in virtual
// time. Servers are killed, stop, stand still; the store is slow, fails, or is away; messages
// between servers are lost; connections break at any frame. The rules, whatever happens:
//
// - What a client is sent as done (an acknowledgement, a numbered message) is kept by then.
// - A query is put to the model at most once, in its whole life. It was acknowledged before or will
//   not be: one that is refused, or whose server died before it was kept, was never put to it.
// - An acknowledged query has one terminal message, the same wherever it is seen. So does every
//   query that a client took, for its program.
// - A number of a session has one content. There are no holes.
// - A client that comes back to a session of which anything was kept goes on where it was.
// - A notification that was kept is heard once by everybody who is there from before. It is kept
//   when nothing is wrong with the store and with the servers.
// - In the end the transcripts of clients and the history of the server say the same; settings
//   and feedback that were acknowledged hold.
// - One server at a time writes a session (space_watch.hpp).
#pragma once

#include "flow/fixture.hpp"
#include "flow/network.hpp"
#include "flow/space_watch.hpp"

#include <agent_websocket/policy/memory_exchange.hpp>
#include <agent_websocket/session/commands.hpp>
#include <agent_websocket/testing/faulty_store.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace flow {

/// What may happen in a world.
struct perils {
  std::uint32_t servers = 1;
  std::uint32_t users = 1;
  bool store_faults = false;
  bool kills = false;
  bool stops = false;
  bool standstills = false;
  bool lost_messages = false;
  bool tabs = false;
};

/// One life of one server.
struct world_server : fixture {
  struct shared {
    std::shared_ptr<aw::memory_space> space = std::make_shared<aw::memory_space>();
    std::shared_ptr<space_watch> watch = std::make_shared<space_watch>();
    std::shared_ptr<aw::memory_bus> bus = std::make_shared<aw::memory_bus>();
  };

  world_server(const shared& with, std::string called, aw::options chosen, std::uint64_t seed,
               aw::time_point now, bool has_others)
      : fixture(std::move(chosen), aw::any_store(), seed), name(std::move(called)) {
    clock.advance(now - clock.now());
    using faulty = aw::testing::faulty_store<watched_store, aw::testing::manual_scheduler>;
    store = aw::any_store(
        std::make_unique<faulty>(watched_store(with.space, name, with.watch), clock, faults));
    if (!has_others) return;
    server.exchange_by(aw::any_exchange(std::make_unique<aw::memory_exchange>(
        with.bus, name, [this](std::function<void()> f) {
          if (!is_deaf) clock.post(std::move(f));
        })));
  }

  bool move() {
    transport.run();
    return clock.run() + http.run() != 0;
  }
  bool is_away() const { return stands_still || stopping; }

  std::string name;
  std::shared_ptr<aw::testing::store_faults> faults = std::make_shared<aw::testing::store_faults>();
  std::set<aw::http_call_id> heads;
  std::vector<aw::connection_id> broken;  ///< sockets that broke while it stood still
  aw::time_point fault_ends{}, wakes_at{}, joins_at{};
  std::size_t timers = 0;  ///< that a server has which nobody has come to
  bool is_faulty = false;
  bool stands_still = false;
  bool is_cut = false;   ///< from the others, which it is told in the end
  bool is_deaf = false;  ///< likewise, and it is not told
  bool stopping = false;
  bool stopped = false;
};

/// A program that remembers what became of its settings and feedback.
class stored_user : public user {
 public:
  using user::user;
  struct wish {
    std::string id, value;
    bool is_refused = false;  // else it is acknowledged in the end, if only by a welcome
  };
  std::vector<wish> sets, judged;
  std::int64_t since = 0;  ///< it has heard what has a higher number

 private:
  void on_error(const aw::client_notice& notice) override {
    for (auto* const list : {&sets, &judged}) {
      for (wish& each : *list) each.is_refused = each.is_refused || each.id == notice.ref;
    }
  }
};

class stored_world {
 public:
  struct counts {
    std::size_t queries = 0, cuts = 0, kills = 0, stops = 0, standstills = 0, faults = 0,
                long_faults = 0, losses = 0, tabs = 0, notes = 0, kept_notes = 0, interrupted = 0,
                recovered = 0, resets = 0;

    void add(const counts& other) {
      for (const auto& each : all()) this->*each.second += other.*each.second;
    }
    std::string text() const {
      std::string said;
      for (const auto& each : all())
        said += (said.empty() ? "" : ", ") + std::to_string(this->*each.second) + " " + each.first;
      return said;
    }

   private:
    using row = std::pair<const char*, std::size_t counts::*>;
    static std::vector<row> all() {
      using c = counts;
      return {{"queries", &c::queries},         {"cuts", &c::cuts},
              {"kills", &c::kills},             {"stops", &c::stops},
              {"standstills", &c::standstills}, {"store faults", &c::faults},
              {"long ones", &c::long_faults},   {"losses between servers", &c::losses},
              {"tabs", &c::tabs},               {"notifications", &c::notes},
              {"kept", &c::kept_notes},         {"interrupted", &c::interrupted},
              {"recovered", &c::recovered},     {"resets", &c::resets}};
    }
  };

  stored_world(std::uint32_t seed, perils what) : random_(seed), perils_(what) {
    patience_ = pick(2) == 0 ? 20s : 60s;
    small_log_ = pick(8) == 0;
    for (std::uint32_t i = 0; i < what.servers; ++i) begin_server(i);
    for (std::uint32_t i = 0; i < what.users; ++i) add_user({});
  }
  ~stored_world() {
    lines_.clear();  // before what they refer to
    users_.clear();
  }

  counts run(int steps) {
    for (int step = 0; step < steps; ++step) {
      act();
      come_to_rest();
    }
    settle();
    compare();
    leave();
    return counts_;
  }

 private:
  /// A client's line to whichever server it has come to.
  struct world_line : line<world_server> {
    world_line(stored_world& of, stored_user& whose) : line(whose), world(of) {}
    void on_sent(const frame& sent) override { world.on_sent(*this, sent); }
    bool is_whole(world_server&, const frame& hello) override {
      return !world.small_log_ && world.shared_.watch->find(hello.text("session_id")) != nullptr;
    }
    stored_world& world;
    world_server* at = nullptr;
    std::string session;
  };

  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_()) % below; }
  template <typename List>
  auto& any_of(List& list) {
    return *list[pick(static_cast<std::uint32_t>(list.size()))];
  }

  // ---- servers

  aw::options chosen() {
    aw::options made = settings();
    made.session.max_log_messages = small_log_ ? 16 : 1024;
    made.session.resume_window = 300s;
    made.session.store_patience = patience_;
    made.session.coalesce = pick(2) == 0 ? 0ms : 20ms;
    made.session.max_queue = 50;
    made.session.max_history = 1000;
    made.run_grace = 120s;
    made.session_timeout = 24h;
    made.first_token_timeout = made.idle_timeout = 0s;
    made.level = aw::log_level::off;
    return made;
  }

  void begin_server(std::size_t place) {
    auto begun = std::make_unique<world_server>(
        shared_, "s" + std::to_string(place) + "." + std::to_string(++lives_), chosen(), random_(),
        clock_.now(), perils_.servers > 1);
    begun->router().on_query([this](auto&, const aw::wire::query& query, auto reply) {
      CAPTURE(query.id);
      REQUIRE(++runs_[query.id] == 1);
      reply.proceed();
    });
    begun->start();
    begun->run();
    begun->timers = begun->clock.pending_timers();
    if (servers_.size() <= place) servers_.resize(place + 1);
    servers_[place] = std::move(begun);
  }

  /// It is gone, without a word; its lease ends now or later.
  void kill(std::size_t place) {
    ++counts_.kills;
    const std::string name = servers_[place]->name;
    replace(place);
    if (pick(2) == 0) return shared_.space->drop_holder(name);
    leases_.push_back({clock_.now() + std::chrono::milliseconds(pick(10'000)), name});
  }
  void replace(std::size_t place) {
    for (auto& each : lines_) {
      if (each->at != servers_[place].get()) continue;
      each->lose_server();
      each->at = nullptr;
    }
    servers_[place].reset();
    begin_server(place);
  }

  void stop(world_server& which) {
    ++counts_.stops;
    which.stopping = true;
    which.server.stop([&which] { which.stopped = true; });
  }
  /// One that has stopped in order has let go of all that it had, if the store let it.
  void replace_stopped() {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (!servers_[i]->stopped) continue;
      REQUIRE(servers_[i]->server.session_count() == 0u);
      const std::string name = servers_[i]->name;
      replace(i);
      if (has_failed_) shared_.space->drop_holder(name);
    }
  }

  void stand_still(world_server& which) {
    ++counts_.standstills;
    has_stood_ = true;
    which.stands_still = true;
    const auto time = std::chrono::milliseconds(500 + pick(pick(2) == 0 ? 3'000 : 40'000));
    which.wakes_at = clock_.now() + time;
    if (time > 8s) leases_.push_back({clock_.now() + 8s, which.name});
  }
  void wake(world_server& which) {
    which.stands_still = false;
    which.clock.advance(clock_.now() - which.clock.now());
    for (const aw::connection_id each : which.broken) which.transport.disconnect(each);
    which.broken.clear();
  }

  void let_store_fail(world_server& which) {
    ++counts_.faults;
    auto& faults = *which.faults;
    aw::duration time = std::chrono::milliseconds(pick(5'000));
    if (pick(6) == 0) {
      ++counts_.long_faults;
      time = patience_ + std::chrono::milliseconds(pick(20'000));
    }
    which.fault_ends = clock_.now() + time;
    which.is_faulty = true;
    switch (pick(4)) {
      case 0: faults.delay = std::chrono::milliseconds(1 + pick(200)); break;
      case 1: faults.stalls = true; break;
      default:
        faults.failure = aw::error(aw::errc::connection_failed);
        faults.fails_after_doing = pick(2) == 0;
    }
    has_failed_ = true;
  }
  void mend_store(world_server& which) {
    which.is_faulty = false;
    which.faults->failure.reset();
    which.faults->fails_after_doing = false;
    which.faults->delay = pick(3) == 0 ? std::chrono::milliseconds(pick(20)) : 0ms;
    which.faults->go_on();
  }

  void lose_messages(world_server& which) {
    ++counts_.losses;
    which.joins_at = clock_.now() + std::chrono::milliseconds(pick(pick(3) == 0 ? 20'000 : 500));
    if (pick(2) == 0) {
      which.is_cut = true;
      shared_.bus->cut(which.name);
    } else {
      which.is_deaf = true;
    }
  }
  void join(world_server& which) {
    if (std::exchange(which.is_cut, false)) shared_.bus->join(which.name);
    which.is_deaf = false;
  }

  /// What ends by itself.
  void look_at_the_clock() {
    const auto now = clock_.now();
    for (const auto& each : servers_) {
      if (each->stands_still && each->wakes_at <= now) wake(*each);
      if (each->is_faulty && each->fault_ends <= now) mend_store(*each);
      if ((each->is_cut || each->is_deaf) && each->joins_at <= now) join(*each);
    }
    for (std::size_t i = leases_.size(); i-- > 0;) {
      if (leases_[i].first > now) continue;
      shared_.space->drop_holder(leases_[i].second);
      leases_.erase(leases_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  // ---- users

  void add_user(aw::resume_point from) {
    aw::client_options options;
    options.random = aw::random_source::seeded(random_());
    options.resume = std::move(from);
    options.max_notifications = options.max_answers = 100'000;
    options.max_outbox_messages = 1000;
    const std::int64_t since = options.resume.last_seq;
    users_.push_back(std::make_unique<stored_user>(clock_, std::move(options)));
    users_.back()->since = since;
    lines_.push_back(std::make_unique<world_line>(*this, *users_.back()));
    users_.back()->client.start();
  }

  void accept(world_line& its) {
    world_server& at = any_of(servers_);
    if (at.stands_still) return;  // nobody answers
    if (at.stopping) return its.refuse(503);
    its.at = &at;
    its.accept(at);
  }

  /// What both sides have sent; a server that stands still has sent nothing and hears nothing.
  void collect(world_line& its, stored_user& who) {
    world_server& at = its.at != nullptr ? *its.at : *servers_[0];
    if (its.at == nullptr || !at.stands_still) return its.collect(at);
    if (!who.transport.is_open()) break_from_standing(its);
  }
  void break_from_standing(world_line& its) {
    if (its.stands()) its.at->broken.push_back(its.id());
    its.lose_server();
    its.at = nullptr;
  }
  bool is_reachable(const world_line& its) const {
    return its.at != nullptr && !its.at->stands_still && its.stands();
  }

  void on_sent(world_line& its, const frame& sent) {
    CAPTURE(sent.raw());
    if (sent.op() == "welcome") {
      its.session = sent.text("session_id");
      if (sent.truth("recovered")) ++counts_.recovered;
    }
    const auto* const kept = shared_.watch->find(its.session);
    if (sent.is_numbered()) {
      REQUIRE(kept != nullptr);
      const auto known = kept->messages.find(sent.number("seq"));
      REQUIRE(known != kept->messages.end());
      REQUIRE(same_content(frame_at(*kept, known->first), sent));
    }
    if (sent.is_terminal() && sent.has("seq")) {
      REQUIRE(kept->ends.count(sent.ref()) == 1u);
      REQUIRE(kept->ends.at(sent.ref()) == sent.number("seq"));
    }
    if (sent.is_status("ack") && queries_.count(sent.ref()) != 0) {
      REQUIRE(kept != nullptr);
      REQUIRE(kept->queries.count(sent.ref()) == 1u);
      acknowledged_.insert({its.session, sent.ref()});
    }
    if ((sent.is_status("ack") || sent.is_status("set")) && wishes_.count(sent.ref()) != 0)
      REQUIRE(kept->done.count(sent.ref()) == 1u);
  }
  /// As it was kept and as it is sent, or sent again.
  bool same_content(const frame& a, const frame& b) const {
    if (small_log_ && b.truth("replay") && b.is_terminal()) {  // it may be on no log any more
      if (b.code() == "expired") return true;
      return a.content() == b.content() && a.text("status") == b.text("status");
    }
    const auto text = [](const frame& of, const char* name) { return of.text(name); };
    for (const char* each : {"type", "op", "ref", "stream", "content", "status", "code", "topic",
                             "error.code"}) {
      if (text(a, each) != text(b, each)) return false;
    }
    return true;
  }

  void ask(stored_user& who) {
    static const aw::wire::overlap overlaps[] = {
        aw::wire::overlap::queue, aw::wire::overlap::queue,  aw::wire::overlap::queue,
        aw::wire::overlap::queue, aw::wire::overlap::latest, aw::wire::overlap::interrupt};
    aw::wire::query asked;
    asked.content = "x";
    asked.priority = static_cast<int>(pick(10));
    asked.overlap = overlaps[pick(6)];
    if (pick(3) == 0) asked.stream = pick(2) == 0;
    const auto taken = who.client.query(std::move(asked));
    if (!taken) return;
    who.ends.emplace(*taken, 0);
    queries_.insert(*taken);
    ++counts_.queries;
  }

  void choose(stored_user& who) {
    aw::wire::command wanted;
    wanted.op = "set";
    const std::string model = "m/" + std::to_string(++chosen_);
    wanted.data = R"({"model":")" + model + "\"}";
    const auto id = who.client.command(std::move(wanted));
    if (!id) return;
    who.sets.push_back({*id, model});
    wishes_.insert(*id);
  }

  void judge(stored_user& who) {
    std::vector<std::string> whole;
    for (const auto& each : who.ended) {
      if (each.second.status == aw::wire::answer_status::completed) whole.push_back(each.first);
    }
    if (whole.empty()) return;
    aw::wire::human_feedback said;
    said.ref = whole[pick(static_cast<std::uint32_t>(whole.size()))];
    said.rating = 1;
    const std::string of = said.ref;
    const auto id = who.client.feedback(std::move(said));
    if (!id) return;
    who.judged.push_back({*id, of});
    wishes_.insert(*id);
  }

  /// From any server, to where the session is. Taken: it is kept.
  void notify(stored_user& who) {
    const std::string session = who.client.position().session_id;
    world_server& by = any_of(servers_);
    if (by.stands_still || session.empty()) return;
    const std::string text = "n" + std::to_string(++counts_.notes);
    const bool was_kept = shared_.watch->find(session) != nullptr;
    by.server.notify(session, text);
    if (pick(4) == 0) {
      if (const auto here = by.server.find_session(session)) here->notify_volatile("v", "v");
    }
    come_to_rest();
    const auto* const kept = shared_.watch->find(session);
    const bool is_kept = kept != nullptr && kept->notes.count(text) != 0;
    CAPTURE(text);
    if (was_kept && is_all_well()) REQUIRE(is_kept);
    if (is_kept) ++counts_.kept_notes;
  }
  /// Nothing is wrong, nor has been for so long that it might show now.
  bool is_all_well() const {
    if (has_failed_ || has_stood_ || !leases_.empty()) return false;
    return std::none_of(servers_.begin(), servers_.end(), [](const auto& each) {
      return each->stopping || each->is_cut || each->is_deaf;
    });
  }

  /// Another one of the same user. It has a token of its own before anything else happens.
  void open_tab(stored_user& who, world_line& its) {
    if (!is_reachable(its) || who.client.state() != aw::client_state::live) return;
    ++counts_.tabs;
    its.is_alone = false;
    add_user(who.client.position());
    world_line& added = *lines_.back();
    added.is_alone = false;
    accept(added);
    for (int i = 0; i < 3 && is_reachable(added) && is_reachable(its); ++i) {
      exchange_frames(added);
      exchange_frames(its);
      come_to_rest();
    }
    const bool is_live = users_.back()->client.state() == aw::client_state::live;
    const bool has_own = users_.back()->client.position().token != who.client.position().token;
    if (is_live && has_own && is_reachable(added) && is_reachable(its) && added.under_way() == 0)
      its.is_alone = added.is_alone = true;
  }
  void exchange_frames(world_line& its) {
    if (is_reachable(its)) its.deliver_to_server(*its.at, 1000);
    if (is_reachable(its)) its.deliver_to_client(*its.at, 100'000);
    if (is_reachable(its)) its.deliver_to_server(*its.at, 1000);
  }

  // ---- what happens

  void act() {
    const std::size_t which = pick(static_cast<std::uint32_t>(users_.size()));
    stored_user& who = *users_[which];
    world_line& its = *lines_[which];
    world_server& server = any_of(servers_);
    const std::uint32_t what = pick(1000);
    if (what < 50) {
      ask(who);
    } else if (what < 60) {
      choose(who);
    } else if (what < 70) {
      judge(who);
    } else if (what < 320) {
      if (!server.stands_still) upstream(server);
    } else if (what < 360) {
      notify(who);
    } else if (what < 400) {
      if (its.at != nullptr && its.at->stands_still && its.stands()) return break_from_standing(its);
      if (!is_reachable(its)) return;
      ++counts_.cuts;
      its.cut(*its.at, pick(8), pick(4));
    } else if (what < 480) {
      if (!its.is_wanted()) return;
      if (pick(8) == 0) return its.refuse(pick(2) == 0 ? 503 : 0);
      accept(its);
    } else if (what < 700) {
      if (is_reachable(its)) its.deliver_to_client(*its.at, 1 + pick(8));
    } else if (what < 850) {
      if (is_reachable(its)) its.deliver_to_server(*its.at, 1 + pick(4));
    } else if (what < 865) {
      // Where one may be refused and the next be taken, this is no repeat but another try.
      if (is_reachable(its) && !perils_.store_faults) its.repeat_to_server(*its.at);
    } else if (what < 875) {
      if (is_reachable(its)) its.stall(*its.at);
    } else if (what < 885) {
      if (is_reachable(its)) its.drain(*its.at);
    } else if (what < 891) {
      if (perils_.kills && !server.stands_still) kill(place_of(server));
    } else if (what < 895) {
      if (perils_.stops && !server.is_away()) stop(server);
    } else if (what < 901) {
      if (perils_.standstills && !server.is_away()) stand_still(server);
    } else if (what < 911) {
      if (perils_.store_faults && !server.is_faulty) let_store_fail(server);
    } else if (what < 918) {
      if (perils_.lost_messages && !server.is_cut && !server.is_deaf) lose_messages(server);
    } else if (what < 924) {
      if (perils_.tabs && users_.size() < 3) open_tab(who, its);
    } else if (what < 928) {
      static_cast<void>(who.client.cancel());
    } else if (what < 990) {
      pass(std::chrono::milliseconds(pick(1000)));
    } else {
      pass(std::chrono::milliseconds(pick(pick(20) == 0 ? 320'000 : 15'000)));
    }
  }
  std::size_t place_of(const world_server& which) const {
    std::size_t i = 0;
    while (servers_[i].get() != &which) ++i;
    return i;
  }

  /// Until nothing moves any more without time passing.
  void come_to_rest() {
    bool moved = true;
    while (moved) {
      moved = false;
      for (const auto& each : servers_) {
        if (!each->stands_still) moved = each->move() || moved;
      }
    }
    for (std::size_t i = 0; i < lines_.size(); ++i) collect(*lines_[i], *users_[i]);
  }

  void pass(aw::duration time) {
    while (time > aw::duration::zero()) {
      const aw::duration step = std::min<aw::duration>(time, time > 10s ? 1s : 100ms);
      clock_.advance(step);
      time -= step;
      for (const auto& each : servers_) {
        if (!each->stands_still) each->clock.advance(clock_.now() - each->clock.now());
      }
      look_at_the_clock();
      come_to_rest();
      for (auto& each : lines_) {
        if (is_reachable(*each)) each->keep_alive(*each->at);
      }
      replace_stopped();
    }
  }

  /// Some call upstream goes on.
  void upstream(world_server& at) {
    std::vector<aw::http_call_id> open;
    for (const auto& each : at.http.calls()) {
      if (each.state == aw::testing::mock_http_client::call_state::open) open.push_back(each.id);
    }
    if (open.empty()) return;
    const aw::http_call_id id = open[pick(static_cast<std::uint32_t>(open.size()))];
    if (at.heads.insert(id).second) return at.http.respond_head(id, 200, event_stream());
    const std::uint32_t what = pick(20);
    if (what < 14) {
      at.http.respond_body(id, chunk("t" + std::to_string(pick(1000)) + " "));
    } else if (what == 14) {
      at.http.complete(id, aw::errc::connection_failed);
    } else {
      finish_call(at, id);
    }
  }
  static void finish_call(world_server& at, aw::http_call_id id) {
    if (at.heads.insert(id).second) at.http.respond_head(id, 200, event_stream());
    at.http.respond_body(id, chunk("last") + finish() + done());
    at.http.complete(id);
  }
  static void finish_calls(world_server& at) {
    for (std::size_t i = 0; i < at.http.calls().size(); ++i) {
      if (at.http.calls()[i].state == aw::testing::mock_http_client::call_state::open)
        finish_call(at, at.http.calls()[i].id);
    }
  }

  // ---- the end

  /// All is well from here on.
  void settle() {
    for (const auto& each : servers_) {
      if (each->stands_still) wake(*each);
      mend_store(*each);
      each->faults->delay = 0ms;
      join(*each);
    }
    for (const auto& each : leases_) shared_.space->drop_holder(each.second);
    leases_.clear();
    come_to_rest();
    wait_for_all();
    // A server that stood still does not know that it has lost its sessions until it writes.
    if (!has_stood_) return;
    for (const auto& each : users_) ask(*each);
    wait_for_all();
  }

  void wait_for_all() {
    for (int round = 0; round < 300; ++round) {
      for (std::size_t i = 0; i < users_.size(); ++i) {
        world_line& its = *lines_[i];
        if (is_reachable(its)) its.drain(*its.at);
        if (its.is_wanted()) accept(its);
        exchange_frames(its);
      }
      come_to_rest();
      if (is_quiet() && are_equal()) return;
      for (const auto& each : servers_) finish_calls(*each);
      come_to_rest();
      pass(500ms);
    }
  }
  /// Nothing is open, and nothing under way.
  bool is_quiet() const {
    for (std::size_t i = 0; i < users_.size(); ++i) {
      if (users_[i]->client.state() != aw::client_state::live || has_open(*users_[i])) return false;
      if (lines_[i]->under_way() != 0) return false;
    }
    return std::all_of(servers_.begin(), servers_.end(), [](const auto& each) {
      return !each->stopping && each->http.open_calls() == 0;
    });
  }
  static bool has_open(const stored_user& of) {
    return std::any_of(of.ends.begin(), of.ends.end(),
                       [](const auto& each) { return each.second == 0; });
  }
  /// Everybody has heard everything that is kept.
  bool are_equal() const {
    return std::all_of(users_.begin(), users_.end(), [this](const auto& each) {
      const auto& at = each->client.position();
      const auto* const kept = shared_.watch->find(at.session_id);
      return at.last_seq == (kept != nullptr ? kept->top() : 0);
    });
  }

  void compare() {
    for (const auto& each : acknowledged_) {
      CAPTURE(each.second);
      REQUIRE(shared_.watch->find(each.first)->ends.count(each.second) == 1u);
    }
    for (const auto& each : users_) compare(*each);
  }

  void compare(const stored_user& who) {
    REQUIRE(who.client.state() == aw::client_state::live);
    for (const auto& query : who.ends) {
      CAPTURE(query.first);
      REQUIRE(query.second == 1);
    }
    const auto& at = who.client.position();
    const auto* const kept = shared_.watch->find(at.session_id);
    counts_.resets += static_cast<std::size_t>(who.resets);
    if (kept == nullptr) return;  // nothing was ever said
    REQUIRE(at.last_seq == kept->top());
    for (const auto& told : who.ended) compare_answer(at.session_id, *kept, told.second);
    compare_notes(who, *kept);
    compare_history(who, *kept);
  }

  void compare_answer(const std::string& session, const space_watch::kept_session& kept,
                      const aw::client_answer& answer) {
    CAPTURE(answer.id);
    const auto end = kept.ends.find(answer.id);
    if (end == kept.ends.end()) {  // it was refused
      REQUIRE(answer.failure.has_value());
      REQUIRE(acknowledged_.count({session, answer.id}) == 0u);
      return;
    }
    if (answer.failure && answer.failure->code == "expired") return;  // no longer kept
    const frame told = frame_at(kept, end->second);
    if (told.type() == "error") {
      REQUIRE(answer.failure.has_value());
      REQUIRE(answer.failure->code == told.code());
      return;
    }
    const bool is_shortened = small_log_ && answer.failure && answer.failure->code.empty();
    // Refused while the store failed, it was kept after all, and found open by the next server.
    const bool is_withdrawn = answer.failure && answer.failure->code == "internal" &&
                              acknowledged_.count({session, answer.id}) == 0;
    if (answer.failure && !is_shortened && !is_withdrawn)
      REQUIRE(answer.failure->code == told.text("error.code"));
    if (answer.failure && answer.failure->code == "interrupted") ++counts_.interrupted;
    REQUIRE(to_string(*answer.status) == told.text("status"));
    REQUIRE(answer.text() == told.content());
  }
  static frame frame_at(const space_watch::kept_session& kept, std::int64_t seq) {
    const std::string& text = kept.messages.at(seq);
    const std::size_t key = aw::records::frame_key.size();
    return frame(text.substr(key, text.size() - key - 1));
  }

  void compare_notes(const stored_user& who, const space_watch::kept_session& kept) {
    std::vector<std::string> said;
    for (const auto& each : kept.messages) {
      if (each.first <= who.since) continue;
      const frame message = frame_at(kept, each.first);
      if (message.type() == "notification" && message.op().empty())
        said.push_back(message.content());
    }
    if (who.resets == 0) {
      REQUIRE(who.notifications.size() == said.size());
      REQUIRE(std::equal(said.begin(), said.end(), who.notifications.begin()));
    } else {
      REQUIRE(who.notifications.size() <= said.size());
      REQUIRE(std::equal(who.notifications.begin(), who.notifications.end(),
                         said.end() - static_cast<std::ptrdiff_t>(who.notifications.size())));
    }
  }

  /// The server that may write the session has it, and knows what its client knows. (One that stood
  /// still may have it, too, and does not know yet that it may not.)
  void compare_history(const stored_user& who, const space_watch::kept_session& kept) {
    const auto& at = who.client.position();
    std::shared_ptr<world_server::session_type> session;
    for (const auto& each : servers_) {
      const auto here = each->server.find_session(at.session_id);
      if (here && each->name == shared_.watch->writer_of(at.session_id)) session = here;
      if (here && !has_stood_) REQUIRE(here == session);
    }
    REQUIRE(session != nullptr);
    std::set<std::string> in_history;
    for (const aw::turn& each : session->history().turns()) {
      CAPTURE(each.id);
      REQUIRE(in_history.insert(each.id).second);
      REQUIRE(kept.ends.count(each.id) == 1u);
      REQUIRE(kept.ends.at(each.id) == static_cast<std::int64_t>(each.seq));
      const frame told = frame_at(kept, kept.ends.at(each.id));
      if (told.type() != "error") REQUIRE(told.content() == each.text());
      std::set<std::string> opinions;
      for (const auto& said : each.feedback) REQUIRE(opinions.insert(said.id).second);
      for (const auto& wish : who.judged) {
        if (wish.value == each.id && !wish.is_refused)
          REQUIRE(opinions.count(wish.id) == 1u);
      }
    }
    for (const auto& each : kept.ends) {
      CAPTURE(each.first);
      if (frame_at(kept, each.second).text("status") == "completed")
        REQUIRE(in_history.count(each.first) == 1u);
    }
    compare_choices(who, aw::session_commands::describe(session->core()));
  }

  void compare_choices(const stored_user& who, const aw::session_info& info) {
    std::set<std::string> last;
    for (const auto& each : users_) {
      if (each->client.position().session_id != who.client.position().session_id) continue;
      for (auto set = each->sets.rbegin(); set != each->sets.rend(); ++set) {
        if (set->is_refused) continue;
        last.insert(set->value);
        break;
      }
    }
    const std::string model(info.model);
    CAPTURE(model);
    if (!last.empty()) REQUIRE(last.count(model) == 1u);
  }

  /// Everybody goes, and nothing is left of them at any server.
  void leave() {
    for (std::size_t i = 0; i < users_.size(); ++i) {
      users_[i]->client.stop();
      collect(*lines_[i], *users_[i]);
      if (is_reachable(*lines_[i])) lines_[i]->cut(*lines_[i]->at, 0, 0);
    }
    pass(400s);
    for (const auto& each : servers_) {
      REQUIRE(each->server.session_count() == 0u);
      REQUIRE(each->http.open_calls() == 0u);
      REQUIRE(each->transport.open_count() == 0u);
      REQUIRE(each->server.is_settled());
      REQUIRE(each->clock.pending_timers() == each->timers);
    }
  }

  std::mt19937 random_;
  perils perils_;
  std::chrono::milliseconds patience_{};
  bool small_log_ = false;
  aw::testing::manual_scheduler clock_;  // of the clients; servers have their own
  world_server::shared shared_;
  std::vector<std::unique_ptr<world_server>> servers_;
  int lives_ = 0;
  std::vector<std::pair<aw::time_point, std::string>> leases_;  // that end, of servers by name
  std::map<std::string, int> runs_;
  std::set<std::string> queries_, wishes_;
  std::set<std::pair<std::string, std::string>> acknowledged_;  // by session
  std::vector<std::unique_ptr<stored_user>> users_;
  std::vector<std::unique_ptr<world_line>> lines_;
  int chosen_ = 0;
  bool has_failed_ = false;
  bool has_stood_ = false;
  counts counts_;
};

/// Plays schedules with these perils; gives what happened in all of them.
inline stored_world::counts play(std::uint32_t count, int steps, const perils& what) {
  stored_world::counts all;
  for (std::uint32_t seed = 1; seed <= count; ++seed) {
    CAPTURE(seed);
    all.add(stored_world(seed, what).run(steps));
  }
  MESSAGE(count << " schedules: " << all.text());
  return all;
}

}  // namespace flow
