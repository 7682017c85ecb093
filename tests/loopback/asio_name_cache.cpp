// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_name_cache.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>

using namespace std::chrono_literals;
using agent_websocket::adapters::asio_name_cache;

namespace {

struct found {
  int calls = 0;
  std::error_code failure;
  asio_name_cache::endpoints addresses;

  asio_name_cache::handler handler() {
    return [this](const std::error_code& code, const asio_name_cache::endpoints& list) {
      ++calls;
      failure = code;
      addresses = list;
    };
  }
};

template <typename Predicate>
bool wait(asio::io_context& context, Predicate holds) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!holds() && std::chrono::steady_clock::now() < end) {
    context.restart();  // it stops when it has nothing to do
    context.run_one_for(100ms);
  }
  return holds();
}

}  // namespace

TEST_CASE("asio_name_cache: addresses need no lookup") {
  asio::io_context context(1);
  asio_name_cache names(context);
  for (const std::string host : {"192.0.2.7", "2001:db8::1"}) {
    found got;
    names.resolve(host, 80, got.handler());
    REQUIRE(got.calls == 1);
    CHECK_FALSE(got.failure);
    REQUIRE(got.addresses.size() == 1u);
    CHECK(got.addresses[0].address().to_string() == host);
    CHECK(got.addresses[0].port() == 80);
  }
}

TEST_CASE("asio_name_cache: who asks meanwhile waits for the same answer, who asks later gets it at once") {
  asio::io_context context(1);
  asio_name_cache names(context);
  found first, second, third, other;
  names.resolve("localhost", 80, first.handler());
  names.resolve("localhost", 80, second.handler());
  names.resolve("localhost", 81, other.handler());
  CHECK(first.calls == 0);
  REQUIRE(wait(context, [&] { return second.calls == 1 && other.calls == 1; }));
  CHECK(first.calls == 1);
  CHECK_FALSE(first.failure);
  CHECK(std::any_of(first.addresses.begin(), first.addresses.end(),
                    [](const auto& each) { return each.address().is_loopback(); }));
  CHECK(second.addresses == first.addresses);
  CHECK(other.addresses.at(0).port() == 81);
  names.resolve("localhost", 80, third.handler());
  CHECK(third.calls == 1);
  CHECK(third.addresses == first.addresses);
}

TEST_CASE("asio_name_cache: a failure is told to all, and not remembered") {
  asio::io_context context(1);
  asio_name_cache names(context);
  found first, second, third;
  names.resolve("name.invalid", 80, first.handler());
  names.resolve("name.invalid", 80, second.handler());
  REQUIRE(wait(context, [&] { return second.calls == 1; }));
  CHECK(first.failure);
  CHECK(second.failure);
  CHECK(first.addresses.empty());
  names.resolve("name.invalid", 80, third.handler());
  CHECK(third.calls == 0);
  CHECK(wait(context, [&] { return third.calls == 1; }));
}

TEST_CASE("asio_name_cache: once it is gone nobody is called") {
  asio::io_context context(1);
  auto names = std::make_unique<asio_name_cache>(context);
  found got;
  names->resolve("localhost", 80, got.handler());
  names.reset();
  context.run_for(200ms);
  CHECK(got.calls == 0);
}
