// SPDX-License-Identifier: MIT
//
// What the cases share: their parameters, the sessions of a run, and the phases between two looks
// at the server.
#pragma once

#include "session.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace load {

/// NAME=VALUE words.
class parameters {
 public:
  parameters(int count, char** words) {
    for (int i = 0; i < count; ++i) {
      const std::string word = words[i];
      const std::size_t mark = word.find('=');
      if (mark == std::string::npos) soak::give_up("not NAME=VALUE: " + word);
      all_[word.substr(0, mark)] = word.substr(mark + 1);
    }
  }

  std::size_t number(const std::string& name) const {
    const auto found = all_.find(name);
    if (found == all_.end()) soak::give_up("missing: " + name);
    char* end = nullptr;
    const std::size_t value = std::strtoull(found->second.c_str(), &end, 10);
    if (*end != '\0' || end == found->second.c_str())
      soak::give_up(name + " is not a number: " + found->second);
    return value;
  }
  std::size_t number_or(const std::string& name, std::size_t otherwise) const {
    return all_.count(name) == 0 ? otherwise : number(name);
  }
  std::string text(const std::string& name) const {
    const auto found = all_.find(name);
    return found == all_.end() ? std::string() : found->second;
  }

 private:
  std::map<std::string, std::string> all_;
};

inline double own_cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

class crowd {
 public:
  crowd(std::uint16_t port, const parameters& given)
      : driver(loop), limit_(std::chrono::seconds(given.number_or("limit_s", 60))) {
    of.port = port;
    of.bearer = given.text("token");
    of.is_tls = given.number_or("tls", 0) != 0;
    of.one_by_one = given.number_or("one_by_one", 0) != 0;
  }

  template <typename Is>
  void until(const char* what, Is&& is) {
    std::size_t from = 0;  // those before have it already: not all are looked at in each turn
    const auto done = [&] {
      while (from < all.size() && is(*all[from])) ++from;
      return from == all.size();
    };
    if (!loop.run_until(done, limit_)) soak::give_up(std::string("it takes too long: ") + what);
  }
  void until_live() {
    until("connecting", [](const session& each) { return each.is_live(); });
  }
  void until_quiet() {
    until("answers", [](const session& each) { return !each.is_asking(); });
  }

  /// Up to so many, a group at a time so that the server's backlog is never full.
  void connect(std::size_t count) {
    while (all.size() < count) {
      const std::size_t group = std::min<std::size_t>(count, all.size() + 64);
      while (all.size() < group) all.push_back(std::make_unique<session>(loop, of, read));
      until_live();
    }
  }

  /// Connects so many and keeps `active` of them, as a rule all, in `all`; the others do nothing.
  void connect(std::size_t count, const parameters& given) {
    connect(count);
    while (all.size() > given.number_or("active", count)) {
      idle_.push_back(std::move(all.back()));
      all.pop_back();
    }
  }

  /// All at once have an answer of one token, so that the server has its connections upstream: it
  /// comes when all have asked.
  void warm_up(std::size_t width) {
    const std::size_t delay_us = std::max<std::size_t>(100'000, all.size() * 200);
    for (const auto& each : all) each->ask(question{1, delay_us, width});
    until_quiet();
  }

  /// A phase between two looks at the server, `begin` and `end`; its figures are those of `read`,
  /// named with `name` before.
  template <typename Run>
  void measure(Run&& run, const std::string& name = {}) {
    loop.run_for(std::chrono::milliseconds(100));
    read = {};
    driver.wait("begin");
    const double cpu = own_cpu_seconds();
    const auto begun = soak::clock::now();
    run();
    const double seconds = soak::ms_between(begun, soak::clock::now()) / 1000;
    driver.figure(name + "load_cpu", own_cpu_seconds() - cpu);
    driver.figure(name + "seconds", seconds);
    driver.wait("end");
  }
  void quantiles(const std::string& prefix, std::vector<double> samples) const {
    std::sort(samples.begin(), samples.end());
    const auto figure = [&](const char* name, double share) {
      const auto at = static_cast<std::size_t>(share * static_cast<double>(samples.size()));
      const double value = samples.empty() ? 0 : samples[std::min(at, samples.size() - 1)];
      driver.figure(prefix + name, value);
    };
    figure("p50_us", 0.5);
    figure("p99_us", 0.99);
    figure("p999_us", 0.999);
  }

  soak::event_loop loop;
  soak::driver_link driver;
  manner of;
  readings read;
  std::vector<std::unique_ptr<session>> all;

 private:
  std::chrono::seconds limit_;
  std::vector<std::unique_ptr<session>> idle_;
};

}  // namespace load
