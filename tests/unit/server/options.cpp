// SPDX-License-Identifier: MIT
#include <agent_websocket/server/options.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using agent_websocket::errc;
using agent_websocket::log_level;
using agent_websocket::options;
using namespace std::chrono_literals;

namespace {

/// "good", or the words of the error.
std::string verdict(const std::string& base_url, const std::string& key = "") {
  options chosen;
  chosen.base_url = base_url;
  chosen.api_key = key;
  const auto checked = chosen.check();
  if (checked) return "good";
  CHECK(checked.error().code == errc::bad_configuration);
  if (!key.empty()) CHECK(checked.error().message.find(key) == std::string::npos);
  return checked.error().message;
}

bool mentions(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("options: the defaults") {
  const options chosen;
  CHECK(chosen.base_url == "https://openrouter.ai/api/v1");
  CHECK(chosen.host == "localhost");
  CHECK(chosen.port == 54'321);
  CHECK(chosen.socket_path() == "/functions/v1/agent_websocket");
  CHECK(chosen.session_timeout == 30min);
  CHECK(chosen.cleanup_interval == 60s);
  CHECK(chosen.connect_timeout == 10s);
  CHECK(chosen.first_token_timeout == 300s);
  CHECK(chosen.idle_timeout == 120s);
  CHECK(chosen.total_timeout == 0s);
  CHECK(chosen.max_retries == 2);
  CHECK(chosen.drain_timeout == 10s);
  CHECK(chosen.restart_time == 5s);
  CHECK(chosen.run_grace == 2min);
  CHECK(chosen.session.resume_window == 5min);
  CHECK(chosen.session.coalesce == 20ms);
  CHECK(chosen.session.slow_timeout == 30s);
  CHECK(chosen.max_detached == 10'000u);
  CHECK(chosen.max_upstream == 256u);
  CHECK(chosen.max_connections == 10'000u);
  CHECK(chosen.level == log_level::info);
}

TEST_CASE("options: the socket's path ends with the agent's name") {
  options chosen;
  chosen.base_path = "/";
  chosen.session.agent_name = "bot";
  CHECK(chosen.socket_path() == "/bot");
  chosen.base_path = "/a/b/";
  CHECK(chosen.socket_path() == "/a/b/bot");
}

TEST_CASE("options: OpenRouter needs a key") {
  const std::string words = verdict("https://openrouter.ai/api/v1");
  CHECK(mentions(words, "OPENROUTER_API_KEY"));
  CHECK(mentions(words, "OPENROUTER_BASE_URL"));
  CHECK(mentions(verdict("https://OpenRouter.AI/api/v1"), "OPENROUTER_API_KEY"));
  CHECK(verdict("https://openrouter.ai/api/v1", "sk-or-v1-abc") == "good");
  CHECK(verdict("http://localhost:11434/v1") == "good");
  CHECK(verdict("https://my.server/v1") == "good");
  CHECK(verdict("http://my.server/v1") == "good");
}

TEST_CASE("options: a wrong base URL is told by the variable's name") {
  for (const std::string url : {"", "openrouter.ai", "ftp://h/", "http://", "http://h:99999/",
                                "http://user:pass@h/", "http://h/?q=1"}) {
    CAPTURE(url);
    CHECK(mentions(verdict(url), "OPENROUTER_BASE_URL"));
  }
}

TEST_CASE("options: the key never goes to OpenRouter in the clear") {
  for (const std::string url : {"http://openrouter.ai/api/v1", "HTTP://OpenRouter.AI:80/api/v1"}) {
    CAPTURE(url);
    const std::string words = verdict(url, "sk-or-v1-abc");
    CHECK(mentions(words, "https://"));
    CHECK(mentions(words, "OPENROUTER_BASE_URL"));
  }
  CHECK(verdict("http://localhost:8080/v1", "sk-or-v1-abc") == "good");
  CHECK(verdict("http://proxy.example.com/v1", "sk-or-v1-abc") == "good");
}

TEST_CASE("options: one file of TLS without the other is noticed") {
  options chosen;
  chosen.base_url = "http://127.0.0.1/v1";
  chosen.access.tls_key_file = "key.pem";
  const auto checked = chosen.check();
  REQUIRE_FALSE(checked);
  CHECK(checked.error().code == errc::bad_configuration);
  CHECK(mentions(checked.error().message, "TLS_CERT_FILE"));
}
