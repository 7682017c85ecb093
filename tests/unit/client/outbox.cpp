// SPDX-License-Identifier: MIT
#include <agent_websocket/client/outbox.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::client_options;
using agent_websocket::client_outbox;
using ids = std::vector<std::string_view>;

namespace {

std::vector<std::string> sent(client_outbox& from) {
  std::vector<std::string> all;
  from.send_all([&](const std::string& json) { all.push_back(json); });
  return all;
}

}  // namespace

TEST_CASE("client outbox: keeps the order, until each is acknowledged") {
  const client_options limits;
  client_outbox box(limits);
  box.add("a", "A", true);
  box.add("b", "B", false);
  box.add("c", "C", true);
  CHECK(box.ids() == ids{"a", "b", "c"});
  CHECK(box.is_unsent("a"));
  CHECK(sent(box) == std::vector<std::string>{"A", "B", "C"});
  CHECK_FALSE(box.is_unsent("a"));
  box.accept("b");
  box.accept("a");
  box.accept("unknown");
  CHECK(box.ids() == ids{"c"});
  CHECK(box.contains("a"));
  CHECK_FALSE(box.contains("b"));
  CHECK(sent(box) == std::vector<std::string>{"C"});
}

TEST_CASE("client outbox: queries come back when the server lost its place, others do not") {
  const client_options limits;
  client_outbox box(limits);
  for (const char* id : {"a", "b", "c"}) box.add(id, id, std::string_view(id) != "b");
  for (const char* id : {"a", "b"}) box.accept(id);
  SUBCASE("in their place") {
    box.expect_again();
    CHECK(box.ids() == ids{"a", "c"});
  }
  SUBCASE("unless they are answered") {
    CHECK(box.settle("a"));
    CHECK_FALSE(box.settle("a"));
    box.expect_again();
    CHECK(box.ids() == ids{"c"});
  }
  SUBCASE("or the session is gone") {
    CHECK(box.take_accepted() == std::vector<std::string>{"a"});
    CHECK(box.take_accepted().empty());
    CHECK(box.ids() == ids{"c"});
  }
}

TEST_CASE("client outbox: requests are settled by an answer, queries are not") {
  const client_options limits;
  client_outbox box(limits);
  box.add("q", "Q", true);
  box.add("r", "R", false);
  CHECK_FALSE(box.settle_request("q"));
  CHECK(box.settle_request("r"));
  CHECK_FALSE(box.settle_request("r"));
  CHECK(box.ids() == ids{"q"});
}

TEST_CASE("client outbox: is bounded by number and bytes of what waits") {
  client_options limits;
  limits.max_outbox_messages = 3;
  limits.max_outbox_bytes = 10;
  client_outbox box(limits);
  CHECK(box.add("a", "12345", true));
  CHECK_FALSE(box.add("b", "123456", true));
  CHECK_FALSE(box.contains("b"));
  CHECK(box.add("b", "1234", true));
  CHECK(box.add("c", "1", true));
  CHECK_FALSE(box.add("d", "", true));
  box.accept("a");
  CHECK(box.add("d", "12345", true));
  CHECK_FALSE(box.add("e", "", true));
}

TEST_CASE("client outbox: is bounded by number and bytes of all that is open") {
  client_options limits;
  SUBCASE("number") { limits.max_open_queries = 3; }
  SUBCASE("bytes") { limits.max_open_bytes = 30; }
  client_outbox box(limits);
  for (const char* id : {"a", "b", "c"}) {
    CHECK(box.add(id, "1234567890", true));
    box.accept(id);
  }
  CHECK_FALSE(box.add("d", "1", true));
  box.settle("a");
  CHECK(box.add("d", "1", true));
}

TEST_CASE("client outbox: the newest is sent alone") {
  const client_options limits;
  client_outbox box(limits);
  std::string sent_text;
  const auto note = [&](const std::string& json) { sent_text += json; };
  box.send_newest(note);
  box.add("a", "A", true);
  box.add("b", "B", true);
  box.send_newest(note);
  CHECK(sent_text == "B");
  CHECK(box.is_unsent("a"));
  CHECK_FALSE(box.is_unsent("b"));
  CHECK_FALSE(box.is_unsent("unknown"));
  box.clear();
  CHECK(box.ids().empty());
}
