// SPDX-License-Identifier: MIT
#include <agent_websocket/http/forwarded.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using agent_websocket::http::client_address;
using agent_websocket::http::header_list;
using agent_websocket::http::parse_forwarded_entry;
using agent_websocket::http::trusted_proxies;

namespace {

trusted_proxies trust(const std::vector<std::string>& names) {
  auto parsed = trusted_proxies::parse(names);
  REQUIRE(parsed);
  return *parsed;
}
header_list said(const std::string& value) { return {{"X-Forwarded-For", value}}; }

}  // namespace

TEST_CASE("forwarded: nobody is trusted by default") {
  CHECK(client_address("127.0.0.1", said("192.0.2.7"), {}) == "127.0.0.1");
  CHECK(trusted_proxies().empty());
}

TEST_CASE("forwarded: only a trusted peer is believed") {
  const auto proxies = trust({"10.0.0.1"});
  CHECK(client_address("10.0.0.1", said("192.0.2.7"), proxies) == "192.0.2.7");
  CHECK(client_address("10.0.0.2", said("192.0.2.7"), proxies) == "10.0.0.2");
  CHECK(client_address("::ffff:10.0.0.1", said("192.0.2.7"), proxies) == "192.0.2.7");
  CHECK(client_address("not an address", said("192.0.2.7"), proxies) == "not an address");
  CHECK(client_address("", said("192.0.2.7"), proxies).empty());
  CHECK(client_address("10.0.0.1", {}, proxies) == "10.0.0.1");
  CHECK(client_address("10.0.0.1", {{"Forwarded", "for=192.0.2.7"}}, proxies) == "10.0.0.1");
}

TEST_CASE("forwarded: from the right, past those who are trusted") {
  const auto proxies = trust({"10.0.0.0/8"});
  // The client claims to be somebody else; its proxy has added what it saw.
  CHECK(client_address("10.0.0.1", said("203.0.113.9, 192.0.2.7"), proxies) == "192.0.2.7");
  CHECK(client_address("10.0.0.1", said("203.0.113.9, 192.0.2.7, 10.0.0.3"), proxies) ==
        "192.0.2.7");
  CHECK(client_address("10.0.0.1", said("garbage<>\x01, 192.0.2.7 , 10.0.0.3,10.0.0.4"), proxies) ==
        "192.0.2.7");
  CHECK(client_address("10.0.0.1", said("10.0.0.9, 10.0.0.8"), proxies) == "10.0.0.9");
}

TEST_CASE("forwarded: several fields are one list") {
  const auto proxies = trust({"10.0.0.0/8"});
  CHECK(client_address("10.0.0.1",
                       {{"X-Forwarded-For", "203.0.113.9"},
                        {"Host", "h"},
                        {"x-forwarded-for", "192.0.2.7, 10.0.0.5"}},
                       proxies) == "192.0.2.7");
  CHECK(client_address("10.0.0.1",
                       {{"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-For", "10.0.0.5"}},
                       proxies) == "192.0.2.7");
}

TEST_CASE("forwarded: an entry that is no address means the peer") {
  const auto proxies = trust({"10.0.0.0/8"});
  for (const char* value :
       {"unknown", "192.0.2.7, _hidden", "192.0.2.7, 10.0.0.2, x", "192.0.2.7;10.0.0.1",
        "192.0.2.7 10.0.0.1", "<script>", "192.0.2.7:", "192.0.2.7:port", "192.0.2.7:1234567",
        "[192.0.2.7]", "[2001:db8::1", "[2001:db8::1]x", "2001:db8::1]", "[]", "1.2.3.4\r\nX: y"}) {
    CAPTURE(value);
    CHECK(client_address("10.0.0.1", said(value), proxies) == "10.0.0.1");
  }
  for (const char* value : {"", ",", " , ,"}) {
    CHECK(client_address("10.0.0.1", said(value), proxies) == "10.0.0.1");
  }
  CHECK(client_address("10.0.0.1", said(", 192.0.2.7,, "), proxies) == "192.0.2.7");
}

TEST_CASE("forwarded: ports, brackets and IPv6") {
  const auto proxies = trust({"::1"});
  CHECK(client_address("::1", said("192.0.2.7:51000"), proxies) == "192.0.2.7");
  CHECK(client_address("::1", said("2001:DB8::1"), proxies) == "2001:db8::1");
  CHECK(client_address("::1", said("[2001:db8::1]"), proxies) == "2001:db8::1");
  CHECK(client_address("::1", said("[2001:db8::1]:443"), proxies) == "2001:db8::1");
  CHECK(client_address("::1", said("::ffff:192.0.2.7"), proxies) == "192.0.2.7");
  CHECK(parse_forwarded_entry(" 192.0.2.7:1\t")->to_string() == "192.0.2.7");
}

TEST_CASE("forwarded: a long list costs no more than its length") {
  const auto proxies = trust({"private"});
  std::string all = "192.0.2.7";
  for (int i = 0; i < 5'000; ++i) all += ", 10.0.0.1";
  CHECK(client_address("10.0.0.1", said(all), proxies) == "192.0.2.7");
}

TEST_CASE("trusted_proxies: words and what is none") {
  const auto local = trust({"loopback"});
  CHECK(local.trusts("127.0.0.9"));
  CHECK(local.trusts("::1"));
  CHECK_FALSE(local.trusts("10.0.0.1"));
  const auto inside = trust({"private", "203.0.113.0/24"});
  for (const char* each : {"10.1.1.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1",
                           "fd00::1", "fe80::1", "127.0.0.1", "203.0.113.200"}) {
    CAPTURE(each);
    CHECK(inside.trusts(each));
  }
  CHECK_FALSE(inside.trusts("172.32.0.1"));
  CHECK_FALSE(inside.trusts("8.8.8.8"));
  CHECK_FALSE(inside.trusts("2001:db8::1"));
  CHECK(trust({}).empty());
  for (const char* wrong : {"1", "proxy.example", "10.0.0.0/40", "", "*"}) {
    const auto parsed = trusted_proxies::parse({"10.0.0.1", wrong});
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == agent_websocket::errc::bad_configuration);
    CHECK(parsed.error().message.find(wrong) != std::string::npos);
  }
}
