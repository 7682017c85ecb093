// SPDX-License-Identifier: MIT
//
// One thread's events for the soak tests: epoll for sockets, a map for timers, and a line on the
// standard input as the sign to go on. Linux.
#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace soak {

using clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

inline double ms_between(clock::time_point from, clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "load: %s\n", why.c_str());
  std::exit(2);
}

/// Is told what epoll says of its descriptor. Outlives its watch.
class watcher {
 public:
  virtual void on_event(std::uint32_t events) = 0;

 protected:
  ~watcher() = default;
};

class event_loop {
 public:
  event_loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) give_up("epoll_create1 failed");
  }
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;
  ~event_loop() { ::close(epoll_); }

  void watch(int descriptor, std::uint32_t events, watcher& told) {
    place& of = place_of(descriptor);
    of.told = &told;
    ++of.serial;
    control(EPOLL_CTL_ADD, descriptor, events);
  }
  void change(int descriptor, std::uint32_t events) { control(EPOLL_CTL_MOD, descriptor, events); }
  /// Nothing is told any more, also not what epoll has said already. Before the descriptor is
  /// closed.
  void forget(int descriptor) {
    place_of(descriptor).told = nullptr;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  }

  void at(clock::time_point when, std::function<void()> f) { timers_.emplace(when, std::move(f)); }
  void after(clock::duration delay, std::function<void()> f) {
    at(clock::now() + delay, std::move(f));
  }

  /// Runs until done() or for the time; tells whether it was done.
  template <typename Done>
  bool run_until(Done&& done, clock::duration limit) {
    const auto end = clock::now() + limit;
    while (!done()) {
      if (clock::now() >= end) return false;
      turn(end);
    }
    return true;
  }
  void run_for(clock::duration time) {
    run_until([] { return false; }, time);
  }
  void run() {
    for (;;) turn(clock::now() + std::chrono::hours(1));
  }

 private:
  struct place {
    watcher* told = nullptr;
    std::uint32_t serial = 0;
  };

  place& place_of(int descriptor) {
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= places_.size()) places_.resize(index + 1);
    return places_[index];
  }

  void control(int what, int descriptor, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = (static_cast<std::uint64_t>(place_of(descriptor).serial) << 32) |
                     static_cast<std::uint32_t>(descriptor);
    if (epoll_ctl(epoll_, what, descriptor, &event) != 0) give_up("epoll_ctl failed");
  }

  void turn(clock::time_point end) {
    if (!timers_.empty()) end = std::min(end, timers_.begin()->first);
    const double wait = ms_between(clock::now(), end);
    epoll_event events[256];
    const int count =
        epoll_wait(epoll_, events, 256, wait <= 0 ? 0 : static_cast<int>(std::min(wait, 1e6)) + 1);
    for (int i = 0; i < count; ++i) {
      const auto descriptor = static_cast<std::size_t>(events[i].data.u64 & 0xFFFF'FFFFU);
      const place& of = places_[descriptor];
      if (of.told != nullptr && of.serial == events[i].data.u64 >> 32)
        of.told->on_event(events[i].events);
    }
    const auto now = clock::now();
    while (!timers_.empty() && timers_.begin()->first <= now) {
      const auto f = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      f();
    }
  }

  int epoll_;
  std::vector<place> places_;
  std::multimap<clock::time_point, std::function<void()>> timers_;
};

/// The driver reads what a case says and answers each `wait` by a line, when it has looked at the
/// server. Meanwhile the loop goes on.
class driver_link final : public watcher {
 public:
  explicit driver_link(event_loop& loop) : loop_(loop) {
    loop_.watch(STDIN_FILENO, EPOLLIN, *this);
  }

  /// "figure NAME NUMBER"
  template <typename Number>
  void figure(const std::string& name, Number number) const {
    std::printf("figure %s %.3f\n", name.c_str(), static_cast<double>(number));
  }
  void wait(const char* name) {
    std::printf("wait %s\n", name);
    std::fflush(stdout);
    const std::size_t wanted = ++waits_;
    if (!loop_.run_until([&] { return lines_ >= wanted; }, std::chrono::minutes(5)))
      give_up("the driver says nothing");
  }

 private:
  void on_event(std::uint32_t) override {
    char bytes[256];
    const ssize_t size = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (size <= 0) give_up("the driver is gone");
    lines_ += static_cast<std::size_t>(std::count(bytes, bytes + size, '\n'));
  }

  event_loop& loop_;
  std::size_t waits_ = 0;
  std::size_t lines_ = 0;
};

/// The share of samples, 0 to 1, that is not above the result.
inline double quantile(std::vector<double> samples, double share) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const auto at = static_cast<std::size_t>(share * static_cast<double>(samples.size()));
  return samples[std::min(at, samples.size() - 1)];
}

}  // namespace soak
