// SPDX-License-Identifier: MIT
//
// Case: peers of every hostile kind, one connection after the other in many places, beside healthy
// ones. Some are told off by the server, some vanish; none stays.
#pragma once

#include "bench.hpp"
#include "slow.hpp"

#include <memory>

namespace soak {

/// One kind of misbehaviour.
struct attack {
  const char* name;
  bool upgrades;      ///< the bytes come behind a handshake
  bool is_told_off;   ///< the server ends the connection, which is waited for; else the peer vanishes
  bool reads = true;  ///< what the server says
  std::string bytes;
};

inline std::string many(std::size_t count, const std::string& what) {
  std::string made;
  for (std::size_t i = 0; i < count; ++i) made += what;
  return made;
}

inline std::vector<attack> attacks() {
  const auto frame = [](unsigned first, std::string_view payload) {
    std::string made;
    append_frame(made, 0, payload, 0x5EC2E700);
    made[0] = static_cast<char>(first);
    return made;
  };
  const auto message = [&](std::string_view words) { return frame(0x81, words); };
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n", post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::string huge("\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFkey!", 14);
  return {
      {"gone at once", false, false, true, ""},
      {"half a head", false, false, true, get + "X: "},
      {"half a body", false, false, true,
       post + "Content-Length: 1000000\r\n\r\n" + std::string(300'000, 'b')},
      {"an endless head", false, true, true, get + "X: " + std::string(30'000, 'x')},
      {"rubbish", false, true, true, std::string(1000, '\xEE') + "\r\n\r\n"},
      {"a record of TLS", false, true, true, "\x16\x03\x01\x02\r\n\r\n"},
      {"two lengths", false, true, true,
       post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"},
      {"length and chunks", false, true, true,
       post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"a body too large", false, true, true,
       post + "Content-Length: 99999999\r\n\r\n" + std::string(100'000, 'b')},
      {"a pipeline", false, true, true, many(100, get + "\r\n")},
      {"gone behind the handshake", true, false, true, ""},
      {"no mask", true, true, true, std::string("\x81\x02{}", 4)},
      {"a reserved opcode", true, true, true, frame(0x83, "x")},
      {"compressed", true, true, true, frame(0xC1, "x")},
      {"no UTF-8", true, true, true, message("\xFF\xFE")},
      {"a huge frame announced", true, true, true, huge},
      {"empty fragments", true, true, true, frame(0x01, "") + many(10'001, frame(0x00, ""))},
      {"half a message", true, false, true, frame(0x01, std::string(60'000, 'm'))},
      {"half a frame", true, false, true, message(std::string(60'000, 'm')).substr(0, 50'000)},
      {"a message too large", true, false, true, message(std::string(300'000, 'm'))},
      {"pings that are not read", true, false, false, many(2000, frame(0x89, std::string(125, 'p')))},
      {"commands that are not read", true, false, false,
       many(1000, message(R"({"type":"command","op":"help","id":"x"})"))},
      {"closed a hundred times", true, true, true,
       many(100, frame(0x88, std::string_view("\x03\xE8", 2)))},
      {"a wrong close code", true, true, true, frame(0x88, std::string_view("\x03\xED", 2))},
      {"ten bad messages", true, true, true, many(10, message("{"))},
      {"depth", true, false, true, message(std::string(60'000, '['))},
      {"wide JSON", true, false, true, message("[" + many(30'000, "0,") + "0]")},
      {"a resume of nothing", true, false, true,
       message(R"({"type":"command","op":"hello","v":1,"session_id":"nobody","resume":)"
               R"({"token":"t","epoch":"e","last_seq":9}})")},
      {"an answer that nobody reads", true, false, false,
       message(R"({"type":"query","id":"q","stream":true,"content":")" +
               question{5000, 0, 24, "lost"}.words() + "\"}")},
      {"a queue of queries, and gone", true, false, true,
       many(20, message(R"({"type":"query","content":")" + question{50, 1000, 8, "lost"}.words() +
                        "\"}"))},
  };
}

/// One attack after the other in one place.
class attacker final : public watcher {
 public:
  struct tally {
    std::size_t to_do = 0;
    std::size_t failed = 0;     ///< could not even connect
    std::size_t not_ended = 0;  ///< by the server, within the limit
    std::map<std::string, std::size_t> by_name;
  };
  static constexpr milliseconds limit{20'000};

  attacker(event_loop& loop, std::uint16_t port, const std::vector<attack>& kinds, tally& counted)
      : loop_(loop), port_(port), kinds_(kinds), counted_(counted) {}

  bool is_done() const noexcept { return descriptor_ < 0; }

  void next() {
    while (descriptor_ < 0 && counted_.to_do > 0) {
      const std::size_t number = counted_.to_do--;
      now_ = &kinds_[number % kinds_.size()];
      // Half of them do not wait for the answer to their handshake.
      waits_for_101_ = now_->upgrades && number / kinds_.size() % 2 == 0;
      out_ = now_->upgrades ? std::string(upgrade_request) : now_->bytes;
      if (now_->upgrades && !waits_for_101_) out_ += now_->bytes;
      head_.clear();
      leaving_ = false;
      ++counted_.by_name[now_->name];
      descriptor_ = connect_to(port_);
      if (descriptor_ < 0) {
        ++counted_.failed;
        continue;
      }
      ++serial_;
      loop_.watch(descriptor_, EPOLLOUT, *this);
      loop_.after(limit, [this, serial = serial_] {
        if (serial != serial_ || descriptor_ < 0) return;
        ++counted_.not_ended;
        std::fprintf(stderr, "not ended: %s\n", now_->name);
        vanish();
      });
    }
  }

 private:
  void vanish() {
    loop_.forget(descriptor_);
    reset(std::exchange(descriptor_, -1));
    ++serial_;
    loop_.after(microseconds(0), [this] { next(); });  // not from within itself
  }
  /// A moment later, so that the server has seen it.
  void vanish_soon() {
    if (std::exchange(leaving_, true)) return;
    loop_.after(milliseconds(10 + random_numbers()() % 40), [this, serial = serial_] {
      if (serial == serial_ && descriptor_ >= 0) vanish();
    });
  }

  void watch_on() {
    const std::uint32_t in = now_->reads || waits_for_101_ ? EPOLLIN : 0U;
    loop_.change(descriptor_, out_.empty() ? in : in | EPOLLOUT);
  }

  void write() {
    const ssize_t size = ::send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (size > 0) out_.erase(0, static_cast<std::size_t>(size));
    if (size < 0 && errno != EAGAIN) return vanish();
    if (out_.empty() && !waits_for_101_ && !now_->is_told_off) vanish_soon();
    watch_on();
  }

  void on_event(std::uint32_t events) override {
    if ((events & EPOLLOUT) != 0) {
      if (out_.empty() && now_->bytes.empty() && !now_->upgrades) return vanish();
      return write();
    }
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) return vanish();
    char bytes[16 * 1024];
    const ssize_t size = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return vanish();  // told off
    if (!waits_for_101_) return;
    head_.append(bytes, static_cast<std::size_t>(size));
    if (head_.find("\r\n\r\n") == std::string::npos) return;
    waits_for_101_ = false;
    out_ = now_->bytes;
    out_.empty() ? vanish_soon() : write();
  }

  event_loop& loop_;
  std::uint16_t port_;
  const std::vector<attack>& kinds_;
  tally& counted_;
  const attack* now_ = nullptr;
  int descriptor_ = -1;
  std::uint64_t serial_ = 0;  // tells connections apart
  bool waits_for_101_ = false;
  bool leaving_ = false;
  std::string out_, head_;
};

/// A first lot to warm the server up, then the others, which have to leave no trace.
inline void hostile(bench& on) {
  const std::vector<attack> kinds = attacks();
  attacker::tally counted;
  std::vector<std::unique_ptr<attacker>> places;
  for (std::size_t i = 0; i < on["at_once"]; ++i)
    places.push_back(std::make_unique<attacker>(on.loop, on.port, kinds, counted));
  healthy_clients healthy(on.port, on["healthy"]);
  on.loop.run_for(milliseconds(500));
  on.driver.wait("fresh");
  healthy.enter(1);
  on.loop.run_for(milliseconds(on["quiet_ms"]));
  for (const char* lot : {"warm", "cycles"}) {
    counted.to_do = on[lot];
    healthy.enter(2);
    const auto begun = clock::now();
    for (auto& each : places) each->next();
    on.until(
        lot,
        [&] {
          return counted.to_do == 0 &&
                 all_of(places, [](const attacker& each) { return each.is_done(); });
        },
        std::chrono::minutes(5));
    on.driver.figure(std::string("ms for ") + lot, ms_between(begun, clock::now()));
    healthy.enter(0);
    on.loop.run_for(milliseconds(on["window_ms"]));
    on.driver.wait(lot);
  }
  healthy.enter(3);
  on.loop.run_for(milliseconds(on["quiet_ms"]));
  healthy.stop();
  on.driver.figure("kinds", kinds.size());
  on.driver.figure("failed", counted.failed);
  on.driver.figure("not ended", counted.not_ended);
  report_healthy(on, healthy, {"before", "meanwhile", "afterwards"});
  on.report();
}

}  // namespace soak
