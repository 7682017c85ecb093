// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_store.hpp>

#include "loopback/redis_server.hpp"
#include "policy/store_suite.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace {

using agent_websocket::adapters::redis_settings;
using agent_websocket::adapters::redis_store;
using loopback::redis_server;

redis_server& server() {
  static redis_server only;
  return only;
}

class fixture {
 public:
  static constexpr bool shared = true;

  fixture() { store_ = make(); }

  redis_store& store() { return *store_; }
  redis_store& another() {
    if (!second_) second_ = make();
    return *second_;
  }
  void run(const std::function<bool()>& ready) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!ready() && std::chrono::steady_clock::now() < end) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(100));
    }
  }
  void settle() {
    context_.restart();
    context_.run_for(std::chrono::milliseconds(30));
  }
  void reopen() {
    store_.reset();
    store_ = make();
  }
  void drop() { store_.reset(); }

 private:
  std::unique_ptr<redis_store> make() {
    redis_settings settings;
    settings.url = server().url();
    auto made = std::make_unique<redis_store>(context_, settings);
    REQUIRE(made->open());
    return made;
  }

  asio::io_context context_;
  std::unique_ptr<redis_store> store_;
  std::unique_ptr<redis_store> second_;
};

}  // namespace

TEST_CASE("redis_store keeps the requirement Store") {
  if (redis_server::is_installed()) store_suite::run_all<fixture>();
}
