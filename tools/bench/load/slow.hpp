// SPDX-License-Identifier: MIT
//
// Case `slow`: clients that ask for a long answer and read nothing of it, beside healthy ones; what
// they cost the server, what the healthy ones wait, and whether the slow get all in the end.
#pragma once

#include "crowd.hpp"

#include <cstdio>
#include <functional>
#include <map>
#include <optional>

namespace load {

/// Since when the server has got rid of nothing for a client that does not read, as the kernel's
/// table of sockets shows it: the clients themselves cannot see it.
class stalls {
 public:
  stalls(std::uint16_t server, const std::vector<std::unique_ptr<session>>& clients)
      : server_(server) {
    for (const auto& each : clients) of_[each->local_port()] = {};
  }

  /// Now and then; what has not changed for a while is known for good.
  void look() {
    const auto now = soak::clock::now();
    std::FILE* const table = std::fopen("/proc/net/tcp", "r");
    if (table == nullptr) soak::give_up("no /proc/net/tcp");
    char line[256];
    while (std::fgets(line, sizeof line, table) != nullptr) {
      unsigned here = 0, there = 0, unsent = 0;
      if (std::sscanf(line, " %*u: %*x:%x %*x:%x %*x %x:", &here, &there, &unsent) != 3) continue;
      const auto found = of_.find(there);
      if (here != server_ || found == of_.end() || found->second.is_known) continue;
      queue& of = found->second;
      if (unsent != of.unsent || unsent == 0) {
        of.unsent = unsent;
        of.since = now;
      }
      of.is_known = now - of.since > std::chrono::milliseconds(1500);
    }
    std::fclose(table);
  }
  /// Nothing when it is not known.
  std::optional<soak::clock::time_point> of(std::uint16_t port) const {
    const queue& found = of_.at(port);
    if (!found.is_known) return {};
    return found.since;
  }

 private:
  struct queue {
    unsigned unsent = 0;
    soak::clock::time_point since = soak::clock::now();
    bool is_known = false;
  };
  unsigned server_;
  std::map<unsigned, queue> of_;
};

/// slow clients=N tokens=T width=W healthy=K [before_ms=2000] [limit_ms=3000] [resume=1]
///      [slow_timeout_ms=4000] [wake_ms=2000]
///
/// Waits: `before` (all connected), `alone` (the healthy ones have been measured alone), `flooded`
/// (limit_ms after the slow ones have asked). Then, with resume=1, a server that closes who takes
/// nothing for slow_timeout_ms has to do so with 4002; wake_ms after that the slow read what there
/// is up to the close, come back and get the rest. With resume=0 they just read on. `ended`: they
/// have. flood_ms: until the last one's buffers were full; above limit_ms, what `flooded` saw was
/// not all.
inline void slow(std::uint16_t port, const parameters& given) {
  crowd clients(port, given);  // the healthy ones
  const question much{given.number("tokens"), 0, given.number("width")};
  const question little{25, 20'000, much.width};
  const bool resumes = given.number_or("resume", 1) != 0;
  const std::chrono::milliseconds before(given.number_or("before_ms", 2000));
  const std::chrono::milliseconds limit(given.number_or("limit_ms", 3000));
  const std::chrono::milliseconds slow_timeout(given.number_or("slow_timeout_ms", 4000));
  const std::size_t count = given.number("clients");
  much.answer();
  clients.connect(given.number("healthy"));

  manner of_slow = clients.of;
  of_slow.one_by_one = false;          // who reads slowly is sent merged tokens
  of_slow.socket = {1400, 16 * 1024};  // buffers as those of a network
  readings of_slow_read;
  std::vector<std::unique_ptr<session>> sleepers;
  for (std::size_t i = 0; i < count; ++i)
    sleepers.push_back(std::make_unique<session>(clients.loop, of_slow, of_slow_read));
  const auto until = [&](const char* what, std::chrono::milliseconds time, auto&& is) {
    const auto done = [&] {
      return std::all_of(sleepers.begin(), sleepers.end(),
                         [&](const auto& each) { return is(*each); });
    };
    if (!clients.loop.run_until(done, time))
      soak::give_up(std::string("it takes too long: ") + what);
  };
  const auto is_quiet = [](const session& each) { return !each.is_asking(); };
  until("connecting", std::chrono::seconds(10), [](const session& each) { return each.is_live(); });
  for (const auto& each : sleepers) each->ask({1, 100'000, much.width});
  clients.warm_up(much.width);
  until("first answers", std::chrono::seconds(10), is_quiet);
  clients.loop.run_for(std::chrono::milliseconds(500));
  clients.driver.wait("before");

  const auto healthy_for = [&](std::chrono::milliseconds time, const std::string& name) {
    clients.read = {};
    clients.loop.run_for(time);
    clients.driver.figure("healthy_" + name + "_tokens", clients.read.token_us.size());
    clients.quantiles("healthy_" + name + "_", clients.read.token_us);
  };
  for (const auto& each : clients.all) each->ask_on(little, ~std::size_t{0});
  clients.loop.run_for(std::chrono::milliseconds(200));
  healthy_for(before, "before");
  clients.driver.wait("alone");
  const auto asked = soak::clock::now();
  stalls looks(port, sleepers);
  std::vector<std::uint16_t> ports;
  for (const auto& each : sleepers) {
    ports.push_back(each->local_port());
    each->ask(much);
    each->stop_reading();
    if (resumes) each->expect_close();
  }
  bool looks_on = true;
  const std::function<void()> look = [&] {
    looks.look();
    if (looks_on) clients.loop.after(std::chrono::milliseconds(200), look);
  };
  clients.loop.after(std::chrono::milliseconds(200), look);
  healthy_for(limit, "meanwhile");
  looks_on = false;
  clients.driver.wait("flooded");
  if (of_slow_read.tokens != count) soak::give_up("a slow client has read");

  // Until all buffers are full the server does not know who is slow; who does not answer its close
  // frame is cut off 5 s after that. Each one reads on in between.
  const std::chrono::milliseconds wake(given.number_or("wake_ms", 2000));
  std::size_t closed = 0, cut_off = 0, resumed = 0, woken = 0;
  const auto is_woken = [&] {
    const auto now = soak::clock::now();
    looks.look();
    woken = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto since = looks.of(ports[i]);
      if (!since && now < asked + std::chrono::seconds(30)) continue;
      if (since && resumes && now < *since + slow_timeout + wake) continue;
      ++woken;
      sleepers[i]->go_on_reading();
    }
    return woken == count;
  };
  while (!is_woken()) clients.loop.run_for(std::chrono::milliseconds(100));
  for (const auto& each : clients.all) each->stop_asking();
  double flood_ms = 0;
  for (const std::uint16_t port_of : ports) {
    if (const auto since = looks.of(port_of))
      flood_ms = std::max(flood_ms, soak::ms_between(asked, *since));
  }
  clients.driver.figure("flood_ms", flood_ms);
  const auto wakened = soak::clock::now();
  if (resumes) {
    until("slow clients are closed", std::chrono::seconds(20),
          [](const session& each) { return each.close_code() != 0 || !each.is_asking(); });
    for (const auto& each : sleepers) {
      if (each->close_code() == 0) continue;
      each->close_code() == 4002 ? ++closed : ++cut_off;
      each->resume();
    }
    clients.driver.figure("closed_4002", closed);
    clients.driver.figure("cut_off", cut_off);
  }
  const bool all = clients.loop.run_until(
      [&] {
        return std::all_of(sleepers.begin(), sleepers.end(),
                           [&](const auto& each) { return is_quiet(*each); });
      },
      std::chrono::seconds(60));
  for (const auto& each : sleepers) resumed += each->was_recovered();
  const auto lost = std::count_if(sleepers.begin(), sleepers.end(),
                                  [&](const auto& each) { return !is_quiet(*each); });
  clients.driver.figure("resumed", resumed);
  clients.driver.figure("answered", count - static_cast<std::size_t>(lost));
  clients.driver.figure("lost", lost);
  clients.driver.figure("rest_ms", soak::ms_between(wakened, soak::clock::now()));
  if (!all) std::fprintf(stderr, "load: %td slow clients have not got their answers\n", lost);
  clients.until_quiet();
  clients.driver.wait("ended");
}

}  // namespace load
