// SPDX-License-Identifier: MIT
//
// Case `slow`: clients that ask for a long answer and read nothing of it, beside healthy ones; what
// they cost the server, what the healthy ones wait, and whether the slow get all in the end.
#pragma once

#include "crowd.hpp"

namespace load {

/// slow clients=N tokens=T width=W healthy=K [before_ms=2000] [limit_ms=3000] [resume=1]
///      [slow_timeout_ms=4000]
///
/// Waits: `before` (all connected), `alone` (the healthy ones have been measured alone), `flooded`
/// (limit_ms after the slow ones have asked). Then, with resume=1, a server that closes who takes
/// nothing for slow_timeout_ms has to do so with 4002; the slow read what there is up to the close,
/// come back and get the rest. With resume=0 they just read on. `ended`: they have.
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
  for (const auto& each : sleepers) {
    each->ask(much);
    each->stop_reading();
    if (resumes) each->expect_close();
  }
  healthy_for(limit, "meanwhile");
  clients.driver.wait("flooded");
  if (of_slow_read.tokens != count) soak::give_up("a slow client has read");

  // Who does not answer the close frame is cut off 5 s after it: they read on before that.
  const auto close_due = slow_timeout + std::chrono::milliseconds(2500);
  clients.loop.run_until([] { return false; }, asked + close_due - soak::clock::now());
  for (const auto& each : clients.all) each->stop_asking();
  std::size_t closed = 0, cut_off = 0, resumed = 0;
  const auto wakened = soak::clock::now();
  for (const auto& each : sleepers) each->go_on_reading();
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
