// SPDX-License-Identifier: MIT
#include <agent_websocket/server/origin.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using agent_websocket::origin_rules;
using agent_websocket::web_origin;
namespace http = agent_websocket::http;

namespace {

origin_rules rules(const std::vector<std::string>& list) {
  auto parsed = origin_rules::parse(list);
  REQUIRE(parsed);
  return *parsed;
}
http::request from(const std::string& origin, const std::string& host = "chat.example.com") {
  http::request made;
  made.headers = {{"Host", host}, {"Origin", origin}};
  return made;
}

}  // namespace

TEST_CASE("origin: who sends none is no browser") {
  http::request plain;
  plain.headers = {{"Host", "chat.example.com"}};
  CHECK(rules({}).allow(plain, true));
  CHECK(rules({"https://a.example"}).allow(plain, false));
}

TEST_CASE("origin: the own host, whatever the scheme and the port") {
  const origin_rules none;
  CHECK(none.allow(from("https://chat.example.com"), true));
  CHECK(none.allow(from("http://chat.example.com"), true));
  CHECK(none.allow(from("https://CHAT.example.com"), true));
  CHECK(none.allow(from("https://chat.example.com:8443"), true));
  CHECK(none.allow(from("https://chat.example.com:8443", "chat.example.com:8443"), true));
  CHECK(none.allow(from("https://chat.example.com", "chat.example.com:54321"), true));
  CHECK(none.allow(from("http://192.0.2.7", "192.0.2.7:54321"), true));
  CHECK(none.allow(from("http://[2001:db8::1]:80", "[2001:db8::1]:54321"), true));
}

TEST_CASE("origin: other hosts are refused") {
  const origin_rules none;
  for (const char* each :
       {"https://example.com", "https://chat.example.com.evil.example", "https://evil.example",
        "https://a.chat.example.com", "https://chat.example.com@evil.example",
        "https://evil.example/chat.example.com", "https://evil.example?chat.example.com",
        "https://evil.example#chat.example.com", "https://chat.example.co", "null", "", "NULL",
        "chat.example.com", "//chat.example.com", "://chat.example.com", "https://",
        "https://:443", "https://chat.example.com:", "https://chat.example.com:0",
        "https://chat.example.com:99999", "https://chat.example.com:4x", "https://chat.example.com/",
        "https://chat.example.com https://chat.example.com", " https://chat.example.com",
        "https://chat.example.com,https://evil.example", "javascript://chat.example.com",
        "chrome-extension://chat.example.com", "https://chat.example.com\x7F",
        "https://chat.ex\xC3\xA4mple.com", "https://[chat.example.com]"}) {
    CAPTURE(each);
    CHECK_FALSE(none.allow(from(each), true));
  }
  CHECK_FALSE(none.allow(from("https://" + std::string(600, 'a')), true));
}

TEST_CASE("origin: two of them, or a Host that is none") {
  http::request two = from("https://chat.example.com");
  two.headers.add("origin", "https://chat.example.com");
  CHECK_FALSE(origin_rules().allow(two, true));
  CHECK(rules({"*"}).allow(two, true));
  http::request nameless;
  nameless.headers = {{"Origin", "https://chat.example.com"}};
  CHECK_FALSE(origin_rules().allow(nameless, true));
  CHECK(rules({"https://chat.example.com"}).allow(nameless, true));
  CHECK_FALSE(origin_rules().allow(from("https://a b", "a b"), true));
}

TEST_CASE("origin: on loopback any port is the own host, and no name of somebody else") {
  const origin_rules none;
  for (const bool own_names : {true, false}) {
    CHECK(none.allow(from("http://localhost:5173", "localhost:54321"), own_names));
    CHECK(none.allow(from("http://127.0.0.1:8000", "localhost:54321"), own_names));
    CHECK(none.allow(from("http://localhost", "[::1]:54321"), own_names));
    CHECK(none.allow(from("http://app.localhost", "127.0.0.1:54321"), own_names));
    CHECK_FALSE(none.allow(from("https://evil.example", "localhost:54321"), own_names));
    CHECK_FALSE(none.allow(from("https://evillocalhost", "localhost:54321"), own_names));
    CHECK_FALSE(none.allow(from("https://localhost.evil.example", "localhost:54321"), own_names));
  }
  // A site whose name leads to 127.0.0.1.
  CHECK_FALSE(none.allow(from("http://evil.example:54321", "evil.example:54321"), false));
  CHECK(none.allow(from("http://192.0.2.7:54321", "192.0.2.7:54321"), false));
  CHECK(rules({"http://evil.example:54321"})
            .allow(from("http://evil.example:54321", "evil.example:54321"), false));
}

TEST_CASE("origin: what the operator lists") {
  const auto listed = rules({"https://app.example.org", "http://dev.example.org:5173",
                             "https://*.example.net", "tauri://localhost"});
  CHECK(listed.allow(from("https://app.example.org"), true));
  CHECK(listed.allow(from("https://app.example.org:443"), true));
  CHECK(listed.allow(from("https://APP.example.org"), true));
  CHECK_FALSE(listed.allow(from("http://app.example.org"), true));
  CHECK_FALSE(listed.allow(from("https://app.example.org:8443"), true));
  CHECK(listed.allow(from("http://dev.example.org:5173"), true));
  CHECK_FALSE(listed.allow(from("http://dev.example.org"), true));
  CHECK(listed.allow(from("https://a.example.net"), true));
  CHECK(listed.allow(from("https://a.b.example.net"), true));
  CHECK_FALSE(listed.allow(from("https://example.net"), true));
  CHECK_FALSE(listed.allow(from("https://.example.net"), true));
  CHECK_FALSE(listed.allow(from("https://evilexample.net"), true));
  CHECK_FALSE(listed.allow(from("https://a.example.net:8443"), true));
  CHECK_FALSE(listed.allow(from("https://a.example.net.evil.example"), true));
  CHECK(listed.allow(from("tauri://localhost"), true));
  CHECK_FALSE(listed.allow(from("null"), true));
  CHECK(listed.allow(from("https://chat.example.com"), true));  // the own host still is
  CHECK(rules({"null"}).allow(from("null"), true));
  CHECK(rules({"*"}).allow(from("null"), true));
  CHECK(rules({"*"}).allow(from("whatever"), true));
}

TEST_CASE("origin: what cannot be listed is named") {
  for (const char* wrong : {"app.example.org", "https://*", "https://*.", "https://a.*.example",
                            "https://app.example.org/path", "*.example.org", "https://*.[::1]",
                            "https://user@app.example.org", ""}) {
    CAPTURE(wrong);
    const auto parsed = origin_rules::parse({"https://good.example", wrong});
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == agent_websocket::errc::bad_configuration);
    CHECK(parsed.error().message.find(std::string("\"") + wrong + "\"") != std::string::npos);
  }
}

TEST_CASE("origin: the refusal says what the operator can do, and repeats nothing") {
  const auto refusal = origin_rules::refusal();
  CHECK(refusal.status == 403);
  CHECK(refusal.body.find("ALLOWED_ORIGINS") != std::string::npos);
}
