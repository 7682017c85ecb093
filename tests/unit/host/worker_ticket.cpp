// SPDX-License-Identifier: MIT
#include <agent_websocket/host/worker_ticket.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::worker_ticket;

namespace {

worker_ticket sample() {
  worker_ticket ticket;
  ticket.slot = 3;
  ticket.place = 4;
  ticket.control = 9;
  ticket.loads = 6;
  ticket.listeners = {7, 8};
  return ticket;
}

}  // namespace

TEST_CASE("worker ticket: is read as it was written") {
  CHECK(sample().text() == "slot=3 place=4 control=9 loads=6 listeners=7,8");
  const auto read = worker_ticket::parse(sample().text());
  REQUIRE(read);
  CHECK(read->slot == 3u);
  CHECK(read->place == 4u);
  CHECK(read->control == 9);
  CHECK(read->loads == 6);
  CHECK(read->listeners == std::vector<int>{7, 8});
  worker_ticket without = sample();
  without.loads = -1;
  without.listeners = {7};
  REQUIRE(worker_ticket::parse(without.text()));
  CHECK(worker_ticket::parse(without.text())->loads == -1);
}

TEST_CASE("worker ticket: anything else is none") {
  const std::string right = sample().text();
  for (std::size_t length = 0; length < right.size(); ++length) {
    if (right.compare(0, length, "slot=3 place=4 control=9 loads=6 listeners=7") == 0) continue;
    CAPTURE(length);
    CHECK_FALSE(worker_ticket::parse(right.substr(0, length)));
  }
  for (const char* wrong :
       {"slot=0 place=4 control=9 loads=6 listeners=7", "slot=3 place=-1 control=9 loads=6 listeners=7",
        "slot=3 place=4 control=-1 loads=6 listeners=7", "slot=3 place=4 control=9 loads=-2 listeners=7",
        "slot=3 place=4 control=9 loads=6 listeners=-7", "slot=3 place=4 control=9 loads=6 listeners=7 ",
        "slot=3 place=4 control=9 loads=6 listeners=7,x",
        "slot=3 place=4 control=99999999999 loads=6 listeners=7",
        " slot=3 place=4 control=9 loads=6 listeners=7"}) {
    CAPTURE(wrong);
    CHECK_FALSE(worker_ticket::parse(wrong));
  }
  worker_ticket many = sample();
  many.listeners.assign(worker_ticket::max_listeners, 7);
  CHECK(worker_ticket::parse(many.text()));
  many.listeners.push_back(7);
  CHECK_FALSE(worker_ticket::parse(many.text()));
}
