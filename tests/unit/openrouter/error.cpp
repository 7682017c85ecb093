// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/error.hpp>

#include <doctest/doctest.h>

using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::openrouter::failure;

TEST_CASE("error: a failure takes its words and whether it may be repeated from its code") {
  const failure lost(errc::connection_failed);
  CHECK(lost.why.message == "The connection failed");
  CHECK(lost.retryable);
  CHECK(lost.status == 0);
  CHECK(!lost.retry_after);
  CHECK(!failure(errc::payment_required).retryable);
  const failure own(error(errc::bad_message, "`top_k` is odd"));
  CHECK(own.why.message == "`top_k` is odd");
  CHECK(!own.retryable);
}
