// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/settings.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>

using agent_websocket::errc;
using agent_websocket::http::iequals;
using agent_websocket::http::request;
using agent_websocket::openrouter::check;
using agent_websocket::openrouter::client_settings;
using agent_websocket::openrouter::make_http_request;
using agent_websocket::openrouter::openrouter_headers;

namespace {

std::string header(const request& made, const char* name) {
  return std::string(made.headers.find(name).value_or("(none)"));
}

client_settings named() {
  client_settings settings;
  settings.api_key = "sk-1";
  settings.referer = "https://app.example";
  settings.title = "App";
  return settings;
}

}  // namespace

TEST_CASE("settings: T66 the headers of a request") {
  const request made = make_http_request(named(), true);
  CHECK(made.method == "POST");
  CHECK(made.target == "https://openrouter.ai/api/v1/chat/completions");
  CHECK(made.body.empty());
  CHECK(made.connect_timeout == std::chrono::seconds(10));
  CHECK(header(made, "Authorization") == "Bearer sk-1");
  CHECK(header(made, "Content-Type") == "application/json");
  CHECK(header(made, "Accept") == "text/event-stream");
  CHECK(header(made, "HTTP-Referer") == "https://app.example");
  CHECK(header(made, "X-OpenRouter-Title") == "App");
  CHECK(made.headers.size() == 5);
  CHECK(header(make_http_request(named(), false), "Accept") == "application/json");
}

TEST_CASE("settings: T66 no value begins a second header") {
  client_settings settings = named();
  settings.title = "A\r\nX-Evil: 1\xC3\xA4\x00";
  settings.referer = "\r\n";
  settings.api_key = "sk\n-1";
  settings.headers.add("X-Own", "a\r\nb");
  settings.headers.add("X Evil:", "1");
  settings.headers.add("", "1");
  settings.headers.add("accept", "text/html");
  const request made = make_http_request(settings, true);
  CHECK(header(made, "X-OpenRouter-Title") == "AX-Evil: 1");
  CHECK(header(made, "HTTP-Referer") == "(none)");
  CHECK(header(made, "Authorization") == "Bearer sk-1");
  CHECK(header(made, "X-Own") == "ab");
  CHECK(header(made, "Accept") == "text/html");
  for (const auto& field : made.headers) {
    CHECK(!iequals(field.first, "X-Evil"));
    CHECK((field.first + field.second).find_first_of("\r\n") == std::string::npos);
  }
  CHECK(std::count_if(made.headers.begin(), made.headers.end(),
                      [](const auto& field) { return iequals(field.first, "Accept"); }) == 1);
}

TEST_CASE("settings: T67 base URLs and the empty key") {
  const auto target = [](const char* base) {
    client_settings settings;
    settings.base_url = base;
    return make_http_request(settings, true).target;
  };
  CHECK(target("http://h/v1") == "http://h/v1/chat/completions");
  CHECK(target("http://h/v1/") == "http://h/v1/chat/completions");
  CHECK(target("http://h/api/v1") == "http://h/api/v1/chat/completions");
  CHECK(target("http://h:8080") == "http://h:8080/chat/completions");
  CHECK(!make_http_request(client_settings(), true).headers.contains("Authorization"));
}

TEST_CASE("settings: OpenRouter's own headers go to OpenRouter") {
  const auto sends = [](const char* base, openrouter_headers when) {
    client_settings settings = named();
    settings.base_url = base;
    settings.attribution = when;
    return make_http_request(settings, true).headers.contains("X-OpenRouter-Title");
  };
  CHECK(sends("https://eu.OpenRouter.ai/api/v1", openrouter_headers::automatic));
  CHECK(!sends("https://notopenrouter.ai/v1", openrouter_headers::automatic));
  CHECK(!sends("https://openrouter.ai.evil.example/v1", openrouter_headers::automatic));
  CHECK(!sends("http://localhost/v1", openrouter_headers::automatic));
  CHECK(sends("http://localhost/v1", openrouter_headers::always));
  CHECK(!sends("https://openrouter.ai/api/v1", openrouter_headers::never));
}

TEST_CASE("settings: what check() refuses") {
  CHECK(check(named()));
  const auto words = [](auto change) {
    client_settings settings = named();
    change(settings);
    const auto outcome = check(settings);
    if (outcome) return std::string();
    CHECK(outcome.error().code == errc::bad_configuration);
    CHECK(outcome.error().message.find("sk-1") == std::string::npos);
    return outcome.error().message;
  };
  CHECK(words([](client_settings& s) { s.base_url = "ftp://x"; }) ==
        "base URL: a URL begins with http:// or https://");
  CHECK(words([](client_settings& s) { s.base_url = ""; }).substr(0, 9) == "base URL:");
  CHECK(words([](client_settings& s) { s.headers.add("A B", ""); }) ==
        "a header's name is not a token");
  CHECK(words([](client_settings& s) { s.idle_timeout = std::chrono::milliseconds(-1); }) ==
        "a timeout is negative");
  CHECK(words([](client_settings& s) { s.retry.max_attempts = 0; }) ==
        "at least one attempt is needed");
}
