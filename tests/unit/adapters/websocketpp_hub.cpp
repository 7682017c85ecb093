// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_hub.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

using agent_websocket::adapters::asio_link;
using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::deadline_hook;
using agent_websocket::adapters::link_pointer;
using agent_websocket::adapters::transport_settings;
using agent_websocket::adapters::turn_keeper;
using agent_websocket::adapters::websocketpp_hub;
using namespace std::chrono_literals;

namespace {

// A connection whose socket is never connected.
struct fake final : asio_link, deadline_hook {
  fake(asio::io_context& context, std::string& of, char letter)
      : asio_link(asio_socket(context, asio::ip::tcp::v4())), log(of), name(letter) {}
  void on_turn_end() override {
    log.push_back(name);
    at_turn_end();
  }
  void on_deadline() {
    log.push_back(static_cast<char>(name - 'a' + 'A'));
    at_deadline();
  }
  void on_readable() override {}
  void on_writable() override {}

  std::string& log;
  char name;
  std::function<void()> at_turn_end = [] {};
  std::function<void()> at_deadline = [] {};
};

struct bench {
  explicit bench(transport_settings settings = {})
      : hub(std::make_shared<websocketpp_hub<fake>>(context, std::move(settings))) {}
  link_pointer<fake> make(char letter) {
    return link_pointer<fake>(new fake(context, log, letter));
  }
  void run() {
    context.restart();
    context.poll();
  }

  asio::io_context context{1};
  std::string log;
  std::shared_ptr<websocketpp_hub<fake>> hub;
};

transport_settings quick() {
  transport_settings settings;
  settings.handshake_timeout = 0ms;
  settings.close_timeout = 0ms;
  return settings;
}

}  // namespace

TEST_CASE("hub: a scope is an event, in which the hub stays") {
  bench b;
  const auto a = b.make('a');
  const std::weak_ptr<websocketpp_hub<fake>> last = b.hub;
  a->at_turn_end = [&] { b.log += last.expired() ? "!" : "."; };
  {
    const websocketpp_hub<fake>::scope event(*b.hub);
    for (std::size_t i = 0; i < turn_keeper::max_joined; ++i) b.hub->turns->join(*a);
    b.hub.reset();
    CHECK(b.log == "");
  }
  CHECK(b.log.substr(0, 4) == "a.a.");
  CHECK(last.expired());
}

TEST_CASE("hub: deadlines of all lists by one timer, each once") {
  bench b(quick());
  const auto a = b.make('a');
  const auto c = b.make('c');
  const auto d = b.make('d');
  const auto e = b.make('e');
  b.hub->watch(b.hub->heads, *a);
  b.hub->watch(b.hub->endings, *c);
  b.hub->watch(b.hub->answers, *d);  // 30 s
  b.hub->watch(b.hub->heads, *e);
  e->leave();
  while (b.log.size() < 2) b.context.run_one();
  CHECK(b.log == "AC");
  CHECK(d->is_listed());
  b.run();
  CHECK(b.log == "AC");
}

TEST_CASE("hub: a deadline may end another's wait, and begin a wait of its own") {
  bench b(quick());
  const auto a = b.make('a');
  const auto c = b.make('c');
  b.hub->watch(b.hub->heads, *a);
  b.hub->watch(b.hub->heads, *c);
  a->at_deadline = [&] {
    c->leave();
    if (b.log.size() < 3) b.hub->watch(b.hub->endings, *a);
  };
  while (b.log.size() < 3) {
    b.context.restart();
    b.context.run_one();
  }
  CHECK(b.log == "AAA");
}

TEST_CASE("hub: nobody waits, nobody listens: the context may return") {
  bench b;
  const auto a = b.make('a');
  b.hub->watch(b.hub->answers, *a);
  b.hub->listening = true;
  a->leave();
  b.hub->rest_when_idle();
  b.run();
  CHECK_FALSE(b.context.stopped());  // the timer is pending
  b.hub->listening = false;
  b.hub->rest_when_idle();
  b.run();
  CHECK(b.context.stopped());
  // And it can be armed again.
  b.hub->watch(b.hub->answers, *a);
  b.run();
  CHECK_FALSE(b.context.stopped());
}

TEST_CASE("hub: shut, it calls nobody, and ends with the last that holds it") {
  bench b(quick());
  const auto a = b.make('a');
  b.hub->watch(b.hub->heads, *a);
  b.hub->shut();
  const std::weak_ptr<websocketpp_hub<fake>> last = b.hub;
  b.hub.reset();
  b.run();
  CHECK(b.log == "");
  CHECK(last.expired());
}
