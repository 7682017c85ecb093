// SPDX-License-Identifier: MIT
//
// Case `storm`: sessions that come back at a steady rate beside answers that are streamed to
// others, and what these feel of it.
#pragma once

#include "crowd.hpp"

namespace load {

/// storm sessions=N paced=K per_second=R seconds=S [width=24] [delay_us=20000]
///
/// Waits: `alone_begin`, `alone_end`, then the storm between `storm_begin` and `storm_end`. Each
/// resume brings the answer that the session has missed.
inline void storm(std::uint16_t port, const parameters& given) {
  crowd clients(port, given);  // those who are streamed to
  const std::size_t count = given.number("sessions");
  const std::size_t seconds = given.number("seconds");
  const std::size_t delay_us = given.number_or("delay_us", 20'000);
  const std::size_t width = given.number_or("width", 24);
  const std::size_t per_second = given.number("per_second");
  const question endless{(2 * seconds + 3) * 1'000'000 / delay_us, delay_us, width};
  const question missed{20, 0, 8};

  readings of_resumers;
  std::vector<std::unique_ptr<session>> detached;
  while (detached.size() < count) {
    const std::size_t before = detached.size();
    while (detached.size() < std::min(count, before + 64))
      detached.push_back(std::make_unique<session>(clients.loop, clients.of, of_resumers));
    const auto all = [&](bool (session::*is)() const noexcept, bool wanted) {
      const auto done = [&] {
        return std::all_of(detached.begin() + static_cast<std::ptrdiff_t>(before), detached.end(),
                           [&](const auto& each) { return ((*each).*is)() == wanted; });
      };
      if (!clients.loop.run_until(done, std::chrono::seconds(20)))
        soak::give_up("it takes too long: first answers");
    };
    all(&session::is_live, true);
    for (std::size_t i = before; i < detached.size(); ++i) detached[i]->ask(missed);
    all(&session::is_asking, false);
    for (std::size_t i = before; i < detached.size(); ++i) detached[i]->detach();
  }
  clients.connect(given.number("paced"));
  clients.warm_up(width);
  for (const auto& each : clients.all) each->ask(endless);
  clients.loop.run_for(std::chrono::milliseconds(500));

  const auto phase = [&](const std::string& name) {
    clients.driver.wait((name + "begin").c_str());
    clients.read = {};
    const double cpu = own_cpu_seconds();
    clients.loop.run_for(std::chrono::seconds(seconds));
    clients.driver.figure(name + "load_cpu", own_cpu_seconds() - cpu);
    clients.driver.figure(name + "tokens", clients.read.token_us.size());
    clients.quantiles(name, clients.read.token_us);
    clients.driver.wait((name + "end").c_str());
  };
  phase("alone_");

  std::size_t begun = 0, done = 0;
  bool storms = true;
  std::vector<double> resume_us;
  std::vector<std::uint64_t> since(count);
  for (std::size_t i = 0; i < count; ++i) {
    detached[i]->told_live = [&, i](session& self) {
      if (self.replayed() != 1) soak::give_up("a resume did not bring the answer that was missed");
      resume_us.push_back(checker::us_between(since[i], now_ns()));
      ++done;
      self.detach();
    };
  }
  const auto first = soak::clock::now();
  const std::function<void()> strike = [&] {
    if (!storms) return;
    const std::size_t i = begun % count;
    if (begun >= count && done + count <= begun)
      soak::give_up("resumes take longer than their turn comes again: more sessions");
    since[i] = now_ns();
    detached[i]->forget_answers();
    detached[i]->resume();
    ++begun;
    clients.loop.at(first + std::chrono::microseconds(begun * 1'000'000 / per_second), strike);
  };
  clients.loop.after(std::chrono::microseconds(0), strike);
  phase("storm_");
  storms = false;
  if (!clients.loop.run_until([&] { return done == begun; }, std::chrono::seconds(10)))
    soak::give_up("resumes that did not end");
  for (const auto& each : clients.all) {
    if (!each->is_asking())
      soak::give_up("the driver took so long that a streamed answer has ended");
  }
  clients.driver.figure("resumes", done);
  clients.quantiles("resume_", resume_us);
  clients.until_quiet();  // which checks their answers as a whole
}

}  // namespace load
