// SPDX-License-Identifier: MIT
//
// What every model of the requirement Exchange has to do. A fixture is made for one case and gives:
//
//   size               static constexpr: the number of processes, at least three
//   exchange(i)        the exchange of the i-th
//   listen(i, sink)    exchange(i).listen(sink), and whatever has to be waited for until it hears
//   run(ready)         runs the executors until `ready()` is true, a few seconds at most
//   settle()           runs what is there to run, and what comes of it within some milliseconds
//   drop(i)            destroys the exchange of the i-th, which is not asked for again
//   lose(i)            the connection of the i-th breaks: what is sent to it is lost
//   restore(i)         and stands again
#pragma once

#include <agent_websocket/policy/exchange.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace exchange_suite {

using texts = std::vector<std::string>;

struct ear final : agent_websocket::exchange_sink {
  void on_message(std::string_view from, std::string_view text) override {
    heard.push_back(std::string(from) + ": " + std::string(text));
    if (then) then();
  }
  void on_gap() override {
    ++gaps;
    if (then) then();
  }

  texts heard;
  int gaps = 0;
  std::function<void()> then;
};

template <typename Fixture>
void to_one_and_to_all() {
  Fixture fixture;
  ear ears[3];
  for (std::size_t i = 0; i < 3; ++i) fixture.listen(i, ears[i]);
  const std::string zero = fixture.exchange(0).name(), one = fixture.exchange(1).name();
  CHECK_FALSE(zero.empty());
  CHECK(zero != one);
  fixture.exchange(0).send(one, "for one");
  fixture.exchange(0).publish("for all others");
  fixture.exchange(0).send("nobody-of-that-name", "lost");
  fixture.exchange(1).send(zero, "back");
  fixture.exchange(1).send(one, "to myself");
  CHECK(ears[0].heard.empty());  // never from within
  CHECK(ears[1].heard.empty());
  fixture.run([&] {
    return ears[0].heard.size() == 1 && ears[1].heard.size() == 3 && ears[2].heard.size() == 1;
  });
  fixture.settle();
  CHECK(ears[0].heard == texts{one + ": back"});
  CHECK(ears[2].heard == texts{zero + ": for all others"});
  REQUIRE(ears[1].heard.size() == 3u);
  texts of_zero;
  for (const std::string& each : ears[1].heard) {
    if (each != one + ": to myself") of_zero.push_back(each);
  }
  CHECK(of_zero == texts{zero + ": for one", zero + ": for all others"});
  for (const ear& each : ears) CHECK(each.gaps == 0);
}

template <typename Fixture>
void in_their_order() {
  Fixture fixture;
  ear ears[3];
  for (std::size_t i = 0; i < 3; ++i) fixture.listen(i, ears[i]);
  const std::string two = fixture.exchange(2).name();
  texts expected[2];
  for (int i = 0; i < 500; ++i) {
    for (std::size_t from : {0u, 1u}) {
      const std::string text = std::to_string(i);
      if (i % 3 == 0) {
        fixture.exchange(from).publish(text);
      } else {
        fixture.exchange(from).send(two, text);
      }
      expected[from].push_back(fixture.exchange(from).name() + ": " + text);
    }
  }
  fixture.run([&] { return ears[2].heard.size() == 1000; });
  REQUIRE(ears[2].heard.size() == 1000u);
  for (std::size_t from : {0u, 1u}) {
    texts found;
    for (const std::string& each : ears[2].heard) {
      if (each.find(fixture.exchange(from).name()) == 0) found.push_back(each);
    }
    CHECK(found == expected[from]);
  }
  CHECK(ears[2].gaps == 0);
}

template <typename Fixture>
void any_bytes() {
  Fixture fixture;
  ear hears, says;
  fixture.listen(0, says);
  fixture.listen(1, hears);
  const std::string one = fixture.exchange(1).name(), zero = fixture.exchange(0).name();
  texts all{"", " ", "a b c", "\r\n$3\r\n", std::string("\0\1\xff", 3), std::string(100'000, 'x')};
  for (const std::string& each : all) fixture.exchange(0).send(one, each);
  fixture.run([&] { return hears.heard.size() == all.size(); });
  REQUIRE(hears.heard.size() == all.size());
  for (std::size_t i = 0; i < all.size(); ++i) CHECK((hears.heard[i] == zero + ": " + all[i]));
}

template <typename Fixture>
void a_gap_is_told() {
  Fixture fixture;
  ear ears[3];
  for (std::size_t i = 0; i < 3; ++i) fixture.listen(i, ears[i]);
  const std::string one = fixture.exchange(1).name(), zero = fixture.exchange(0).name();
  fixture.exchange(0).send(one, "before");
  fixture.run([&] { return ears[1].heard.size() == 1; });
  fixture.lose(1);
  fixture.exchange(0).send(one, "lost");
  fixture.settle();
  fixture.restore(1);
  fixture.run([&] { return ears[1].gaps > 0; });
  fixture.exchange(0).send(one, "after");
  fixture.run([&] { return ears[1].heard.size() == 2; });
  CHECK(ears[1].heard == texts{zero + ": before", zero + ": after"});
  CHECK(ears[1].gaps >= 1);
  CHECK(ears[2].gaps == 0);
}

template <typename Fixture>
void nothing_after_its_end() {
  Fixture fixture;
  ear ears[3];
  for (std::size_t i = 0; i < 3; ++i) fixture.listen(i, ears[i]);
  const std::string one = fixture.exchange(1).name();
  ears[1].then = [&] {
    if (ears[1].heard.size() == 3) fixture.drop(1);
  };
  for (int i = 0; i < 10; ++i) fixture.exchange(0).send(one, std::to_string(i));
  fixture.run([&] { return ears[1].heard.size() == 3; });
  fixture.settle();
  CHECK(ears[1].heard.size() == 3);
  fixture.exchange(2).publish("more");
  fixture.exchange(2).send(one, "more");
  fixture.run([&] { return ears[0].heard.size() == 1; });
  fixture.settle();
  CHECK(ears[1].heard.size() == 3);
  fixture.drop(0);
  fixture.drop(2);
  fixture.settle();
}

template <typename Fixture>
void a_sink_may_answer() {
  Fixture fixture;
  ear ears[2];
  for (std::size_t i = 0; i < 2; ++i) {
    ears[i].then = [&, i] {
      if (ears[i].heard.size() < 50) {
        fixture.exchange(i).send(fixture.exchange(1 - i).name(), std::to_string(ears[i].heard.size()));
      }
    };
    fixture.listen(i, ears[i]);
  }
  fixture.exchange(0).send(fixture.exchange(1).name(), "0");
  fixture.run([&] { return ears[1].heard.size() == 50; });
  CHECK(ears[1].heard.size() == 50);
}

template <typename Fixture>
void run_all() {
  SUBCASE("to one and to all") { to_one_and_to_all<Fixture>(); }
  SUBCASE("in their order") { in_their_order<Fixture>(); }
  SUBCASE("any bytes") { any_bytes<Fixture>(); }
  SUBCASE("a gap is told") { a_gap_is_told<Fixture>(); }
  SUBCASE("nothing after its end") { nothing_after_its_end<Fixture>(); }
  SUBCASE("a sink may answer") { a_sink_may_answer<Fixture>(); }
}

}  // namespace exchange_suite
