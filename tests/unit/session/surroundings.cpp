// SPDX-License-Identifier: MIT
#include <agent_websocket/session/surroundings.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <type_traits>

using namespace agent_websocket;

namespace {

struct transport_type {
  int sent = 0;
};
struct client_type {};
struct store_type {
  int kept = 0;
};
struct session_type;
using scheduler_type = testing::manual_scheduler;
using around =
    session_surroundings<transport_type, client_type, scheduler_type, store_type, session_type>;

}  // namespace

TEST_CASE("surroundings: refer to what all sessions share, and own nothing of it") {
  static_assert(std::is_same_v<decltype(around::transport), outlet<transport_type>&>);
  static_assert(std::is_same_v<decltype(around::client), client_type&>);
  static_assert(std::is_same_v<decltype(around::scheduler), scheduler_type&>);
  static_assert(std::is_same_v<decltype(around::store), store_type&>);
  static_assert(std::is_same_v<decltype(around::random), random_source&>);
  static_assert(std::is_same_v<decltype(around::slots), upstream_slots&>);
  static_assert(std::is_same_v<decltype(around::hooks), const session_hooks<session_type>&>);
  static_assert(std::is_same_v<decltype(around::sink), session_sink<session_type>&>);
  static_assert(!std::is_default_constructible_v<around>);
  static_assert(std::is_copy_constructible_v<around>);
  static_assert(!std::is_copy_assignable_v<around>);
  CHECK(sizeof(around) == 10 * sizeof(void*));
}
