// SPDX-License-Identifier: MIT
#include <agent_websocket/host/worker_end.hpp>

#include <doctest/doctest.h>

using agent_websocket::to_string;
using agent_websocket::worker_end;

TEST_CASE("worker end: code 0 by itself is clean, and a signal is told instead of the code") {
  CHECK(worker_end{}.is_clean());
  CHECK_FALSE(worker_end{3, 0}.is_clean());
  CHECK_FALSE(worker_end{0, 9}.is_clean());
  CHECK(to_string(worker_end{}) == "code=0");
  CHECK(to_string(worker_end{3, 0}) == "code=3");
  CHECK(to_string(worker_end{0, 9}) == "signal=9");
}
