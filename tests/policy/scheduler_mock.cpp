// SPDX-License-Identifier: MIT
#include "scheduler_suite.hpp"

#include <agent_websocket/testing/manual_scheduler.hpp>

namespace {

class manual_fixture {
 public:
  agent_websocket::testing::manual_scheduler& scheduler() { return scheduler_; }
  void settle(agent_websocket::duration time) { scheduler_.advance(time); }

 private:
  agent_websocket::testing::manual_scheduler scheduler_;
};

}  // namespace

TEST_CASE("scheduler: manual_scheduler keeps the contract") {
  scheduler_suite::run_all<manual_fixture>();
}
