// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/address_counts.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <utility>
#include <vector>

using agent_websocket::adapters::address_counts;
using agent_websocket::http::trusted_proxies;

TEST_CASE("address_counts: each address has its places, and gets them back") {
  address_counts counts(2);
  std::vector<address_counts::place> held;
  held.push_back(counts.take("192.0.2.1"));
  CHECK(counts.has_place("192.0.2.1"));
  held.push_back(counts.take("192.0.2.1"));
  CHECK_FALSE(counts.has_place("192.0.2.1"));
  CHECK(counts.has_place("192.0.2.2"));
  held.pop_back();
  CHECK(counts.has_place("192.0.2.1"));
  held.clear();
  CHECK(counts.size() == 0u);
}

TEST_CASE("address_counts: a moved place counts once") {
  address_counts counts(1);
  {
    address_counts::place first = counts.take("192.0.2.1");
    const address_counts::place second = std::move(first);
    CHECK_FALSE(counts.has_place("192.0.2.1"));
  }
  CHECK(counts.has_place("192.0.2.1"));
}

TEST_CASE("address_counts: an IPv6 network of one subscriber is one address") {
  address_counts counts(1);
  const auto held = counts.take("2001:db8:0:1::1");
  CHECK_FALSE(counts.has_place("2001:db8:0:1::2"));
  CHECK(counts.has_place("2001:db8:0:2::1"));
}

TEST_CASE("address_counts: proxies, and everybody without a limit, are not counted") {
  const auto proxies = trusted_proxies::parse({"10.0.0.0/8"});
  REQUIRE(proxies.has_value());
  address_counts counts(1, *proxies);
  const auto first = counts.take("10.1.2.3"), second = counts.take("10.1.2.3");
  CHECK(counts.has_place("10.1.2.3"));
  CHECK(counts.size() == 0u);
  address_counts open;
  const auto third = open.take("192.0.2.1");
  CHECK(open.has_place("192.0.2.1"));
  CHECK(open.size() == 0u);
}

TEST_CASE("address_counts: a place may outlive the counts") {
  auto counts = std::make_unique<address_counts>(1);
  const auto held = counts->take("192.0.2.1");
  counts.reset();
  CHECK(counts == nullptr);
}
