// SPDX-License-Identifier: MIT
// That it keeps the contract is in tests/policy/store_memory.cpp.
#include <agent_websocket/policy/memory_store.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using agent_websocket::errc;
using agent_websocket::fence_number;
using agent_websocket::memory_space;
using agent_websocket::memory_store;
using agent_websocket::require_store;
using agent_websocket::result;
using agent_websocket::store_batch;
using agent_websocket::stored_session;

namespace {

using code = std::optional<errc>;

/// Each of these checks that the outcome comes at once, and once.
template <typename T, typename Call>
result<T> at_once(const Call& call) {
  std::optional<result<T>> outcome;
  call([&outcome](result<T> each) {
    CHECK_FALSE(outcome.has_value());
    outcome = std::move(each);
  });
  REQUIRE(outcome.has_value());
  return *outcome;
}

template <typename T>
code code_of(const result<T>& outcome) {
  return outcome ? code() : code(outcome.error().code);
}

code append(memory_store& store, std::string_view session, std::uint64_t first, std::string record,
            bool replaces = false, fence_number fence = 1) {
  return code_of(at_once<void>([&](auto done) {
    store.append({std::string(session), fence, first, {std::move(record)}, replaces}, done);
  }));
}

stored_session load(memory_store& store, std::string_view session) {
  return *at_once<stored_session>([&](auto done) { store.load(session, done); });
}

bool is_there(memory_store& store, std::string_view session) {
  return load(store, session).next != 0;
}

code release(memory_store& store, std::string_view session) {
  return code_of(at_once<void>([&](auto done) { store.release(session, 1, done); }));
}

}  // namespace

TEST_CASE("memory_store: by itself it is not lasting, and works all the same") {
  CHECK(require_store<memory_store>());
  memory_store store;
  CHECK_FALSE(store.lasting());
  CHECK(append(store, "a", 0, "{}") == code());
  CHECK(load(store, "a").records == std::vector<std::string>{"{}"});
  memory_store other;
  CHECK_FALSE(is_there(other, "a"));
  CHECK(code_of(at_once<void>([&](auto done) { store.check(done); })) == code());
}

TEST_CASE("memory_store: a space outlives the stores on it") {
  const auto space = std::make_shared<memory_space>();
  {
    memory_store store(space, "one");
    CHECK(store.lasting());
    CHECK(append(store, "a", 0, "12345") == code());
    CHECK(append(store, "b", 0, "1") == code());
  }
  CHECK(space->size() == 2u);
  CHECK(space->bytes() == 6u);
  memory_store store(space, "two");
  CHECK(load(store, "a").records == std::vector<std::string>{"12345"});
  CHECK(load(store, "a").holder == "one");
  space->drop_holder("nobody");
  CHECK(load(store, "a").holder == "one");
  space->drop_holder("one");
  CHECK(load(store, "a").holder.empty());
  CHECK(load(store, "b").holder.empty());
}

TEST_CASE("memory_store: bytes are counted through appends, replacing and erasing") {
  const auto space = std::make_shared<memory_space>();
  memory_store store(space, "one");
  CHECK(append(store, "a", 0, "12345") == code());
  CHECK(append(store, "a", 1, "123") == code());
  CHECK(append(store, "a", 1, "123") == code());  // again
  CHECK(append(store, "a", 7, "123") == errc::moved);
  CHECK(space->bytes() == 8u);
  CHECK(append(store, "a", 2, "1", true) == code());
  CHECK(space->bytes() == 1u);
  CHECK(append(store, "b", 0, "12") == code());
  CHECK(space->bytes() == 3u);
  CHECK(code_of(at_once<void>([&](auto done) { store.erase("a", 1, done); })) == code());
  CHECK(code_of(at_once<void>([&](auto done) { store.erase("a", 1, done); })) == code());
  CHECK(space->bytes() == 2u);
  CHECK(space->size() == 1u);
}

TEST_CASE("memory_store: a full space lets go of what nobody holds, the oldest write first") {
  const auto space = std::make_shared<memory_space>(10);
  memory_store store(space, "one");
  for (const char* const each : {"a", "b", "c"}) CHECK(append(store, each, 0, "123") == code());
  for (const char* const each : {"a", "b", "c"}) CHECK(release(store, each) == code());
  CHECK(append(store, "a", 1, "1") == code());  // 10: exactly full, and b is the oldest now
  CHECK(space->bytes() == 10u);
  CHECK(append(store, "d", 0, "1") == code());
  CHECK_FALSE(is_there(store, "b"));
  CHECK((is_there(store, "a") && is_there(store, "c") && is_there(store, "d")));
  CHECK(append(store, "e", 0, "1234567") == code());  // takes two of them
  CHECK_FALSE(is_there(store, "a"));
  CHECK_FALSE(is_there(store, "c"));
  CHECK(is_there(store, "d"));  // held
  CHECK(space->bytes() == 8u);
}

TEST_CASE("memory_store: what is held stays, and the space is full then") {
  const auto space = std::make_shared<memory_space>(10);
  memory_store store(space, "one");
  CHECK(append(store, "a", 0, "12345678") == code());
  const auto refused = at_once<void>([&](auto done) {
    store.append({"b", 1, 0, {"123"}, false}, done);
  });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == errc::internal);
  CHECK(refused.error().message == "The store is full");
  CHECK_FALSE(is_there(store, "b"));
  CHECK(space->size() == 1u);
  CHECK(append(store, "a", 1, "123") == errc::internal);
  CHECK(load(store, "a").records.size() == 1u);
  CHECK(space->bytes() == 8u);
  CHECK(append(store, "b", 0, "12") == code());
}

TEST_CASE("memory_store: a full space never takes the session that grows, though nobody holds it") {
  const auto space = std::make_shared<memory_space>(10);
  memory_store store(space, "one");
  CHECK(append(store, "a", 0, "12345678") == code());
  space->drop_holder("one");  // its lease is over; the process has not noticed
  CHECK(append(store, "a", 1, "12345") == errc::internal);
  CHECK(load(store, "a").records.size() == 1u);
  CHECK(append(store, "a", 1, "12") == code());
  CHECK(space->bytes() == 10u);
}

TEST_CASE("memory_store: what is replaced makes room for what replaces it") {
  const auto space = std::make_shared<memory_space>(10);
  memory_store store(space, "one");
  CHECK(append(store, "a", 0, "12345678") == code());
  CHECK(append(store, "b", 0, "1") == code());
  CHECK(append(store, "a", 1, "1234567890", true) == errc::internal);
  CHECK(load(store, "a").next == 1u);
  CHECK(append(store, "a", 1, "123456789", true) == code());
  CHECK(space->bytes() == 10u);
}
