// SPDX-License-Identifier: MIT
#include <agent_websocket/server/environment.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::errc;
using agent_websocket::log_level;
using agent_websocket::option_variables;
using agent_websocket::options;
using agent_websocket::result;
using namespace std::chrono_literals;

namespace {

using variables = std::map<std::string, std::string>;

result<options> read(const variables& environment) {
  return agent_websocket::read_options(
      [&environment](std::string_view name) -> std::optional<std::string> {
        const auto found = environment.find(std::string(name));
        return found == environment.end() ? std::nullopt : std::optional(found->second);
      });
}

options good(const std::string& name, const std::string& text) {
  CAPTURE(name);
  CAPTURE(text);
  const auto outcome = read({{name, text}});
  if (!outcome) FAIL(outcome.error().message);
  return *outcome;
}

bool mentions(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

/// A file of this test in the folder it runs in.
class written_file {
 public:
  explicit written_file(std::string_view text) { std::ofstream(name_, std::ios::binary) << text; }
  ~written_file() { std::remove(name_.c_str()); }
  written_file(const written_file&) = delete;
  written_file& operator=(const written_file&) = delete;
  const std::string& name() const noexcept { return name_; }

 private:
  std::string name_ = "agent_websocket_test_environment.env";
};

}  // namespace

TEST_CASE("environment: nothing set gives the defaults") {
  const auto outcome = read({});
  REQUIRE(outcome);
  const options expected;
  CHECK(outcome->base_url == expected.base_url);
  CHECK(outcome->session.model == "openai/gpt-4-turbo");
  CHECK(outcome->port == expected.port);
  CHECK(outcome->session_timeout == 30min);
  CHECK(outcome->session.max_history == 50u);
}

TEST_CASE("environment: each variable with a good value") {
  CHECK(good("OPENROUTER_API_KEY", "sk-or-v1-abc").api_key == "sk-or-v1-abc");
  CHECK(good("OPENROUTER_BASE_URL", "http://localhost:1/v1").base_url == "http://localhost:1/v1");
  CHECK(good("MODEL", "a/b").session.model == "a/b");
  CHECK(good("MODEL_FALLBACKS", "a/b, c/d ,,e/f").session.fallback_models ==
        std::vector<std::string>{"a/b", "c/d", "e/f"});
  CHECK(good("ALLOWED_MODELS", "a/b,c/d").session.allowed_models ==
        std::vector<std::string>{"a/b", "c/d"});
  CHECK(good("ALLOWED_MODELS", "none").session.allowed_models.empty());
  CHECK(good("ALLOWED_MODELS", "*").session.allows_model("any"));
  CHECK(good("CLIENT_SETTINGS", "model, system").session.client_settings ==
        std::vector<std::string>{"model", "system"});
  CHECK(good("CLIENT_SETTINGS", "none").session.client_settings.empty());
  CHECK(good("SYSTEM_PROMPT", "Be \"brief\".\nAlways.").session.system_prompt ==
        "Be \"brief\".\nAlways.");
  CHECK(good("AGENT_NAME", "my-bot_2.0~").session.agent_name == "my-bot_2.0~");
  CHECK(good("AGENT_NAME", "bot").socket_path() == "/functions/v1/bot");
  CHECK(good("TEMPERATURE", "0").session.temperature == 0.0);
  CHECK(good("TEMPERATURE", "2").session.temperature == 2.0);
  CHECK(good("TEMPERATURE", "1.25").session.temperature == 1.25);
  CHECK(good("MAX_TOKENS", "1").session.max_tokens == 1);
  CHECK(good("MAX_TOKENS", "10000000").session.max_tokens == 10'000'000);
  using limit_name = agent_websocket::openrouter::max_tokens_name;
  CHECK(good("MAX_TOKENS_FIELD", "max_tokens").max_tokens_field == limit_name::max_tokens);
  CHECK(good("MAX_TOKENS_FIELD", "max_completion_tokens").max_tokens_field ==
        limit_name::max_completion_tokens);
  CHECK(good("MAX_TOKENS_FIELD", "both").max_tokens_field == limit_name::both);
  CHECK(good("REASONING_EFFORT", "xhigh").session.reasoning_effort == "xhigh");
  CHECK(good("REASONING_EFFORT", "").session.reasoning_effort.empty());
  CHECK(good("MAX_HISTORY", "1").session.max_history == 1u);
  CHECK(good("MAX_HISTORY", "10000").session.max_history == 10'000u);
  CHECK(good("HOST", "0.0.0.0").host == "0.0.0.0");
  CHECK(good("PORT", "0").port == 0);
  CHECK(good("PORT", "65535").port == 65'535);
  CHECK_FALSE(good("REUSE_PORT", "off").reuse_port);
  CHECK(good("REUSE_PORT", "on").reuse_port);
  CHECK(good("BASE_PATH", "/").socket_path() == "/agent_websocket");
  CHECK(good("BASE_PATH", "/a/b").socket_path() == "/a/b/agent_websocket");
  CHECK(good("MAX_CONNECTIONS", "0").max_connections == 0u);
  CHECK(good("MAX_MESSAGE_BYTES", "128").session.max_message_bytes == 128u);
  CHECK(good("MAX_BAD_MESSAGES", "0").session.max_bad_messages == 0u);
  CHECK(good("MAX_BAD_MESSAGES", "3").session.max_bad_messages == 3u);
  CHECK(good("MAX_QUEUE", "0").session.max_queue == 0u);
  CHECK(good("MAX_OUTBOUND_BYTES", "131072").session.max_outbound_bytes == 131'072u);
  CHECK(good("MAX_DETACHED", "0").max_detached == 0u);
  CHECK(good("MAX_DETACHED", "10000000").max_detached == 10'000'000u);
  CHECK(good("MAX_UPSTREAM", "0").max_upstream == 0u);
  CHECK(good("MAX_UPSTREAM", "8").max_upstream == 8u);
  CHECK(good("MAX_RETRIES", "0").max_retries == 0);
  CHECK(good("HTTP_REFERER", "https://my.app").http_referer == "https://my.app");
  CHECK(good("APP_TITLE", "My App").app_title == "My App");
  CHECK(good("LOG_FORMAT", "json").log_format == "json");
  CHECK(good("LOG_LEVEL", "debug").level == log_level::debug);
  CHECK(good("LOG_LEVEL", "info").level == log_level::info);
  CHECK(good("LOG_LEVEL", "warning").level == log_level::warning);
  CHECK(good("LOG_LEVEL", "error").level == log_level::error);
  CHECK(good("LOG_LEVEL", "off").level == log_level::off);
}

TEST_CASE("environment: times take fractions, each in its own unit") {
  CHECK(good("SESSION_TIMEOUT", "30").session_timeout == 30min);
  CHECK(good("SESSION_TIMEOUT", "0.05").session_timeout == 3s);
  CHECK(good("SESSION_TIMEOUT", "1.5").session_timeout == 90s);
  CHECK(good("CLEANUP_INTERVAL", "0.25").cleanup_interval == 250ms);
  CHECK(good("HEARTBEAT_INTERVAL", "25").session.heartbeat_interval == 25s);
  CHECK(good("HEARTBEAT_INTERVAL", "0.1").session.heartbeat_interval == 100ms);
  CHECK(good("HEARTBEAT_TIMEOUT", "1.5").session.heartbeat_timeout == 1500ms);
  CHECK(good("CONNECT_TIMEOUT", "2.5").connect_timeout == 2500ms);
  CHECK(good("FIRST_TOKEN_TIMEOUT", "0.5").first_token_timeout == 500ms);
  CHECK(good("IDLE_TIMEOUT", "90").idle_timeout == 90s);
  CHECK(good("TOTAL_TIMEOUT", "0").total_timeout == 0ms);
  CHECK(good("TOTAL_TIMEOUT", "600").total_timeout == 10min);
  CHECK(good("DRAIN_TIMEOUT", "0").drain_timeout == 0ms);
  CHECK(good("DRAIN_TIMEOUT", "0.001").drain_timeout == 1ms);
  CHECK(good("RESUME_WINDOW", "0").session.resume_window == 0ms);
  CHECK(good("RESUME_WINDOW", "0.5").session.resume_window == 500ms);
  CHECK(good("RESUME_WINDOW", "604800").session.resume_window == 168h);
  CHECK(good("COALESCE_MS", "0").session.coalesce == 0ms);
  CHECK(good("COALESCE_MS", "7").session.coalesce == 7ms);
  CHECK(good("COALESCE_MS", "10000").session.coalesce == 10s);
  CHECK(good("SLOW_TIMEOUT", "0.05").session.slow_timeout == 50ms);
  CHECK(good("SLOW_TIMEOUT", "30").session.slow_timeout == 30s);
  CHECK(good("RESTART_TIME", "0").restart_time == 0ms);
  CHECK(good("RESTART_TIME", "2.5").restart_time == 2500ms);
}

TEST_CASE("environment: an answer's grace may be none, some time, or without end") {
  CHECK(good("RUN_GRACE", "0").run_grace == 0ms);
  CHECK(good("RUN_GRACE", "0.25").run_grace == 250ms);
  CHECK(good("RUN_GRACE", "120").run_grace == 2min);
  CHECK(good("RUN_GRACE", "-1").run_grace < 0ms);
  CHECK(good("RUN_GRACE", "").run_grace == 2min);
  for (const std::string text : {"-2", "-0.5", "-1.0", "- 1", "-", "never"}) {
    CAPTURE(text);
    const auto outcome = read({{"RUN_GRACE", text}});
    REQUIRE_FALSE(outcome);
    CHECK(mentions(outcome.error().message, "RUN_GRACE"));
    CHECK(mentions(outcome.error().message, "or -1"));
  }
}

TEST_CASE(
    "environment: each bad value is one line that names the variable, the value and what is "
    "allowed") {
  struct row {
    std::string name;
    std::string value;
    std::string allowed;  // a piece of the words
  };
  const std::vector<row> rows{
      {"OPENROUTER_BASE_URL", "openrouter.ai", "http"},
      {"OPENROUTER_BASE_URL", "ftp://h/", "http"},
      {"MODEL", std::string(201, 'm'), "200"},
      {"CLIENT_SETTINGS", "model,key", "temperature"},
      {"AGENT_NAME", "a b", "letters"},
      {"AGENT_NAME", "a/b", "letters"},
      {"AGENT_NAME", "a?b", "letters"},
      {"AGENT_NAME", "\xC3\xA4", "letters"},
      {"TEMPERATURE", "hot", "0 to 2"},
      {"TEMPERATURE", "2.1", "0 to 2"},
      {"TEMPERATURE", "-1", "0 to 2"},
      {"TEMPERATURE", "0,7", "0 to 2"},
      {"TEMPERATURE", "1e0", "0 to 2"},
      {"TEMPERATURE", "nan", "0 to 2"},
      {"TEMPERATURE", "1.2.3", "0 to 2"},
      {"TEMPERATURE", ".", "0 to 2"},
      {"MAX_TOKENS", "0", "1 to 10000000"},
      {"MAX_TOKENS", "10000001", "1 to 10000000"},
      {"MAX_TOKENS", "-5", "1 to"},
      {"MAX_TOKENS", "many", "1 to"},
      {"MAX_TOKENS", "1500.5", "whole"},
      {"MAX_TOKENS", "99999999999999999999", "1 to"},
      {"MAX_TOKENS", " 5", "whole"},
      {"MAX_TOKENS", "5 ", "whole"},
      {"MAX_TOKENS", "+5", "whole"},
      {"MAX_TOKENS", "0x10", "whole"},
      {"MAX_TOKENS_FIELD", "tokens", "max_tokens, max_completion_tokens or both"},
      {"MAX_TOKENS_FIELD", "Both", "both"},
      {"REASONING_EFFORT", "very high", "low"},
      {"REASONING_EFFORT", "HIGH", "low"},
      {"MAX_HISTORY", "0", "1 to 10000"},
      {"MAX_HISTORY", "10001", "1 to 10000"},
      {"MAX_HISTORY", "-1", "1 to 10000"},
      {"SESSION_TIMEOUT", "0", "minutes"},
      {"SESSION_TIMEOUT", "-1", "minutes"},
      {"SESSION_TIMEOUT", "30m", "minutes"},
      {"SESSION_TIMEOUT", "100000", "minutes"},
      {"CLEANUP_INTERVAL", "0", "seconds"},
      {"CLEANUP_INTERVAL", "1 s", "seconds"},
      {"PORT", "65536", "0 to 65535"},
      {"PORT", "-1", "0 to 65535"},
      {"REUSE_PORT", "yes", "on or off"},
      {"PORT", "http", "0 to 65535"},
      {"BASE_PATH", "functions", "slash"},
      {"BASE_PATH", "/a b", "slash"},
      {"BASE_PATH", "/a?b", "slash"},
      {"BASE_PATH", "/a#b", "slash"},
      {"BASE_PATH", "/a%20b", "slash"},
      {"MAX_CONNECTIONS", "-1", "whole"},
      {"MAX_MESSAGE_BYTES", "127", "128"},
      {"MAX_MESSAGE_BYTES", "1G", "whole"},
      {"MAX_BAD_MESSAGES", "-1", "0 to 1000000"},
      {"MAX_QUEUE", "-1", "whole"},
      {"MAX_QUEUE", "10001", "10000"},
      {"MAX_OUTBOUND_BYTES", "131071", "131072"},
      {"HEARTBEAT_INTERVAL", "0", "seconds"},
      {"HEARTBEAT_TIMEOUT", "0", "seconds"},
      {"CONNECT_TIMEOUT", "0", "seconds"},
      {"FIRST_TOKEN_TIMEOUT", "soon", "seconds"},
      {"IDLE_TIMEOUT", "-2", "seconds"},
      {"TOTAL_TIMEOUT", "9999999", "seconds"},
      {"RESUME_WINDOW", "-1", "0 to 604800"},
      {"RESUME_WINDOW", "604801", "0 to 604800"},
      {"RESUME_WINDOW", "5m", "seconds"},
      {"RUN_GRACE", "-2", "0 to 604800, or -1"},
      {"RUN_GRACE", "604801", "seconds"},
      {"MAX_DETACHED", "-1", "0 to 10000000"},
      {"MAX_DETACHED", "10000001", "0 to 10000000"},
      {"MAX_UPSTREAM", "-1", "0 to 10000000"},
      {"MAX_UPSTREAM", "all", "whole"},
      {"COALESCE_MS", "-1", "milliseconds"},
      {"COALESCE_MS", "10001", "0 to 10000"},
      {"COALESCE_MS", "20ms", "milliseconds"},
      {"SLOW_TIMEOUT", "0", "seconds"},
      {"SLOW_TIMEOUT", "-1", "seconds"},
      {"RESTART_TIME", "-1", "0 to 3600"},
      {"RESTART_TIME", "3601", "0 to 3600"},
      {"MAX_RETRIES", "21", "0 to 20"},
      {"MAX_RETRIES", "-1", "0 to 20"},
      {"DRAIN_TIMEOUT", "3601", "3600"},
      {"LOG_LEVEL", "INFO", "debug, info, warning, error or off"},
      {"LOG_LEVEL", "verbose", "debug"},
      {"LOG_FORMAT", "xml", "text or json"},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    CAPTURE(each.value);
    const auto outcome = read({{each.name, each.value}});
    REQUIRE_FALSE(outcome);
    const std::string& words = outcome.error().message;
    CHECK(outcome.error().code == errc::bad_configuration);
    CHECK(words.substr(0, each.name.size()) == each.name);
    CHECK(mentions(words, each.value.substr(0, 100)));
    CHECK(mentions(words, each.allowed));
    CHECK(words.find('\n') == std::string::npos);
    CHECK(words.size() < 400u);
  }
}

TEST_CASE("environment: the key's value is in no message") {
  for (const std::string key : {"sk-or-v1-topsecret with blank", "sk-or-v1-topsecret\n",
                                "sk-or-v1-topsecret\xC3\xA9", "\tsk-or-v1-topsecret"}) {
    const auto outcome = read({{"OPENROUTER_API_KEY", key}});
    REQUIRE_FALSE(outcome);
    CHECK(mentions(outcome.error().message, "OPENROUTER_API_KEY"));
    CHECK_FALSE(mentions(outcome.error().message, "topsecret"));
    CHECK_FALSE(mentions(outcome.error().detail, "topsecret"));
  }
  const auto other = read({{"OPENROUTER_API_KEY", "sk-or-v1-topsecret"}, {"PORT", "x"}});
  REQUIRE_FALSE(other);
  CHECK_FALSE(mentions(other.error().message, "topsecret"));
}

TEST_CASE("environment: a password in a URL is in no message") {
  const auto outcome = read({{"OPENROUTER_BASE_URL", "https://me:topsecret@host/v1"}});
  REQUIRE_FALSE(outcome);
  CHECK(mentions(outcome.error().message, "OPENROUTER_BASE_URL"));
  CHECK_FALSE(mentions(outcome.error().message, "topsecret"));
}

TEST_CASE("environment: an empty variable counts as unset, for each of them") {
  for (const auto& variable : option_variables()) {
    CAPTURE(std::string(variable.name));
    CHECK(read({{std::string(variable.name), ""}}));
  }
  CHECK(good("MODEL", "").session.model == "openai/gpt-4-turbo");
  CHECK(good("PORT", "").port == 54'321);
}

TEST_CASE("environment: the defaults of the table are the defaults of the options") {
  std::set<std::string> names;
  for (const auto& variable : option_variables()) {
    CAPTURE(std::string(variable.name));
    CHECK(names.insert(std::string(variable.name)).second);
    CHECK_FALSE(variable.meaning.empty());
    if (variable.default_text.empty()) continue;
    const options plain;
    options set;
    set.session.model = "changed";
    set.session.temperature = 9;
    set.session.max_tokens = 9;
    set.max_tokens_field = agent_websocket::openrouter::max_tokens_name::both;
    set.session.max_tool_rounds = 9;
    set.session.tool_timeout = set.session.approval_timeout = 9h;
    set.session.client_tools = !set.session.client_tools;
    set.reuse_port = !set.reuse_port;
    set.session.max_history = 9;
    set.session.max_queue = 9;
    set.session.max_message_bytes = 9;
    set.session.max_outbound_bytes = 9;
    set.session.system_prompt = "changed";
    set.session.agent_name = "changed";
    set.session.allowed_models.clear();
    set.session.client_settings.clear();
    set.session.heartbeat_interval = set.session.heartbeat_timeout = 9h;
    set.session_timeout = set.cleanup_interval = set.connect_timeout = set.first_token_timeout = 9h;
    set.idle_timeout = set.total_timeout = set.drain_timeout = set.restart_time = 9h;
    set.session.resume_window = set.session.coalesce = set.session.slow_timeout = 9h;
    set.run_grace = set.session.tool_timeout = set.session.approval_timeout = 9h;
    set.session.max_tool_rounds = 9;
    set.session.client_tools = false;
    set.max_detached = set.max_upstream = 9;
    set.session.max_bad_messages = 9;
    set.max_retries = 9;
    set.max_connections = 9;
    set.port = 9;
    set.host = set.base_path = set.base_url = set.log_format = "changed";
    set.level = log_level::off;
    set.access.jwt_leeway = std::chrono::seconds(9);
    set.access.auth_timeout = set.access.auth_grace = 9h;
    set.access.allow_anonymous = true;
    set.access.metrics = agent_websocket::metrics_access::off;
    set.access.max_connections_per_address = 9;
    set.access.max_connections_per_user = 9;
    set.access.new_connections_per_second = 9;
    set.access.messages_per_minute = 9;
    set.access.message_burst = 9;
    set.access.user_messages_per_minute = 9;
    set.access.user_message_burst = 9;
    set.access.max_sessions_per_user = 9;
    set.access.daily_tokens_per_user = 9;
    set.access.daily_cost_per_user = 9;
    set.session.max_content_bytes = set.session.max_history_bytes = 9;
    set.store = "changed";
    set.store_keep = set.session.store_patience = 9h;
    CHECK_FALSE(variable.apply(set, variable.default_text).has_value());
    // Whatever the variable sets is back at its default; only one thing can be.
    const int same =
        (set.session.model == plain.session.model) +
        (set.session.temperature == plain.session.temperature) +
        (set.session.max_tokens == plain.session.max_tokens) +
        (set.max_tokens_field == plain.max_tokens_field) +
        (set.session.max_history == plain.session.max_history) +
        (set.session.max_queue == plain.session.max_queue) +
        (set.session.max_message_bytes == plain.session.max_message_bytes) +
        (set.session.max_outbound_bytes == plain.session.max_outbound_bytes) +
        (set.session.system_prompt == plain.session.system_prompt) +
        (set.session.agent_name == plain.session.agent_name) +
        (set.session.allowed_models == plain.session.allowed_models) +
        (set.session.client_settings == plain.session.client_settings) +
        (set.session.heartbeat_interval == plain.session.heartbeat_interval) +
        (set.session.heartbeat_timeout == plain.session.heartbeat_timeout) +
        (set.session_timeout == plain.session_timeout) +
        (set.cleanup_interval == plain.cleanup_interval) +
        (set.connect_timeout == plain.connect_timeout) +
        (set.first_token_timeout == plain.first_token_timeout) +
        (set.idle_timeout == plain.idle_timeout) + (set.total_timeout == plain.total_timeout) +
        (set.drain_timeout == plain.drain_timeout) + (set.restart_time == plain.restart_time) +
        (set.session.resume_window == plain.session.resume_window) +
        (set.session.coalesce == plain.session.coalesce) +
        (set.session.slow_timeout == plain.session.slow_timeout) +
        (set.session.tool_timeout == plain.session.tool_timeout) +
        (set.session.approval_timeout == plain.session.approval_timeout) +
        (set.session.max_tool_rounds == plain.session.max_tool_rounds) +
        (set.session.client_tools == plain.session.client_tools) +
        (set.session.max_bad_messages == plain.session.max_bad_messages) +
        (set.run_grace == plain.run_grace) + (set.max_detached == plain.max_detached) +
        (set.max_upstream == plain.max_upstream) + (set.max_retries == plain.max_retries) +
        (set.max_connections == plain.max_connections) + (set.port == plain.port) +
        (set.reuse_port == plain.reuse_port) + (set.host == plain.host) + (set.base_path == plain.base_path) +
        (set.base_url == plain.base_url) + (set.log_format == plain.log_format) +
        (set.level == plain.level) + (set.access.jwt_leeway == plain.access.jwt_leeway) +
        (set.access.auth_timeout == plain.access.auth_timeout) +
        (set.access.auth_grace == plain.access.auth_grace) +
        (set.access.allow_anonymous == plain.access.allow_anonymous) +
        (set.access.metrics == plain.access.metrics) +
        (set.access.max_connections_per_address == plain.access.max_connections_per_address) +
        (set.access.max_connections_per_user == plain.access.max_connections_per_user) +
        (set.access.new_connections_per_second == plain.access.new_connections_per_second) +
        (set.access.messages_per_minute == plain.access.messages_per_minute) +
        (set.access.message_burst == plain.access.message_burst) +
        (set.access.user_messages_per_minute == plain.access.user_messages_per_minute) +
        (set.access.user_message_burst == plain.access.user_message_burst) +
        (set.access.max_sessions_per_user == plain.access.max_sessions_per_user) +
        (set.access.daily_tokens_per_user == plain.access.daily_tokens_per_user) +
        (set.access.daily_cost_per_user == plain.access.daily_cost_per_user) +
        (set.session.max_content_bytes == plain.session.max_content_bytes) +
        (set.session.max_history_bytes == plain.session.max_history_bytes) +
        (set.store == plain.store) + (set.store_keep == plain.store_keep) +
        (set.session.store_patience == plain.session.store_patience);
    CHECK(same == 1);
  }
  CHECK(names.size() > 25u);
  for (const char* each : {"RESUME_WINDOW", "RUN_GRACE", "MAX_DETACHED", "MAX_UPSTREAM",
                           "COALESCE_MS", "SLOW_TIMEOUT", "RESTART_TIME", "MAX_BAD_MESSAGES"}) {
    CAPTURE(each);
    CHECK(names.count(each) == 1u);
  }
}

TEST_CASE("environment: a file gives what the environment does not") {
  const written_file file(
      "# settings\nexport MODEL='file/model'\nPORT=1234\nSESSION_TIMEOUT=0.5 # minutes\n");
  setenv("MODEL", "env/model", 1);
  setenv("PORT", "", 1);
  unsetenv("SESSION_TIMEOUT");
  const auto outcome = options::from_environment(file.name());
  unsetenv("MODEL");
  unsetenv("PORT");
  REQUIRE(outcome);
  CHECK(outcome->session.model == "env/model");
  CHECK(outcome->port == 1234);
  CHECK(outcome->session_timeout == 30s);
}

TEST_CASE("environment: an empty file says nothing") {
  const written_file file("");
  CHECK(options::from_environment(file.name()));
}

TEST_CASE("environment: a long file is read to its end") {
  std::string text = "PORT=81\n";
  while (text.size() < 10'000) text += "# as examples have them\n";
  const written_file file(text + "HOST=10.0.0.9\n");
  const auto read = options::from_environment(file.name());
  REQUIRE(read);
  CHECK(read->port == 81);
  CHECK(read->host == "10.0.0.9");
}

TEST_CASE("environment: a wrong or missing file is told by its name") {
  const written_file broken("MODEL=a\nnonsense\n");
  const auto outcome = options::from_environment(broken.name());
  REQUIRE_FALSE(outcome);
  CHECK(mentions(outcome.error().message, broken.name()));
  CHECK(mentions(outcome.error().message, "line 2"));
  const auto missing = options::from_environment("no_such_file.env");
  REQUIRE_FALSE(missing);
  CHECK(mentions(missing.error().message, "no_such_file.env"));
  const auto folder = options::from_environment(".");
  CHECK_FALSE(folder);
}
