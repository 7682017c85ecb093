// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/retry.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>

using agent_websocket::errc;
using agent_websocket::openrouter::decide_retry;
using agent_websocket::openrouter::failure;
using agent_websocket::openrouter::retry_policy;
using ms = std::chrono::milliseconds;

namespace {
constexpr double almost_one = 0x1.fffffffffffffp-1;

failure overloaded(int hint_ms = -1) {
  failure why(errc::provider_overloaded);
  if (hint_ms >= 0) why.retry_after = ms(hint_ms);
  return why;
}
}  // namespace

TEST_CASE("retry: full jitter below a bound that doubles up to the cap") {
  retry_policy policy;
  policy.max_attempts = 100;
  const int bounds[] = {500, 1000, 2000, 4000, 8000, 16'000, 30'000, 30'000};
  for (int attempt = 1; attempt <= 8; ++attempt) {
    CAPTURE(attempt);
    CHECK(decide_retry(policy, attempt, overloaded(), 0.0) == ms(0));
    CHECK(decide_retry(policy, attempt, overloaded(), 0.5) == ms(bounds[attempt - 1] / 2));
    CHECK(decide_retry(policy, attempt, overloaded(), almost_one) == ms(bounds[attempt - 1] - 1));
  }
  policy.cap = ms(100);
  CHECK(decide_retry(policy, 1, overloaded(), 0.5) == ms(50));
  policy.max_attempts = std::numeric_limits<int>::max();
  policy.cap = ms::max();
  CHECK(decide_retry(policy, 1000, overloaded(), 0.5)->count() > 0);
}

TEST_CASE("retry: T54 a hint is kept, with up to half of it on top") {
  const retry_policy policy;
  CHECK(decide_retry(policy, 1, overloaded(1000), 0.0) == ms(1000));
  CHECK(decide_retry(policy, 2, overloaded(1000), almost_one) == ms(1499));
  CHECK(decide_retry(policy, 1, overloaded(60'000), 0.0) == ms(60'000));
  CHECK(!decide_retry(policy, 1, overloaded(60'001), 0.0));
  CHECK(!decide_retry(policy, 1, overloaded(3'600'000), 0.0));
  CHECK(decide_retry(policy, 1, overloaded(0), 0.5) == ms(250));  // no wait is no hint
}

TEST_CASE("retry: when to give up") {
  retry_policy policy;
  CHECK(decide_retry(policy, 2, overloaded(), 0.5));
  CHECK(!decide_retry(policy, 3, overloaded(), 0.5));
  policy.max_attempts = 1;
  CHECK(!decide_retry(policy, 1, overloaded(), 0.5));
  policy.max_attempts = 5;
  failure final_one = overloaded(1000);
  final_one.retryable = false;
  CHECK(!decide_retry(policy, 1, final_one, 0.5));
  CHECK(decide_retry(policy, 1, failure(errc::empty_response), 0.5));
  CHECK(!decide_retry(policy, 2, failure(errc::empty_response), 0.5));
}
