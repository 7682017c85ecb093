// SPDX-License-Identifier: MIT
#include "scheduler_suite.hpp"

#include <agent_websocket/adapters/asio_scheduler.hpp>

namespace {

class asio_fixture {
 public:
  agent_websocket::adapters::asio_scheduler& scheduler() { return scheduler_; }

  void settle(agent_websocket::duration time) {
    context_.restart();
    context_.run_until(std::chrono::steady_clock::now() + time);
    while (context_.poll() != 0) continue;
  }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  agent_websocket::adapters::asio_scheduler scheduler_{context_};
};

}  // namespace

TEST_CASE("scheduler: asio_scheduler keeps the contract") {
  scheduler_suite::run_all<asio_fixture>();
}
