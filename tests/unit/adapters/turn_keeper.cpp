// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/turn_keeper.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

using agent_websocket::adapters::asio_link;
using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::link_pointer;
using agent_websocket::adapters::turn_event;
using agent_websocket::adapters::turn_keeper;

namespace {

/// A link whose socket is never connected.
struct fake final : asio_link {
  fake(asio::io_context& context, std::string& of, char letter)
      : asio_link(asio_socket(context)), log(of), name(letter) {}
  void on_readable() override {}
  void on_writable() override {}
  void on_turn_end() override {
    log.push_back(name);
    at_turn_end();
  }

  std::string& log;
  char name;
  std::function<void()> at_turn_end = [] {};
};

struct bench {
  link_pointer<fake> make(char letter) {
    return link_pointer<fake>(new fake(context, log, letter));
  }
  void run() {
    context.restart();
    context.poll();
  }
  /// So many events that are ready at once; in each the link joins the turn.
  void events(std::size_t count, const link_pointer<fake>& link) {
    for (std::size_t i = 0; i < count; ++i) {
      asio::post(context, [this, link] {
        const turn_event event(turns);
        log.push_back('(');
        turns->join(*link);
        log.push_back(')');
      });
    }
  }
  /// As if events had been coming thick for a while.
  void crowd(const link_pointer<fake>& link) {
    events(100, link);
    run();
    for (int i = 0; i < 10; ++i) {
      events(10, link);
      run();
    }
    log.clear();
  }

  asio::io_context context{1};
  std::string log;
  std::shared_ptr<turn_keeper> turns = std::make_shared<turn_keeper>(context);
};

std::string repeated(std::size_t times, const std::string& what) {
  std::string all;
  while (times-- > 0) all += what;
  return all;
}

}  // namespace

TEST_CASE("turn_keeper: who joins within an event is told at its end, without a post") {
  bench b;
  const auto a = b.make('a');
  {
    const turn_event outer(b.turns);
    {
      const turn_event inner(b.turns);
      b.turns->join(*a);
    }
    CHECK(b.log == "");
  }
  CHECK(b.log == "a");
  CHECK(b.context.poll() == 0u);
  CHECK(b.log == "a");
}

TEST_CASE("turn_keeper: who joins outside of one is told soon, by one post for all") {
  bench b;
  const auto a = b.make('a');
  const auto c = b.make('c');
  b.turns->join(*a);
  b.turns->join(*c);
  CHECK(b.log == "");
  CHECK(b.context.poll() == 1u);
  CHECK(b.log == "ac");
}

TEST_CASE("turn_keeper: events one by one end their turns one by one") {
  bench b;
  const auto a = b.make('a');
  for (int i = 0; i < 100; ++i) {
    b.events(1, a);
    b.run();
  }
  CHECK(b.log == repeated(100, "()a"));
}

TEST_CASE("turn_keeper: where events come thick, turns end together") {
  bench b;
  const auto a = b.make('a');
  b.crowd(a);
  b.events(10, a);
  b.run();
  CHECK(b.log == repeated(10, "()") + repeated(10, "a"));
}

TEST_CASE("turn_keeper: not too many wait; an event within another is none of its own") {
  bench b;
  const auto a = b.make('a');
  b.crowd(a);
  b.events(turn_keeper::max_joined + 5, a);
  b.run();
  CHECK(b.log == repeated(turn_keeper::max_joined, "()") + repeated(turn_keeper::max_joined, "a") +
                     repeated(5, "()") + repeated(5, "a"));
  b.log.clear();
  {
    const turn_event outer(b.turns);
    for (std::size_t i = 0; i < turn_keeper::max_joined + 2; ++i) {
      const turn_event inner(b.turns);
      b.turns->join(*a);
    }
    CHECK(b.log == "");
  }
  CHECK(b.log == repeated(turn_keeper::max_joined + 2, "a"));
}

TEST_CASE("turn_keeper: when they come one by one again, nobody waits in vain for long") {
  bench b;
  const auto a = b.make('a');
  b.crowd(a);
  for (int i = 0; i < 100; ++i) {
    b.events(1, a);
    b.run();
  }
  CHECK(b.log == repeated(100, "()a"));
  b.log.clear();
  b.events(2, a);
  b.run();
  CHECK(b.log == "()a()a");
}

TEST_CASE("turn_keeper: company every second time is worth the wait, less is not") {
  bench b;
  const auto a = b.make('a');
  for (const int every : {2, 3}) {
    b.crowd(a);
    for (int i = 1; i <= 200; ++i) {
      b.events(i % every == 0 ? 2 : 1, a);
      b.run();
    }
    for (int i = 0; i < 3; ++i) {
      b.events(1, a);
      b.run();
    }
    b.log.clear();
    b.events(2, a);
    b.run();
    CHECK(b.log == (every == 2 ? "()()aa" : "()a()a"));
  }
}

TEST_CASE("turn_keeper: events that write nothing are company, too") {
  bench b;
  const auto a = b.make('a');
  b.crowd(a);
  for (int i = 0; i < 100; ++i) {
    b.log.clear();
    b.events(1, a);
    asio::post(b.context, [&b] {
      const turn_event event(b.turns);
      b.log.push_back('.');
    });
    b.run();
    REQUIRE(b.log == "().a");
  }
}

TEST_CASE("turn_keeper: who joins when a turn ends has the next one, however many") {
  bench b;
  const auto a = b.make('a');
  std::size_t next = 1;
  a->at_turn_end = [&] {
    const turn_event own(b.turns);
    for (; next > 0; --next) b.turns->join(*a);
  };
  b.turns->join(*a);
  b.context.poll_one();
  CHECK(b.log == "a");
  next = turn_keeper::max_joined;
  b.context.poll_one();
  CHECK(b.log == "aa");
  b.context.poll_one();
  CHECK(b.log == "aa" + repeated(turn_keeper::max_joined, "a"));
  b.run();
  CHECK(b.log == "aa" + repeated(turn_keeper::max_joined, "a"));
}

TEST_CASE("turn_keeper: who joins is told before what is posted behind it") {
  bench b;
  const auto a = b.make('a');
  for (const bool busy : {false, true}) {
    if (busy) b.crowd(a);
    b.log.clear();
    asio::post(b.context, [&] {
      const turn_event event(b.turns);
      b.turns->join(*a);
      asio::post(b.context, [&b] { b.log.push_back('.'); });
    });
    b.run();
    CHECK(b.log == "a.");
  }
}

TEST_CASE("turn_keeper: who runs the executor within a turn ends none") {
  bench b;
  const auto a = b.make('a');
  const auto c = b.make('c');
  b.crowd(a);
  a->at_turn_end = [&] {
    b.turns->join(*c);
    b.context.poll();
    b.log.push_back('.');
  };
  b.turns->join(*a);
  b.turns->join(*a);
  b.context.restart();
  b.context.poll();
  b.run();
  CHECK(b.log == "a.a.cc");
}

TEST_CASE("turn_keeper: a link lives until it has been told, a keeper until its event has ended") {
  bench b;
  b.turns->join(*b.make('a'));
  b.run();
  CHECK(b.log == "a");
  const std::weak_ptr<turn_keeper> last = b.turns;
  {
    const turn_event event(b.turns);
    b.turns.reset();
    CHECK_FALSE(last.expired());
  }
  CHECK(last.expired());
}

TEST_CASE("turn_keeper: the context may end with who has joined") {
  std::string log;
  std::weak_ptr<turn_keeper> last;
  {
    asio::io_context context;
    const auto turns = std::make_shared<turn_keeper>(context);
    turns->join(*link_pointer<fake>(new fake(context, log, 'a')));
    last = turns;
  }
  CHECK(log == "");
  CHECK(last.expired());
}

TEST_CASE("turn_keeper: without one there are no events") {
  const turn_event none(nullptr);
  CHECK(sizeof none == sizeof(std::shared_ptr<turn_keeper>));
}
