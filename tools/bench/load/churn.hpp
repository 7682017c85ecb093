// SPDX-License-Identifier: MIT
//
// Case `churn`: clients that connect, are welcomed and leave by a close handshake, each one a new
// connection.
#pragma once

#include "crowd.hpp"

namespace load {

/// Connects again and again until there is nothing left to do.
class passer_by final : public soak::watcher {
 public:
  struct work {
    std::size_t left = 0;
    std::size_t done = 0;
    std::vector<double> cycle_us;
  };

  passer_by(soak::event_loop& loop, const manner& of, work& shared)
      : loop_(loop), manner_(of), work_(shared) {}
  passer_by(const passer_by&) = delete;
  passer_by& operator=(const passer_by&) = delete;
  ~passer_by() { leave(); }

  void begin() {
    if (work_.left == 0) return;
    --work_.left;
    begun_ = now_ns();
    descriptor_ = soak::connect_to(manner_.port);
    if (descriptor_ < 0) soak::give_up("cannot connect");
    phase_ = phase::upgrade;
    in_.clear();
    const std::string words = session::upgrade_of(manner_);
    // On the loopback interface the connection stands already, as a rule.
    has_asked_ = ::send(descriptor_, words.data(), words.size(), MSG_NOSIGNAL) > 0;
    loop_.watch(descriptor_, has_asked_ ? EPOLLIN : EPOLLIN | EPOLLOUT, *this);
  }

 private:
  enum class phase { upgrade, welcome, live, close, end };

  void leave() {
    if (descriptor_ < 0) return;
    loop_.forget(descriptor_);
    ::close(descriptor_);
    descriptor_ = -1;
  }

  void say(unsigned op, std::string_view payload) {
    std::string frame;
    soak::append_frame(frame, op, payload, 0x5A17'C0DE);
    const ssize_t size = ::send(descriptor_, frame.data(), frame.size(), MSG_NOSIGNAL);
    if (size != static_cast<ssize_t>(frame.size())) soak::give_up("cannot send");
  }

  void on_event(std::uint32_t events) override {
    if ((events & EPOLLOUT) != 0 && !has_asked_) {
      const std::string words = session::upgrade_of(manner_);
      has_asked_ = ::send(descriptor_, words.data(), words.size(), MSG_NOSIGNAL) > 0;
      loop_.change(descriptor_, EPOLLIN);
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    char bytes[16'384];
    const ssize_t size = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0 || (size == 0 && phase_ != phase::end))
      soak::give_up("the server has closed a connection without a close frame");
    if (size == 0) return on_end();
    in_.append(bytes, static_cast<std::size_t>(size));
    if (phase_ == phase::upgrade) {
      const std::size_t blank = in_.find("\r\n\r\n");
      if (blank == std::string::npos) return;
      if (in_.compare(0, 12, "HTTP/1.1 101") != 0) soak::give_up("refused: " + in_.substr(0, 200));
      in_.erase(0, blank + 4);
      phase_ = phase::welcome;
    }
    std::size_t at = 0;
    soak::frame next;
    while (soak::take_frame(in_, at, next)) on_frame(next);
    in_.erase(0, at);
  }

  void on_frame(const soak::frame& next) {
    const auto has = [&](std::string_view piece) {
      return next.payload.find(piece) != std::string_view::npos;
    };
    if (phase_ == phase::close && next.op == soak::close) {
      if (next.payload != "\x03\xE8") soak::give_up("another close code than 1000");
      phase_ = phase::end;
    } else if (phase_ == phase::welcome && has(R"("op":"welcome")") && has(R"("session_id":")")) {
      phase_ = phase::live;
      if (!manner_.says_hello) return say_goodbye();
      say(soak::text, R"({"type":"command","op":"hello","v":1,"caps":["delta"]})");
    } else if (phase_ == phase::live && has(R"("op":"live")")) {
      say_goodbye();
    } else if (phase_ != phase::live || !has(R"("op":"welcome")")) {
      soak::give_up("not what comes next: " + std::string(next.payload.substr(0, 200)));
    }
  }
  void say_goodbye() {
    phase_ = phase::close;
    say(soak::close, "\x03\xE8");
  }

  void on_end() {
    leave();
    ++work_.done;
    work_.cycle_us.push_back(static_cast<double>(now_ns() - begun_) / 1000);
    begin();
  }

  soak::event_loop& loop_;
  const manner& manner_;
  work& work_;
  int descriptor_ = -1;
  std::uint64_t begun_ = 0;
  phase phase_ = phase::upgrade;
  bool has_asked_ = false;
  std::string in_;
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
