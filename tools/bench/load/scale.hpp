// SPDX-License-Identifier: MIT
//
// Case `scale`: many sessions, of which some have a question open, in turn: what a token and a
// question cost beside all the others that are only there.
#pragma once

#include "crowd.hpp"

namespace load {

/// Asks one session after the other, `active` at once, until `count` have been asked or the time
/// is over.
class rotation {
 public:
  rotation(crowd& clients, std::size_t active)
      : clients_(clients), open_(std::min(active, clients.all.size())) {}

  void run(const question& asked, bool streamed, std::size_t count,
           std::uint64_t end_ns = ~std::uint64_t{0}) {
    const auto done = [&] {
      bool is_quiet = true;
      for (session*& each : open_) {
        if (each != nullptr && each->is_asking()) {
          is_quiet = false;
        } else if (count > 0 && now_ns() < end_ns) {
          each = next();
          each->ask(asked, streamed);
          --count;
          is_quiet = false;
        }
      }
      return is_quiet;
    };
    if (!clients_.loop.run_until(done, std::chrono::seconds(60)))
      soak::give_up("it takes too long: questions in turn");
  }

 private:
  session* next() {
    for (;;) {
      session* const one = clients_.all[next_++ % clients_.all.size()].get();
      if (!one->is_asking()) return one;
    }
  }

  crowd& clients_;
  std::vector<session*> open_;
  std::size_t next_ = 0;
};

/// scale sessions=N active=A answers=Q tokens=T width=W ms=M: waits at `begin` and `end` of the
/// tokens, then of the questions.
inline void scale(std::uint16_t port, const parameters& given) {
  crowd clients(port, given);
  const question asked{given.number("tokens"), 0, given.number("width")};
  const question small{1, 0, given.number("width")};
  const std::size_t answers = given.number("answers");
  const std::uint64_t time = given.number("ms") * 1'000'000;
  clients.connect(given.number("sessions"));
  rotation in_turn(clients, given.number("active"));
  in_turn.run(small, true, clients.all.size());
  clients.measure([&] { in_turn.run(asked, true, answers); }, "token ");
  clients.driver.figure("tokens", clients.read.tokens);
  clients.quantiles("token answer_", clients.read.answer_us);
  clients.measure([&] { in_turn.run(small, false, ~std::size_t{0}, now_ns() + time); },
                  "question ");
  clients.driver.figure("questions", clients.read.answers);
  clients.quantiles("question ", clients.read.answer_us);
}

}  // namespace load
