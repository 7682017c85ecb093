// SPDX-License-Identifier: MIT
#include <agent_websocket/limits/connection_limits.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::connection_limit;
using agent_websocket::connection_limits;
using agent_websocket::duration;
using agent_websocket::time_point;
using namespace std::chrono_literals;

namespace {

const time_point start{1000s};

connection_limits::limits allowed(std::size_t total, std::size_t per_address,
                                  std::uint32_t per_second) {
  connection_limits::limits made;
  made.total = total;
  made.per_address = per_address;
  made.per_second = per_second;
  return made;
}

}  // namespace

TEST_CASE("connection_limits: in all") {
  connection_limits limits(allowed(2, 0, 0));
  connection_limits::place a, b, c;
  CHECK_FALSE(limits.take(a, "192.0.2.1", start));
  CHECK_FALSE(limits.take(b, "192.0.2.2", start));
  const auto refused = limits.take(c, "192.0.2.3", start);
  REQUIRE(refused);
  CHECK(refused->what == connection_limit::total);
  CHECK(refused->retry_after == 5s);
  CHECK_FALSE(c);
  CHECK(limits.total() == 2u);
  a.give_back();
  a.give_back();  // once, however often it is asked for
  CHECK(limits.total() == 1u);
  CHECK_FALSE(limits.take(c, "192.0.2.3", start));
  CHECK(limits.addresses() == 2u);
}

TEST_CASE("connection_limits: of one address, IPv6 by /64") {
  connection_limits limits(allowed(0, 2, 0));
  std::vector<connection_limits::place> kept(8);
  CHECK_FALSE(limits.take(kept[0], "192.0.2.1", start));
  CHECK_FALSE(limits.take(kept[1], "::ffff:192.0.2.1", start));
  CHECK(limits.take(kept[2], "192.0.2.1", start)->what == connection_limit::address);
  CHECK_FALSE(limits.take(kept[2], "192.0.2.2", start));
  CHECK_FALSE(limits.take(kept[3], "2001:db8:0:1::1", start));
  CHECK_FALSE(limits.take(kept[4], "2001:db8:0:1:2::", start));
  CHECK(limits.take(kept[5], "2001:db8:0:1:ffff::", start)->what == connection_limit::address);
  CHECK_FALSE(limits.take(kept[5], "2001:db8:0:2::1", start));
  CHECK(limits.open_from("2001:db8:0:1::9") == 2u);
  CHECK(limits.open_from("192.0.2.9") == 0u);
  // What is no address is one address.
  CHECK_FALSE(limits.take(kept[6], "", start));
  CHECK_FALSE(limits.take(kept[7], "unix:/tmp/x", start));
  connection_limits::place more;
  CHECK(limits.take(more, "somewhere", start)->what == connection_limit::address);
}

TEST_CASE("connection_limits: new ones in a second") {
  connection_limits limits(allowed(0, 0, 8));
  std::vector<connection_limits::place> kept(64);
  for (std::size_t i = 0; i < 16; ++i) {
    CHECK_FALSE(limits.take(kept[i], "10.0.0." + std::to_string(i), start));
  }
  const auto refused = limits.take(kept[16], "10.0.0.16", start);
  REQUIRE(refused);
  CHECK(refused->what == connection_limit::new_total);
  CHECK(refused->retry_after == 125ms);
  CHECK_FALSE(limits.take(kept[16], "10.0.0.16", start + 125ms));
  CHECK(limits.take(kept[17], "10.0.0.17", start + 125ms));
}

TEST_CASE("connection_limits: one address has a quarter of the new ones, the others the rest") {
  connection_limits limits(allowed(0, 0, 8));
  std::vector<connection_limits::place> kept(64);
  for (std::size_t i = 0; i < 4; ++i) CHECK_FALSE(limits.take(kept[i], "192.0.2.1", start));
  for (int i = 0; i < 100; ++i) {  // refused ones take nothing from the others
    CHECK(limits.take(kept[4], "192.0.2.1", start)->what == connection_limit::new_from_address);
  }
  for (std::size_t i = 4; i < 16; ++i) {
    CHECK_FALSE(limits.take(kept[i], "10.0.0." + std::to_string(i), start));
  }
  CHECK(limits.take(kept[16], "10.0.0.99", start)->what == connection_limit::new_total);
  CHECK_FALSE(limits.take(kept[16], "192.0.2.1", start + 500ms));
}

TEST_CASE("connection_limits: the smallest rate still lets everybody in, one a second") {
  connection_limits limits(allowed(0, 0, 1));
  connection_limits::place a, b, c;
  CHECK_FALSE(limits.take(a, "192.0.2.1", start));
  CHECK_FALSE(limits.take(b, "192.0.2.1", start));
  CHECK(limits.take(c, "192.0.2.1", start)->retry_after == 1s);
  CHECK_FALSE(limits.take(c, "192.0.2.1", start + 1s));
}

TEST_CASE("connection_limits: nothing grows with the addresses seen") {
  connection_limits limits(allowed(0, 3, 100));
  std::size_t most = 0;
  for (int i = 0; i < 50'000; ++i) {
    connection_limits::place gone;
    limits.take(gone, "2001:db8:" + std::to_string(i % 9999) + "::1", start + i * 1ms);
    most = std::max(most, limits.addresses());
  }
  CHECK(most <= 401u);  // two seconds of what the rate lets in
  connection_limits::place last;
  limits.take(last, "192.0.2.1", start + 1h);
  CHECK(limits.addresses() == 1u);
  last.give_back();
  CHECK(limits.total() == 0u);
  connection_limits::place one;
  limits.take(one, "192.0.2.2", start + 2h);
  CHECK(limits.addresses() == 1u);
}

TEST_CASE("connection_limits: an address that left cannot come back as a new one") {
  connection_limits limits(allowed(0, 0, 4));
  for (int i = 0; i < 2; ++i) {
    connection_limits::place gone;
    CHECK_FALSE(limits.take(gone, "192.0.2.1", start));
  }
  connection_limits::place more;
  CHECK(limits.take(more, "192.0.2.1", start)->what == connection_limit::new_from_address);
}

TEST_CASE("connection_limits: places are given back once, in any order, also by moves") {
  connection_limits limits(allowed(40, 7, 0));
  std::mt19937 draw(3);
  std::vector<std::pair<std::string, connection_limits::place>> kept;
  for (int i = 0; i < 20'000; ++i) {
    switch (draw() % 4) {
      case 0:
      case 1: {
        const std::string who = "10.0.0." + std::to_string(draw() % 9);
        connection_limits::place got;
        if (!limits.take(got, who, start)) kept.emplace_back(who, std::move(got));
        break;
      }
      case 2:
        if (!kept.empty()) kept.erase(kept.begin() + static_cast<long>(draw() % kept.size()));
        break;
      case 3:
        if (kept.size() > 1) std::swap(kept.front(), kept[draw() % kept.size()]);
        break;
    }
    std::map<std::string, std::size_t> open;
    for (const auto& each : kept) ++open[each.first];
    if (limits.total() != kept.size() || limits.addresses() != open.size()) FAIL("lost count");
    for (const auto& each : open) {
      if (limits.open_from(each.first) != each.second || each.second > 7) FAIL("lost an address");
    }
  }
  kept.clear();
  CHECK(limits.total() == 0u);
  CHECK(limits.addresses() == 0u);
}

TEST_CASE("connection_limits: a place knows whom it counts for") {
  connection_limits limits(allowed(0, 0, 0));
  connection_limits::place a, b, c;
  CHECK_FALSE(limits.take(a, "192.0.2.1", start));
  CHECK_FALSE(limits.take(b, "2001:db8:1:2:3::4", start));
  CHECK_FALSE(limits.take(c, "a name", start));
  CHECK(a.address().to_string() == "192.0.2.1");
  CHECK(b.address().to_string() == "2001:db8:1:2::");
  CHECK(c.address().to_string() == "::");
}
