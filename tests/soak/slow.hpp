// SPDX-License-Identifier: MIT
//
// Cases: clients that never read, beside healthy ones; and healthy ones beside what the driver does.
#pragma once

#include "bench.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <thread>

namespace soak {

/// Well-behaved clients in a thread of their own, so that their times hold nothing of what the
/// others' bytes cost here: pings, and short answers, one after the other.
class healthy_clients {
 public:
  static constexpr std::size_t phases = 4;

  healthy_clients(std::uint16_t port, std::size_t count)
      : thread_([this, port, count] { run(port, count); }) {}

  /// What is measured from now on counts for this phase.
  void enter(std::size_t phase) { phase_ = phase; }

  void stop() {
    stops_ = true;
    thread_.join();
  }
  // After stop().
  std::array<std::vector<double>, phases> pongs, answers;  // milliseconds
  tallies counted;

 private:
  struct times {
    clock::time_point pinged, asked;
    std::size_t ping_phase = 0, ask_phase = 0, turn = 0;
  };

  void run(std::uint16_t port, std::size_t count) {
    event_loop loop;
    std::vector<std::unique_ptr<client>> clients;
    std::vector<times> of(count);
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<client>(loop, port, counted));
      const auto ping = [this, &of, i](client& self) {
        of[i].pinged = clock::now();
        of[i].ping_phase = phase_;
        self.ping();
      };
      const auto ask = [this, &of, i](client& self) {
        if (stops_) return;
        of[i].asked = clock::now();
        of[i].ask_phase = phase_;
        self.ask({10, 0, 8, tag_of(i, ++of[i].turn)});
      };
      client::hooks& told = clients.back()->told;
      told.on_live = [ping, ask](client& self) {
        ping(self);
        ask(self);
      };
      told.on_pong = [this, &of, &loop, i, ping](client& self) {
        if (of[i].ping_phase == phase_)
          pongs[phase_].push_back(ms_between(of[i].pinged, clock::now()));
        loop.after(milliseconds(10), [&self, ping] { ping(self); });
      };
      told.on_answer = [this, &of, &loop, i, ask](client& self) {
        if (of[i].ask_phase == phase_)
          answers[phase_].push_back(ms_between(of[i].asked, clock::now()));
        loop.after(milliseconds(40), [&self, ask] { ask(self); });
      };
      clients.back()->connect();
    }
    loop.run_until([this] { return stops_.load(); }, std::chrono::minutes(10));
    loop.run_until([&] { return all_answered(clients); }, std::chrono::seconds(20));
    for (const auto& each : clients) unanswered_ += each->open_queries();
    counted.wrong += unanswered_;
    for (const auto& each : clients) each->comes_back = false;
  }

  std::atomic<std::size_t> phase_{0};
  std::atomic<bool> stops_{false};
  std::size_t unanswered_ = 0;
  std::thread thread_;  // last: it uses the others
};

/// After stop(): the times of the healthy clients in phases 1 and on.
inline void report_healthy(const bench& on, const healthy_clients& healthy,
                           const std::array<const char*, healthy_clients::phases - 1>& names) {
  for (std::size_t phase = 1; phase < healthy_clients::phases; ++phase) {
    const std::string when = names[phase - 1];
    on.driver.figure("pings " + when, healthy.pongs[phase].size());
    on.driver.figure("ping p50 " + when, quantile(healthy.pongs[phase], 0.5));
    on.driver.figure("ping p99 " + when, quantile(healthy.pongs[phase], 0.99));
    on.driver.figure("ping worst " + when, quantile(healthy.pongs[phase], 1));
    on.driver.figure("answer p99 " + when, quantile(healthy.answers[phase], 0.99));
  }
  on.driver.figure("healthy answered", healthy.counted.answered);
  on.driver.figure("healthy all well",
                   healthy.counted.nothing_lost() && healthy.counted.closes.empty());
}

/// Healthy clients alone, while the driver does something else, and alone again.
inline void beside(bench& on) {
  healthy_clients healthy(on.port, on["healthy"]);
  on.loop.run_for(milliseconds(500));
  healthy.enter(1);
  on.loop.run_for(milliseconds(on["quiet_ms"]));
  healthy.enter(2);
  on.driver.wait("meanwhile");
  healthy.enter(3);
  on.loop.run_for(milliseconds(on["quiet_ms"]));
  healthy.stop();
  report_healthy(on, healthy, {"before", "meanwhile", "afterwards"});
  on.report();
}

/// Clients that never read, beside healthy ones. Half of them read again when the server must have
/// given up on them, and see why; the others see the connection reset.
inline void slow(bench& on) {
  const milliseconds slow_timeout(on["slow_timeout_ms"]);
  const auto rest = milliseconds(on["quiet_ms"]);
  const question much{on["tokens"], 0, on["width"], {}};
  const auto tagged = [&](std::size_t i) {
    question asked = much;
    asked.tag = tag_of(i, 7);
    return asked;
  };
  healthy_clients healthy(on.port, on["healthy"]);
  on.loop.run_for(milliseconds(500));

  healthy.enter(1);  // alone
  on.loop.run_for(rest);
  on.driver.wait("alone");

  healthy.enter(2);  // beside clients that read the same
  auto readers = on.make_clients(on["slow"]);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    readers[i]->ask(tagged(i));
    readers[i]->connect();
  }
  auto begun = clock::now();
  on.until(
      "readers' answers", [&] { return all_answered(readers); }, std::chrono::minutes(3));
  on.driver.figure("ms for the readers' answers", ms_between(begun, clock::now()));
  healthy.enter(0);
  end_sessions(on, readers);
  readers.clear();
  on.loop.run_for(milliseconds(500));
  on.driver.wait("readers gone");

  auto sleepers = on.make_clients(on["slow"]);
  for (auto& each : sleepers) {
    each->options = {1400, 16 * 1024};
    each->comes_back = false;  // yet
    each->connect();
  }
  on.until("slow ones connected", [&] { return all_live(sleepers); });
  on.loop.run_for(milliseconds(500));
  on.driver.wait("slow connected");
  const std::size_t wakeful = sleepers.size() / 2;  // the first ones
  std::size_t closed = 0, told_why = 0;
  std::vector<double> ends;
  on.counted.closes.clear();
  begun = clock::now();
  healthy.enter(3);
  for (std::size_t i = 0; i < sleepers.size(); ++i) {
    client& each = *sleepers[i];
    each.told.on_closed = [&, i](client&, unsigned code) {
      ++closed;
      if (code == 4002) ++told_why;
      if (i >= wakeful) ends.push_back(ms_between(begun, clock::now()));
    };
    each.ask(tagged(i));
    each.stop_reading();
  }
  on.loop.run_for(slow_timeout - milliseconds(300));
  const bool none_yet = closed == 0;
  on.driver.wait("held up");
  // Until all buffers are full the server does not know who is slow, which takes seconds on a busy
  // machine; 5 s after it has given one up, it ends the connection by force.
  on.loop.run_until([] { return false; }, begun + slow_timeout + milliseconds(4500) - clock::now());
  for (std::size_t i = 0; i < wakeful; ++i) sleepers[i]->go_on_reading();
  on.until(
      "slow ones closed", [&] { return closed >= sleepers.size(); },
      slow_timeout + milliseconds(15'000));
  on.loop.run_for(milliseconds(200));
  on.driver.wait("slow closed");
  for (auto& each : sleepers) {
    each->comes_back = true;
    each->come_back();
  }
  on.driver.figure("none closed early", none_yet);
  on.driver.figure("told 4002", told_why);
  on.driver.figure("ms until reset, worst", quantile(ends, 1));
  on.until(
      "slow ones' answers", [&] { return all_answered(sleepers); }, std::chrono::minutes(3));
  on.driver.figure("ms for the slow ones' answers", ms_between(begun, clock::now()));
  healthy.enter(0);
  on.driver.wait("slow answered");
  end_sessions(on, sleepers);
  healthy.stop();
  on.loop.run_for(milliseconds(500));
  on.driver.wait("slow gone");

  report_healthy(on, healthy, {"alone", "beside readers", "beside slow ones"});
  on.report();
}

}  // namespace soak
