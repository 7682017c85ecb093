// SPDX-License-Identifier: MIT
#include <agent_websocket/server/deadlines.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

using agent_websocket::connection_id;
using agent_websocket::time_point;
using agent_websocket::testing::manual_scheduler;
using namespace std::chrono_literals;

namespace {

class fake_session {
 public:
  struct fake_core {
    bool is_busy = false;
    time_point active{};
    bool busy() const { return is_busy; }
    time_point last_activity() const { return active; }
  };
  explicit fake_session(std::string id) : id_(std::move(id)) {}
  const std::string& id() const { return id_; }
  fake_core& core() { return core_; }

 private:
  std::string id_;
  fake_core core_;
};

using session_limits = agent_websocket::session_list<fake_session>::limits;
using deadlines = agent_websocket::deadlines<fake_session, manual_scheduler>;

/// Writes down whose time is up, with the seconds since the beginning.
class recorder final : public agent_websocket::deadline_sink<fake_session> {
 public:
  explicit recorder(manual_scheduler& scheduler) : scheduler_(scheduler), start_(scheduler.now()) {}

  std::string told;
  std::function<void(const std::string&)> meanwhile;

 private:
  void note(const std::string& what, const std::string& who) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(scheduler_.now() - start_).count();
    told += std::to_string(seconds) + ":" + what + "(" + who + ") ";
    if (meanwhile) meanwhile(what);
  }
  void on_silent(connection_id connection) override { note("silent", std::to_string(connection)); }
  void on_lost(connection_id connection, fake_session& session) override {
    note("lost", std::to_string(connection) + "," + session.id());
  }
  void on_inactive(fake_session& session) override { note("inactive", session.id()); }
  void on_grace_over(fake_session& session) override { note("grace", session.id()); }
  void on_forgotten(fake_session& session) override { note("forgotten", session.id()); }

  manual_scheduler& scheduler_;
  time_point start_;
};

struct fixture {
  manual_scheduler scheduler;
  recorder sink{scheduler};
  std::unique_ptr<deadlines> living;

  explicit fixture(session_limits allowed = {30min, 120s, 300s, 1000})
      : living(std::make_unique<deadlines>(scheduler, sink, deadlines::intervals{25s, 8s, 60s},
                                           allowed)) {}

  /// A session of that name with a socket.
  std::shared_ptr<fake_session> open(connection_id connection, const std::string& id) {
    auto made = std::make_shared<fake_session>(id);
    made->core().active = scheduler.now();
    living->sessions.add(made, scheduler.now());
    living->connections.add(connection, made, scheduler.now());
    living->watch_heartbeat();
    return made;
  }
  /// The socket of that session goes.
  void close(connection_id connection) {
    const auto session = living->connections.remove(connection);
    REQUIRE(session != nullptr);
    living->sessions.detached(*session, scheduler.now());
    living->watch_detached();
  }
  std::string take() { return std::exchange(sink.told, {}); }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "deadlines: no timer while there is nobody") {
  living->watch_heartbeat();
  living->watch_detached();
  CHECK_FALSE(scheduler.has_work());
}

TEST_CASE_FIXTURE(fixture, "deadlines: a silent peer is told of at its second") {
  open(1, "a");
  scheduler.advance(25s - 1ms);
  CHECK(take().empty());
  scheduler.advance(1ms);
  CHECK(take() == "25:silent(1) ");
  scheduler.advance(8s);
  CHECK(take() == "33:lost(1,a) ");
}

TEST_CASE_FIXTURE(fixture, "deadlines: one timer, whoever comes and whoever is heard of") {
  open(1, "a");
  scheduler.advance(10s);
  open(2, "b");
  open(3, "c");
  CHECK(scheduler.pending_timers() == 1u);
  living->connections.heard(1, scheduler.now());
  scheduler.advance(24s);  // 34 s
  CHECK(take().empty());
  living->connections.heard(2, scheduler.now());
  scheduler.advance(1s);
  CHECK(take() == "35:silent(3) 35:silent(1) ");
  living->connections.heard(1, scheduler.now());
  scheduler.advance(8s);
  CHECK(take() == "43:lost(3,c) ");
  living->connections.remove(3);
  scheduler.advance(16s);
  CHECK(take() == "59:silent(2) ");
  CHECK(scheduler.pending_timers() == 1u);
}

TEST_CASE_FIXTURE(fixture, "deadlines: the heartbeat ends with the last socket, and begins again") {
  open(1, "a");
  living->connections.remove(1);
  scheduler.advance(1h);
  CHECK(take().empty());
  CHECK_FALSE(scheduler.has_work());
  open(2, "b");
  scheduler.advance(25s);
  CHECK(take() == "3625:silent(2) ");
}

TEST_CASE_FIXTURE(fixture,
                  "deadlines: a lost socket may be removed on the spot, and a new one come") {
  open(1, "a");
  sink.meanwhile = [this](const std::string& what) {
    if (what != "lost") return;
    living->connections.remove(1);
    open(2, "b");
  };
  scheduler.advance(33s);
  CHECK(take() == "25:silent(1) 33:lost(1,a) ");
  CHECK(scheduler.pending_timers() == 1u);
  scheduler.advance(25s);
  CHECK(take() == "58:silent(2) ");
}

TEST_CASE_FIXTURE(fixture, "deadlines: inactive sessions are looked for at intervals") {
  living->watch_inactivity();
  const auto a = std::make_shared<fake_session>("a");
  a->core().active = scheduler.now();
  living->sessions.add(a, scheduler.now() + 30s);
  scheduler.advance(30min);
  CHECK(take().empty());
  scheduler.advance(1min);
  CHECK(take() == "1860:inactive(a) ");
  living->sessions.erase(*a);
  scheduler.advance(10h);
  CHECK(take().empty());
  CHECK(scheduler.pending_timers() == 1u);
}

TEST_CASE_FIXTURE(fixture, "deadlines: a session without a socket: grace, then the window") {
  open(1, "a");
  close(1);
  scheduler.advance(120s - 1ms);
  CHECK(take().empty());
  scheduler.advance(1ms);
  CHECK(take() == "120:grace(a) ");
  scheduler.advance(180s);
  CHECK(take() == "300:forgotten(a) ");
  scheduler.advance(1h);
  CHECK_FALSE(scheduler.has_work());
}

TEST_CASE_FIXTURE(fixture, "deadlines: who comes back is told of no more") {
  const auto a = open(1, "a");
  close(1);
  scheduler.advance(100s);
  living->sessions.attached(*a, scheduler.now());
  scheduler.advance(1h);
  CHECK(take().empty());
  living->sessions.detached(*a, scheduler.now());
  living->watch_detached();
  scheduler.advance(120s);
  CHECK(take() == "3820:grace(a) ");
}

TEST_CASE_FIXTURE(fixture, "deadlines: each session has its own time") {
  open(1, "a");
  open(2, "b");
  close(1);
  scheduler.advance(10s);
  close(2);
  CHECK(scheduler.pending_timers() <= 2u);  // heartbeat and this
  scheduler.advance(300s);
  CHECK(take() == "120:grace(a) 130:grace(b) 300:forgotten(a) 310:forgotten(b) ");
}

TEST_CASE_FIXTURE(fixture,
                  "deadlines: a grace is over in time, also while an older session waits") {
  open(1, "a");
  close(1);
  scheduler.advance(130s);
  CHECK(take() == "120:grace(a) ");
  open(2, "b");
  living->connections.heard(2, scheduler.now());
  close(2);  // its grace is over at 250 s, before the older one's window is
  scheduler.advance(120s);
  CHECK(take() == "250:grace(b) ");
  scheduler.advance(50s);
  CHECK(take() == "300:forgotten(a) ");
}

TEST_CASE("deadlines: with no grace and no window it is told at once") {
  fixture f({30min, 0s, 0s, 1000});
  f.open(1, "a");
  f.close(1);
  CHECK(f.take() == "0:grace(a) 0:forgotten(a) ");
}

TEST_CASE("deadlines: too many that wait are told of at once") {
  fixture f({30min, 120s, 300s, 1});
  f.open(1, "a");
  f.open(2, "b");
  f.close(1);
  CHECK(f.take().empty());
  f.scheduler.advance(1s);
  f.close(2);
  CHECK(f.take() == "1:forgotten(a) ");
}

TEST_CASE("deadlines: a grace without end costs a look now and then, no more") {
  fixture f({30min, -1ms, 0s, 1000});
  const auto a = f.open(1, "a");
  a->core().is_busy = true;
  f.close(1);
  const std::size_t looks = f.scheduler.advance(60s);
  CHECK(looks <= 120u);
  CHECK(f.take().empty());
  a->core().is_busy = false;
  f.scheduler.advance(2s);
  CHECK(f.take().find("forgotten(a)") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "deadlines: what is told may bring one more of the same") {
  open(1, "a");
  open(2, "b");
  close(1);
  sink.meanwhile = [this](const std::string& what) {
    if (what == "grace" && living->connections.find(2) != nullptr) close(2);
  };
  scheduler.advance(120s);
  CHECK(scheduler.pending_timers() <= 2u);
  sink.meanwhile = nullptr;
  CHECK(take().find("120:grace(a) ") != std::string::npos);
  scheduler.advance(120s);
  CHECK(take() == "240:grace(b) ");
  scheduler.advance(180s);
  CHECK(take() == "300:forgotten(a) 420:forgotten(b) ");
}

TEST_CASE_FIXTURE(fixture, "deadlines: leaves no timer behind") {
  open(1, "a");
  open(2, "b");
  close(2);
  living->watch_inactivity();
  CHECK(scheduler.pending_timers() == 3u);
  living.reset();
  CHECK_FALSE(scheduler.has_work());
  scheduler.advance(10h);
  CHECK(take().empty());
}
