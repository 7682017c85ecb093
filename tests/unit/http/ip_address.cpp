// SPDX-License-Identifier: MIT
#include <agent_websocket/http/ip_address.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>

using agent_websocket::http::ip_address;
using agent_websocket::http::ip_network;

namespace {

std::string again(const std::string& text) {
  const auto parsed = ip_address::parse(text);
  return parsed ? parsed->to_string() : "none";
}
bool holds(const char* network, const char* address) {
  const auto parsed = ip_network::parse(network);
  REQUIRE(parsed);
  const auto who = ip_address::parse(address);
  REQUIRE(who);
  return parsed->contains(*who);
}

}  // namespace

TEST_CASE("ip_address: text there and back, as RFC 5952 spells it") {
  for (const auto& each : {std::pair<std::string, std::string>{"192.0.2.7", "192.0.2.7"},
                                       {"0.0.0.0", "0.0.0.0"},
                                       {"255.255.255.255", "255.255.255.255"},
                                       {"::ffff:192.0.2.7", "192.0.2.7"},
                                       {"::FFFF:c000:207", "192.0.2.7"},
                                       {"::", "::"},
                                       {"::1", "::1"},
                                       {"1::", "1::"},
                                       {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
                                       {"2001:db8::0001", "2001:db8::1"},
                                       {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
                                       {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                                       {"2001:0:0:1:1:0:0:1", "2001::1:1:0:0:1"},
                                       {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
                                       {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
                                       {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
                                       {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
                                       {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
                                       {"fe80::1%eth0", "fe80::1"}}) {
    CAPTURE(each.first);
    CHECK(again(each.first) == each.second);
    CHECK(again(each.second) == each.second);
  }
}

TEST_CASE("ip_address: what is none") {
  for (const char* text :
       {"", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1", "01.2.3.4",
        "1.2.3.04", "1.2.3.4 ", " 1.2.3.4", "1.2.3.a", "-1.2.3.4", "+1.2.3.4", "0x7f.0.0.1",
        "1.2.3.4:80", "localhost", ":", ":::", "1:", ":1", "::1::", "1::2::3", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "[::1]",
        "::1%", "::-1", "::+1", "::1.2.3", "::1.2.3.4.5", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4",
        "::256.1.1.1", "::ffff:1.2.3.4 ", "1.2.3.4::", "::1/64"}) {
    CAPTURE(text);
    CHECK(again(text) == "none");
  }
  CHECK(again(std::string("::1\0", 4)) == "none");
}

TEST_CASE("ip_address: bytes of any kind never break it, and good ones come back") {
  std::mt19937 draw(1);
  const std::string alphabet = "0123456789abcdef:.%/[ g";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (std::size_t n = draw() % 24; n-- > 0;) text += alphabet[draw() % alphabet.size()];
    const auto parsed = ip_address::parse(text);
    if (!parsed) continue;
    CHECK(ip_address::parse(parsed->to_string()) == parsed);
  }
  for (int i = 0; i < 2'000; ++i) {
    ip_address::bytes_type bytes{};
    for (auto& each : bytes) each = draw() % 3 == 0 ? static_cast<std::uint8_t>(draw()) : 0;
    const ip_address made(bytes);
    CHECK(ip_address::parse(made.to_string()) == made);
  }
}

TEST_CASE("ip_address: kinds") {
  CHECK(ip_address::parse("127.3.4.5")->is_loopback());
  CHECK(ip_address::parse("::ffff:127.0.0.1")->is_loopback());
  CHECK(ip_address::parse("::1")->is_loopback());
  CHECK_FALSE(ip_address::parse("128.0.0.1")->is_loopback());
  CHECK_FALSE(ip_address::parse("::2")->is_loopback());
  CHECK(ip_address::parse("1.2.3.4")->is_v4());
  CHECK_FALSE(ip_address::parse("::1.2.3.4")->is_v4());
  CHECK_FALSE(ip_address().is_v4());
  CHECK(ip_address() != *ip_address::parse("::1"));
  const std::hash<ip_address> hash;
  CHECK(hash(*ip_address::parse("1.2.3.4")) == hash(*ip_address::parse("::ffff:1.2.3.4")));
}

TEST_CASE("ip_address: whom a limit counts") {
  CHECK(ip_address::parse("255.255.255.255")->to_string() == "255.255.255.255");
  CHECK(ip_address::parse("0.0.0.0")->to_string() == "0.0.0.0");
  CHECK(ip_address::parse("192.0.2.7")->subscriber().to_string() == "192.0.2.7");
  CHECK(ip_address::parse("2001:db8:1:2:3:4:5:6")->subscriber().to_string() == "2001:db8:1:2::");
  CHECK(ip_address::parse("2001:db8:1:2::1")->subscriber() ==
        ip_address::parse("2001:db8:1:2:ffff::")->subscriber());
  CHECK(ip_address::parse("2001:db8:1:3::1")->subscriber() !=
        ip_address::parse("2001:db8:1:2::1")->subscriber());
}

TEST_CASE("ip_network: what is inside") {
  CHECK(holds("10.0.0.0/8", "10.255.0.1"));
  CHECK_FALSE(holds("10.0.0.0/8", "11.0.0.1"));
  CHECK(holds("10.1.2.3/8", "10.255.0.1"));  // bits behind the prefix do not count
  CHECK(holds("192.0.2.128/25", "192.0.2.200"));
  CHECK_FALSE(holds("192.0.2.128/25", "192.0.2.100"));
  CHECK(holds("192.0.2.7", "192.0.2.7"));
  CHECK(holds("192.0.2.7", "::ffff:192.0.2.7"));
  CHECK(holds("192.0.2.7/32", "192.0.2.7"));
  CHECK_FALSE(holds("192.0.2.7", "192.0.2.8"));
  CHECK(holds("0.0.0.0/0", "1.2.3.4"));
  CHECK_FALSE(holds("0.0.0.0/0", "::1"));
  CHECK(holds("::/0", "1.2.3.4"));
  CHECK(holds("2001:db8::/32", "2001:db8:ffff::1"));
  CHECK_FALSE(holds("2001:db8::/33", "2001:db8:ffff::1"));
  CHECK(holds("fc00::/7", "fd12::1"));
  CHECK(holds("::1/128", "::1"));
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8",
                           "::/129", "::/ 8", "10.0.0.0/+8", "ten/8"}) {
    CAPTURE(text);
    CHECK_FALSE(ip_network::parse(text));
  }
}

TEST_CASE("ip_address: of four bytes") {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "10.20.30.4", "255.255.255.255"}) {
    const auto parsed = agent_websocket::http::ip_address::parse(text);
    REQUIRE(parsed);
    const auto& all = parsed->bytes();
    const auto made = agent_websocket::http::ip_address::v4({{all[12], all[13], all[14], all[15]}});
    CHECK(made == *parsed);
    CHECK(made.to_string() == text);
  }
}
