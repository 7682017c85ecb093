// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/error_table.hpp>

#include <doctest/doctest.h>

using agent_websocket::errc;
using agent_websocket::openrouter::detail::choose_rule;
using agent_websocket::openrouter::detail::fault_rule;
using agent_websocket::openrouter::detail::rule_of_status;
using agent_websocket::openrouter::detail::rule_of_type;

TEST_CASE("error table: statuses, and which are worth a second try") {
  struct row {
    int status;
    errc code;
    bool retryable;
  };
  const row rows[] = {
      {400, errc::provider_error, false},     {401, errc::provider_unauthorized, false},
      {402, errc::payment_required, false},   {403, errc::provider_unauthorized, false},
      {404, errc::model_not_found, false},    {408, errc::provider_error, true},
      {412, errc::provider_error, false},     {413, errc::context_length_exceeded, false},
      {422, errc::provider_error, false},     {429, errc::provider_rate_limited, true},
      {500, errc::provider_error, true},      {502, errc::provider_error, true},
      {503, errc::provider_overloaded, true}, {504, errc::provider_error, true},
      {520, errc::provider_error, true},      {524, errc::provider_error, true},
      {527, errc::provider_error, true},      {529, errc::provider_overloaded, true},
      {530, errc::provider_error, true},      {599, errc::provider_error, true},
      {302, errc::provider_error, false},     {418, errc::provider_error, false},
      {0, errc::provider_error, false},
  };
  for (const row& each : rows) {
    CAPTURE(each.status);
    const fault_rule rule = choose_rule(each.status, "", "", "", "", false);
    CHECK(rule.code == each.code);
    CHECK(rule.retryable == each.retryable);
  }
}

TEST_CASE("error table: whose words are for clients") {
  for (const int status : {302, 401, 402, 403, 500, 503, 529})
    CHECK(rule_of_status(status).internal);
  for (const int status : {0, 400, 404, 413, 422, 429}) CHECK(!rule_of_status(status).internal);
  CHECK(choose_rule(500, "invalid_request", "", "", "", false).internal);
  CHECK(choose_rule(0, "server_error", "", "", "", false).internal);
}

TEST_CASE("error table: types") {
  CHECK(rule_of_type("context_length_exceeded")->code == errc::context_length_exceeded);
  CHECK(rule_of_type("unmapped") == nullptr);
  CHECK(rule_of_type("") == nullptr);
  // Without a status the type decides, with one both must agree.
  CHECK(choose_rule(0, "rate_limit_exceeded", "", "", "", false).retryable);
  CHECK(choose_rule(0, "provider_unavailable", "", "", "", false).retryable);
  CHECK(!choose_rule(400, "server_error", "", "", "", false).retryable);
  CHECK(!choose_rule(429, "insufficient_quota", "", "", "", false).retryable);
  CHECK(choose_rule(429, "insufficient_quota", "", "", "", false).code == errc::payment_required);
  CHECK(!choose_rule(500, "invalid_request", "", "", "", false).retryable);
  CHECK(choose_rule(400, "never_heard_of", "", "", "", false).code == errc::provider_error);
  // What availability says is closer than the type.
  const fault_rule gone = choose_rule(404, "not_found", "model_deprecated", "", "", false);
  CHECK(gone.code == errc::model_not_found);
  CHECK(choose_rule(503, "", "temporarily_unavailable", "", "", false).retryable);
}

TEST_CASE("error table: what only the words or the source of a limit tell") {
  CHECK(choose_rule(400, "", "", "", "foo is not a valid model ID", false).code ==
        errc::model_not_found);
  CHECK(choose_rule(400, "invalid_request_error", "", "",
                    "This model's maximum context length is 8192 tokens", false)
            .code == errc::context_length_exceeded);
  CHECK(choose_rule(400, "invalid_request", "", "", "the context length is 9", false).code ==
        errc::context_length_exceeded);
  CHECK(choose_rule(403, "", "", "", "flagged", true).code == errc::content_policy);
  CHECK(choose_rule(401, "", "", "", "", true).code == errc::provider_unauthorized);
  CHECK(choose_rule(403, "", "", "openrouter_guardrail_budget", "", false).code ==
        errc::payment_required);
  CHECK(choose_rule(429, "", "", "openrouter_credits", "", false).retryable);
  CHECK(!choose_rule(429, "", "", "openrouter_free_tier_daily", "", false).retryable);
  CHECK(!choose_rule(429, "", "", "", "Rate limit exceeded: free-models-per-day", false).retryable);
}
