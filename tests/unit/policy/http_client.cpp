// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/http_client.hpp>

#include <doctest/doctest.h>

#include <string_view>
#include <system_error>
#include <type_traits>

namespace http = agent_websocket::http;
using agent_websocket::has_http_cancel_v;
using agent_websocket::has_http_pause_v;
using agent_websocket::has_http_resume_v;
using agent_websocket::has_http_start_v;
using agent_websocket::http_call_id;
using agent_websocket::http_sink;
using agent_websocket::is_http_client_v;
using agent_websocket::require_http_client;

namespace {

/// The smallest HttpClient: does nothing.
struct smallest {
  http_call_id start(http::request, http_sink&) { return 1; }
  void cancel(http_call_id) {}
  void pause(http_call_id) {}
  void resume(http_call_id) {}
};

struct other_signatures {  // what a caller does not notice
  http_call_id start(const http::request&, http_sink&) { return 1; }
  bool cancel(http_call_id) noexcept { return true; }
  template <typename Id>
  void pause(Id) {}
  static void resume(const http_call_id&) {}
};

struct no_start : smallest {
  http_call_id start(http::request, http_sink&) = delete;
};
struct no_cancel : smallest {
  void cancel(http_call_id) = delete;
};
struct no_pause : smallest {
  void pause(http_call_id) = delete;
};
struct no_resume : smallest {
  void resume(http_call_id) = delete;
};
struct starts_without_id : smallest {
  void start(http::request, http_sink&) {}
};
struct starts_with_short_id : smallest {
  int start(http::request, http_sink&) { return 1; }
};
struct starts_without_sink : smallest {
  http_call_id start(http::request) { return 1; }
};
struct cancels_everything : smallest {
  void cancel() {}
};

struct recording_sink : http_sink {
  void on_head(http_call_id, int, const http::header_list&) override {}
  void on_body(http_call_id, std::string_view) override {}
  void on_complete(http_call_id, std::error_code, std::string_view) override {}
};

}  // namespace

TEST_CASE("http_client: models") {
  CHECK(is_http_client_v<smallest>);
  CHECK(is_http_client_v<other_signatures>);
  CHECK(require_http_client<smallest>());
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
  CHECK(agent_websocket::http_client_policy<smallest>);
  CHECK_FALSE(agent_websocket::http_client_policy<no_cancel>);
#endif
}

TEST_CASE("http_client: one expression missing, and only that one is reported") {
  CHECK_FALSE(is_http_client_v<no_start>);
  CHECK_FALSE(has_http_start_v<no_start>);
  CHECK((has_http_cancel_v<no_start> && has_http_pause_v<no_start> && has_http_resume_v<no_start>));

  CHECK_FALSE(is_http_client_v<no_cancel>);
  CHECK_FALSE(has_http_cancel_v<no_cancel>);
  CHECK(
      (has_http_start_v<no_cancel> && has_http_pause_v<no_cancel> && has_http_resume_v<no_cancel>));

  CHECK_FALSE(is_http_client_v<no_pause>);
  CHECK_FALSE(has_http_pause_v<no_pause>);
  CHECK((has_http_start_v<no_pause> && has_http_cancel_v<no_pause> && has_http_resume_v<no_pause>));

  CHECK_FALSE(is_http_client_v<no_resume>);
  CHECK_FALSE(has_http_resume_v<no_resume>);
  CHECK(
      (has_http_start_v<no_resume> && has_http_cancel_v<no_resume> && has_http_pause_v<no_resume>));
}

TEST_CASE("http_client: an expression with another meaning") {
  CHECK_FALSE(is_http_client_v<starts_without_id>);
  CHECK_FALSE(is_http_client_v<starts_with_short_id>);
  CHECK_FALSE(is_http_client_v<starts_without_sink>);
  CHECK_FALSE(is_http_client_v<cancels_everything>);
  CHECK_FALSE(is_http_client_v<int>);
  CHECK_FALSE(is_http_client_v<const smallest>);
}

TEST_CASE("http_client: a sink overrides three functions and is never deleted through its base") {
  recording_sink sink;
  http_sink& seen = sink;
  seen.on_body(1, "");
  CHECK_FALSE(std::is_destructible_v<http_sink>);
  CHECK(std::is_abstract_v<http_sink>);
}
