// SPDX-License-Identifier: MIT
//
// Case: clients that connect and vanish.
#pragma once

#include "bench.hpp"

#include <memory>

namespace soak {

/// One connection after the other in one place, each gone as soon as it has come.
class vanisher final : public watcher {
 public:
  enum class kind { at_once, upgraded, asked, acknowledged };

  vanisher(event_loop& loop, std::uint16_t port, std::size_t& to_do, std::size_t& failed)
      : loop_(loop), port_(port), to_do_(to_do), failed_(failed) {}

  bool is_done() const noexcept { return descriptor_ < 0; }

  void next() {
    while (descriptor_ < 0 && to_do_ > 0) {
      // A third each; of those who ask, every other one waits until the server has heard it.
      const std::size_t number = to_do_--;
      kind_ = number % 3 == 0   ? kind::at_once
              : number % 3 == 1 ? kind::upgraded
              : number % 2 == 0 ? kind::asked
                                : kind::acknowledged;
      in_.clear();
      descriptor_ = connect_to(port_);
      if (descriptor_ < 0) {
        ++failed_;
      } else {
        loop_.watch(descriptor_, EPOLLOUT, *this);
      }
    }
  }

 private:
  void vanish(bool well) {
    if (!well) ++failed_;
    loop_.forget(descriptor_);
    reset(std::exchange(descriptor_, -1));
    // Not from within itself, lest the stack grow.
    loop_.after(microseconds(0), [this] { next(); });
  }

  void on_event(std::uint32_t events) override {
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) return vanish(false);
    if ((events & EPOLLOUT) != 0) {
      if (kind_ == kind::at_once) return vanish(true);
      ::send(descriptor_, upgrade_request.data(), upgrade_request.size(), MSG_NOSIGNAL);
      return loop_.change(descriptor_, EPOLLIN);
    }
    char bytes[4096];
    const ssize_t size = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (size <= 0) return vanish(false);
    const bool was_upgraded = in_.find("\r\n\r\n") != std::string::npos;
    in_.append(bytes, static_cast<std::size_t>(size));
    if (!was_upgraded && in_.find("\r\n\r\n") != std::string::npos) {
      if (in_.compare(0, 12, "HTTP/1.1 101") != 0) return vanish(false);
      if (kind_ == kind::upgraded) return vanish(true);
      std::string out;
      append_frame(out, opcode::text, R"({"type":"command","op":"hello","v":1,"caps":["delta"]})",
                   0x12345678);
      append_frame(out, opcode::text,
                   R"({"type":"query","id":"q1","content":")" +
                       question{20, 2000, 8, "gone"}.words() + "\"}",
                   0x12345678);
      ::send(descriptor_, out.data(), out.size(), MSG_NOSIGNAL);
      if (kind_ == kind::asked) return vanish(true);
    }
    if (in_.find("\"op\":\"ack\"") != std::string::npos) vanish(true);
  }

  event_loop& loop_;
  std::uint16_t port_;
  std::size_t& to_do_;
  std::size_t& failed_;
  int descriptor_ = -1;
  kind kind_ = kind::at_once;
  std::string in_;
};

/// Clients that connect and vanish, a first lot to warm the server up, then the others.
inline void vanish(bench& on) {
  std::size_t to_do = 0, failed = 0;
  std::vector<std::unique_ptr<vanisher>> places;
  for (std::size_t i = 0; i < on["at_once"]; ++i)
    places.push_back(std::make_unique<vanisher>(on.loop, on.port, to_do, failed));
  on.driver.wait("fresh");
  for (const char* lot : {"warm", "cycles"}) {
    to_do = on[lot];
    const auto begun = clock::now();
    for (auto& each : places) each->next();
    on.until(
        lot,
        [&] {
          return to_do == 0 && all_of(places, [](const vanisher& each) { return each.is_done(); });
        },
        std::chrono::minutes(5));
    on.driver.figure(std::string("ms for ") + lot, ms_between(begun, clock::now()));
    on.loop.run_for(milliseconds(on["window_ms"]));
    on.driver.wait(lot);
  }
  on.driver.figure("failed", failed);
  // The server is as well as ever.
  auto clients = on.make_clients(1);
  clients[0]->ask({100, 0, 8, "after"});
  clients[0]->connect();
  on.until("an answer after all", [&] { return all_answered(clients); });
  on.report();
}

}  // namespace soak
