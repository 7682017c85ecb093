// SPDX-License-Identifier: MIT
#include <agent_websocket/server/idempotency_keys.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>

using agent_websocket::idempotency_keys;
using agent_websocket::is_idempotency_key;
using agent_websocket::time_point;
using agent_websocket::http::request;
using agent_websocket::http::response;
using namespace std::chrono_literals;

namespace {

request asked(const std::string& target, const std::string& body, const std::string& method = "POST") {
  request made;
  made.method = method;
  made.target = target;
  made.body = body;
  return made;
}

const auto some = idempotency_keys::fingerprint(asked("/a", "b"));
const time_point begin{};

void keep(idempotency_keys& keys, const std::string& key, response answer, time_point now) {
  keys.keep(key, keys.take(key, some, now), std::move(answer));
}

}  // namespace

TEST_CASE("idempotency_keys: which texts are keys") {
  for (const std::string& good :
       {std::string("k"), std::string(255, 'k'), std::string("\"quoted\""), std::string("!~")}) {
    CAPTURE(good);
    CHECK(is_idempotency_key(good));
  }
  for (const std::string& bad : {std::string(), std::string(256, 'k'), std::string("a b"),
                                 std::string("a, b"), std::string("a\tb"), std::string("\x7f"),
                                 std::string("\xc3\xa4"), std::string("a\0b", 3)}) {
    CAPTURE(bad);
    CHECK_FALSE(is_idempotency_key(bad));
  }
}

TEST_CASE("idempotency_keys: a request is told apart by method, target and body") {
  CHECK(idempotency_keys::fingerprint(asked("/a", "b")) == some);
  CHECK(idempotency_keys::fingerprint(asked("/a", "c")) != some);
  CHECK(idempotency_keys::fingerprint(asked("/b", "b")) != some);
  CHECK(idempotency_keys::fingerprint(asked("/a", "b", "DELETE")) != some);
  CHECK(idempotency_keys::fingerprint(asked("/a?x", "b")) != some);
  // A target has no line feed, so that nothing can stand on the other side of it.
  CHECK(idempotency_keys::fingerprint(asked("/ab", "")) !=
        idempotency_keys::fingerprint(asked("/a", "b")));
}

TEST_CASE("idempotency_keys: keeps an answer for ten minutes") {
  idempotency_keys keys;
  CHECK(keys.find("k", begin) == nullptr);
  keep(keys, "k", response::text(201, "made"), begin);
  REQUIRE(keys.find("k", begin + 9min + 59s) != nullptr);
  CHECK(keys.find("k", begin)->answer->status == 201);
  CHECK(keys.find("k", begin)->answer->body == "made");
  CHECK(keys.find("k", begin)->request == some);
  CHECK(keys.find("K", begin) == nullptr);
  CHECK(keys.find("k", begin + 10min) == nullptr);
  CHECK(keys.size() == 0u);
  keep(keys, "k", response::text(202, "again"), begin + 10min);
  CHECK(keys.find("k", begin + 19min)->answer->status == 202);
}

TEST_CASE("idempotency_keys: finding one does not make it younger") {
  idempotency_keys keys;
  keep(keys, "k", response::text(200, ""), begin);
  CHECK(keys.find("k", begin + 9min) != nullptr);
  CHECK(keys.find("k", begin + 11min) == nullptr);
}

TEST_CASE("idempotency_keys: a key that is known is not taken again") {
  idempotency_keys keys;
  const auto use = keys.take("k", some, begin);
  CHECK(keys.take("k", some, begin) == 0u);
  keys.keep("k", 0, response::text(200, "second"));
  keys.free("k", 0);
  REQUIRE(keys.find("k", begin) != nullptr);
  CHECK_FALSE(keys.find("k", begin)->answer);
  keys.keep("k", use, response::text(200, "first"));
  CHECK(keys.find("k", begin)->answer->body == "first");
  CHECK(keys.size() == 1u);
}

TEST_CASE("idempotency_keys: what was not done may be done again") {
  idempotency_keys keys;
  const auto other = keys.take("other", some, begin);
  const auto use = keys.take("k", some, begin);
  keys.free("k", use);
  keys.free("k", use);
  CHECK(keys.find("k", begin) == nullptr);
  CHECK(keys.size() == 1u);
  // A later use of the key is not ended by the end of the first.
  const auto again = keys.take("k", some, begin);
  CHECK(again != use);
  keys.free("k", use);
  keys.keep("k", use, response::text(200, "first"));
  REQUIRE(keys.find("k", begin) != nullptr);
  CHECK_FALSE(keys.find("k", begin)->answer);
  keys.keep("other", other, response::text(200, "other"));
  CHECK(keys.find("other", begin)->answer->body == "other");
}

TEST_CASE("idempotency_keys: what is free takes no place") {
  idempotency_keys keys;
  const std::string key(255, 'k');
  for (int i = 0; i < 5000; ++i) keys.free(key, keys.take(key, some, begin));
  CHECK(keys.size() == 0u);
  keep(keys, "a", response::text(200, ""), begin);
  keep(keys, "b", response::text(200, ""), begin);
  CHECK(keys.size() == 2u);
}

TEST_CASE("idempotency_keys: what takes too long is forgotten before it is done") {
  idempotency_keys keys;
  const auto use = keys.take("k", some, begin);
  CHECK(keys.find("k", begin + 9min) != nullptr);
  CHECK(keys.find("k", begin + 10min) == nullptr);
  keys.keep("k", use, response::text(200, std::string(2'000'000, 'x')));
  keys.free("k", use);
  CHECK(keys.size() == 0u);
  keep(keys, "a", response::text(200, std::string(900'000, 'x')), begin + 10min);
  keep(keys, "b", response::text(200, ""), begin + 10min);
  CHECK(keys.size() == 2u);  // its bytes do not count
}

TEST_CASE("idempotency_keys: bounded in number and bytes, the oldest go") {
  idempotency_keys keys;
  for (int i = 0; i < 2000; ++i)
    keep(keys, std::to_string(i), response::text(200, ""), begin + i * 1ms);
  CHECK(keys.size() == idempotency_keys::max_keys);
  CHECK(keys.find("975", begin + 2s) == nullptr);
  CHECK(keys.find("976", begin + 2s) != nullptr);
  CHECK(keys.find("1999", begin + 2s) != nullptr);
  for (int i = 0; i < 4; ++i)
    keep(keys, "large" + std::to_string(i), response::text(200, std::string(400'000, 'x')),
         begin + 3s);
  CHECK(keys.size() == 2u);
  keep(keys, "huge", response::text(200, std::string(2'000'000, 'x')), begin + 4s);
  CHECK(keys.size() == 1u);
  CHECK(keys.find("huge", begin + 4s) != nullptr);
  keep(keys, "small", response::text(200, ""), begin + 4s);
  CHECK(keys.find("huge", begin + 4s) == nullptr);
  CHECK(keys.find("small", begin + 4s) != nullptr);
}
