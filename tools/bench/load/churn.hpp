// SPDX-License-Identifier: MIT
//
// Case `churn`: clients that connect, are welcomed and leave by a close handshake, each one a new
// connection.
#pragma once

#include "crowd.hpp"

namespace load {

/// Connects again and again until there is nothing left to do.
class passer_by final : public link {
 public:
  struct work {
    std::size_t left = 0;
    std::size_t done = 0;
    std::vector<double> cycle_us;
  };

  passer_by(soak::event_loop& loop, const manner& of, work& shared)
      : link(loop, of), manner_(of), work_(shared) {}

  void begin() {
    if (work_.left == 0) return;
    --work_.left;
    begun_ = now_ns();
    awaits_ = awaited::welcome;
    connect();
  }

 private:
  enum class awaited { welcome, live, close };

  void on_open() override {}

  void on_message(std::string_view words) override {
    const bool is_welcome = fields::has(words, R"("op":"welcome")");
    if (awaits_ == awaited::welcome && is_welcome && fields::has(words, R"("session_id":")")) {
      if (!manner_.says_hello) return leave();
      awaits_ = awaited::live;
      return say(R"({"type":"command","op":"hello","v":1,"caps":["delta"]})");
    }
    if (awaits_ == awaited::live && is_welcome) return;
    if (awaits_ != awaited::live || !fields::has(words, R"("op":"live")"))
      give_up("not what comes next", words);
    leave();
  }
  void leave() {
    awaits_ = awaited::close;
    say_goodbye();
  }

  void on_closed(unsigned code) override {
    if (awaits_ != awaited::close || code != 1000)
      soak::give_up("a connection that was not closed with 1000 but " + std::to_string(code));
    ++work_.done;
    work_.cycle_us.push_back(checker::us_between(begun_, now_ns()));
    begin();
  }

  const manner& manner_;
  work& work_;
  std::uint64_t begun_ = 0;
  awaited awaits_ = awaited::welcome;
};

/// churn cycles=N parallel=P [hello=1]
inline void churn(std::uint16_t port, const parameters& given) {
  crowd clients(port, given);
  clients.of.says_hello = given.number_or("hello", 0) != 0;
  const std::size_t cycles = given.number("cycles");
  passer_by::work work;
  std::vector<std::unique_ptr<passer_by>> all;
  for (std::size_t i = 0; i < given.number("parallel"); ++i)
    all.push_back(std::make_unique<passer_by>(clients.loop, clients.of, work));
  const auto run = [&](std::size_t count) {
    work = {};
    work.left = count;
    for (const auto& each : all) each->begin();
    if (!clients.loop.run_until([&] { return work.done == count; }, std::chrono::seconds(60)))
      soak::give_up("it takes too long: closing");
  };
  run(all.size());  // the first ones cost the server its memory
  clients.measure([&] { run(cycles); });
  clients.driver.figure("cycles", work.done);
  clients.quantiles("", work.cycle_us);
}

}  // namespace load
