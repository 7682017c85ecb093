// SPDX-License-Identifier: MIT
#include "store_suite.hpp"

#include "loopback/temporary_folder.hpp"

#include <agent_websocket/adapters/sqlite_store.hpp>

#include <chrono>
#include <memory>

using agent_websocket::adapters::sqlite_options;
using agent_websocket::adapters::sqlite_store;

namespace {

class sqlite_fixture {
 public:
  static constexpr bool shared = false;

  sqlite_fixture() { open(); }

  sqlite_store& store() { return *store_; }

  template <typename Ready>
  void run(const Ready& ready) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!ready() && std::chrono::steady_clock::now() < deadline) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(100));
    }
    CHECK(ready());
  }
  void settle() {
    context_.restart();
    context_.run_for(std::chrono::milliseconds(20));
  }

  void reopen() {
    store_.reset();
    open();
  }
  void drop() { store_.reset(); }

 private:
  void open() {
    sqlite_options options;
    options.file = folder_.file("sessions.db");
    store_ = std::make_unique<sqlite_store>(context_, options);
    const auto opened = store_->open();
    INFO(opened.error().message);
    REQUIRE(opened.has_value());
  }

  loopback::temporary_folder folder_;
  asio::io_context context_{1};
  std::unique_ptr<sqlite_store> store_;
};

}  // namespace

TEST_CASE("store: sqlite_store keeps the contract") { store_suite::run_all<sqlite_fixture>(); }
