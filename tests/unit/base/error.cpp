// SPDX-License-Identifier: MIT
#include <agent_websocket/base/error.hpp>

#include <doctest/doctest.h>

#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <type_traits>

using agent_websocket::condition;
using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::is_retryable;
using agent_websocket::message_of;
using agent_websocket::to_string;

namespace {

enum groups : unsigned { none = 0, client = 1, upstream = 2, stop = 4, limit = 8 };

struct row {
  errc code;
  const char* name;
  bool retryable;
  unsigned in;
};

// In the order of the protocol's list of error codes, then those that are not on the wire.
constexpr row rows[] = {
    {errc::bad_json, "bad_json", false, client},
    {errc::bad_message, "bad_message", false, client},
    {errc::unknown_type, "unknown_type", false, client},
    {errc::unknown_op, "unknown_op", false, client},
    {errc::too_large, "too_large", false, client | limit},
    {errc::unsupported_data, "unsupported_data", false, client},
    {errc::unauthorized, "unauthorized", false, client},
    {errc::token_expired, "token_expired", true, client},
    {errc::forbidden, "forbidden", false, client},
    {errc::rate_limited, "rate_limited", true, client | limit},
    {errc::quota_exceeded, "quota_exceeded", false, client | limit},
    {errc::too_many_connections, "too_many_connections", true, client | limit},
    {errc::queue_full, "queue_full", true, client | limit},
    {errc::busy, "busy", true, client},
    {errc::session_not_found, "session_not_found", false, client},
    {errc::session_expired, "session_expired", false, client},
    {errc::not_found, "not_found", false, client},
    {errc::expired, "expired", false, client},
    {errc::feedback_unknown, "feedback_unknown", false, client},
    {errc::feedback_expired, "feedback_expired", false, client},
    {errc::feedback_invalid, "feedback_invalid", true, client},
    {errc::tool_failed, "tool_failed", false, none},
    {errc::tool_loop, "tool_loop", false, none},
    {errc::provider_error, "provider_error", true, upstream},
    {errc::provider_rate_limited, "provider_rate_limited", true, upstream | limit},
    {errc::provider_overloaded, "provider_overloaded", true, upstream},
    {errc::provider_unauthorized, "provider_unauthorized", false, upstream},
    {errc::payment_required, "payment_required", false, upstream | limit},
    {errc::context_length_exceeded, "context_length_exceeded", false, upstream},
    {errc::content_policy, "content_policy", false, upstream},
    {errc::model_not_found, "model_not_found", false, upstream},
    {errc::empty_response, "empty_response", true, upstream},
    {errc::truncated, "truncated", true, upstream},
    {errc::timeout_connect, "timeout_connect", true, upstream},
    {errc::timeout_first_token, "timeout_first_token", true, upstream},
    {errc::timeout_idle, "timeout_idle", true, upstream},
    {errc::timeout_total, "timeout_total", false, upstream},
    {errc::interrupted, "interrupted", true, stop},
    {errc::draining, "draining", true, none},
    {errc::internal, "internal", true, none},
    {errc::cancelled, "cancelled", false, stop},
    {errc::bad_configuration, "bad_configuration", false, none},
    {errc::connection_failed, "connection_failed", true, upstream},
    {errc::protocol_error, "protocol_error", false, none},
    {errc::moved, "moved", true, none},
};

// A new code stands somewhere before the last one: then this row count is wrong.
static_assert(static_cast<std::size_t>(errc::moved) == std::size(rows),
              "a new errc needs a row here");

}  // namespace

TEST_CASE("error: every code has its name and says whether it is worth another try") {
  int number = 0;
  for (const row& each : rows) {
    CAPTURE(each.name);
    CHECK(static_cast<int>(each.code) == ++number);
    CHECK(std::string(to_string(each.code)) == each.name);
    CHECK(is_retryable(each.code) == each.retryable);
  }
}

TEST_CASE("error: names and sentences are there, and no two are the same") {
  std::set<std::string> names, texts;
  for (const row& each : rows) {
    const std::string name = to_string(each.code), text = message_of(each.code);
    CAPTURE(name);
    CHECK(names.insert(name).second);
    CHECK(texts.insert(text).second);
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
    REQUIRE(text.size() > 5);
    CHECK((text.front() >= 'A' && text.front() <= 'Z'));
    CHECK(text.find_first_of("\"\\\n\r/") == std::string::npos);
  }
}

TEST_CASE("error: a number that is no code is an internal error") {
  for (const int number : {0, -1, static_cast<int>(std::size(rows)) + 1, 100'000}) {
    CAPTURE(number);
    CHECK(std::string(to_string(static_cast<errc>(number))) == "internal");
    CHECK(std::string(message_of(static_cast<errc>(number))) == message_of(errc::internal));
  }
}

TEST_CASE("error: codes are std::error_codes") {
  for (const row& each : rows) {
    CAPTURE(each.name);
    const std::error_code code = each.code;  // implicit
    CHECK(code);
    CHECK(code == each.code);
    CHECK(code.value() == static_cast<int>(each.code));
    CHECK(code.message() == message_of(each.code));
  }
  const std::error_code code = errc::queue_full;
  CHECK(std::string(code.category().name()) == "agent_websocket");
  CHECK(code.category() == std::error_code(errc::busy).category());
  CHECK(code != errc::busy);
  CHECK(std::error_code() != errc::bad_json);
  CHECK(std::error_code(1, std::generic_category()) != errc::bad_json);
  CHECK(std::make_error_code(std::errc::timed_out) != errc::timeout_total);
  std::ostringstream shown;
  shown << code;
  CHECK(shown.str() == "agent_websocket:13");
}

TEST_CASE("error: conditions group the codes by what to do") {
  for (const row& each : rows) {
    CAPTURE(each.name);
    const std::error_code code = each.code;
    CHECK((code == condition::retryable) == each.retryable);
    CHECK((code == condition::client_fault) == ((each.in & client) != 0));
    CHECK((code == condition::upstream_fault) == ((each.in & upstream) != 0));
    CHECK((code == condition::cancelled) == ((each.in & stop) != 0));
    CHECK((code == condition::limit_exceeded) == ((each.in & limit) != 0));
  }
}

TEST_CASE("error: no condition holds for success or for codes of others with the same numbers") {
  for (const condition each :
       {condition::client_fault, condition::upstream_fault, condition::retryable,
        condition::cancelled, condition::limit_exceeded}) {
    const int what = static_cast<int>(each);
    CAPTURE(what);
    CHECK(std::error_code() != each);
    for (const row& code : rows) {
      CHECK(std::error_code(static_cast<int>(code.code), std::generic_category()) != each);
      CHECK(std::error_code(static_cast<int>(code.code), std::system_category()) != each);
    }
    const std::error_condition held = each;  // implicit
    CHECK(held.value() == what);
    CHECK(std::string(held.category().name()) == "agent_websocket.condition");
  }
  CHECK(std::error_code(errc::internal) !=
        std::error_condition(99, std::error_condition(condition::cancelled).category()));
}

TEST_CASE("error: conditions have words") {
  CHECK(std::error_condition(condition::client_fault).message() == "client fault");
  CHECK(std::error_condition(condition::upstream_fault).message() == "upstream fault");
  CHECK(std::error_condition(condition::retryable).message() == "retryable");
  CHECK(std::error_condition(condition::cancelled).message() == "cancelled");
  CHECK(std::error_condition(condition::limit_exceeded).message() == "limit exceeded");
  const std::error_condition unknown(99, std::error_condition(condition::cancelled).category());
  CHECK_FALSE(unknown.message().empty());
}

TEST_CASE("error: as a value it has the code's own sentence unless it is given words") {
  CHECK(error().code == errc::internal);
  CHECK(error(errc::busy).message == message_of(errc::busy));
  CHECK(error(errc::busy).detail.empty());
  CHECK(error(errc::busy, "words").message == "words");
  CHECK(error(errc::busy, "words").detail.empty());
  const error full(errc::busy, "words", "for the log");
  CHECK(full.code == errc::busy);
  CHECK(full.message == "words");
  CHECK(full.detail == "for the log");
  CHECK_FALSE(std::is_convertible_v<errc, error>);
}

TEST_CASE("error: in full it has its detail, which is for the log") {
  const error plain(errc::busy);
  CHECK(plain.in_full() == message_of(errc::busy));
  const error more(errc::internal, "The store failed", "disk full");
  CHECK(more.message == "The store failed");
  CHECK(more.in_full() == "The store failed: disk full");
}
