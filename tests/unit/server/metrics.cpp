// SPDX-License-Identifier: MIT
#include <agent_websocket/server/metrics.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace aw = agent_websocket;
namespace wire = agent_websocket::wire;
using aw::connection_refusal;
using aw::server_counts;
using aw::server_state;

namespace {

std::string written(const server_counts& counts, const server_state& now = {}) {
  std::string text;
  aw::metrics_text out(text);
  aw::write_metrics(out, counts, now);
  return text;
}

bool has_line(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("metrics: names follow Prometheus' practice, each family once") {
  std::istringstream lines(written({}));
  std::set<std::string> families;
  std::string family, type;
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    std::istringstream words(line);
    std::string first, second;
    words >> first >> second;
    if (second == "HELP") {
      words >> family;
      CHECK(families.insert(family).second);
      CHECK(family.find("agent_websocket_") == 0u);
    } else if (second == "TYPE") {
      std::string name;
      words >> name >> type;
      CHECK(name == family);
      const bool is_total = family.size() > 6 && family.substr(family.size() - 6) == "_total";
      CHECK(is_total == (type == "counter"));
    } else {
      CHECK(first.find(family) == 0u);
      CHECK(line.find(" -") == std::string::npos);
    }
  }
  CHECK(families.size() > 25u);
}

TEST_CASE("metrics: as many series at the end as at the beginning") {
  const auto series = [](const server_counts& counts) {
    std::istringstream lines(written(counts));
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) count += line[0] == '#' ? 0 : 1;
    return count;
  };
  server_counts busy;
  for (int code = 0; code < 6000; ++code) {
    busy.close(static_cast<std::uint16_t>(code));
    busy.answer(code);
  }
  for (int i = 0; i <= static_cast<int>(connection_refusal::unavailable); ++i)
    busy.refuse(static_cast<connection_refusal>(i));
  for (const auto& row : aw::detail::errc_table) {
    if (row.code <= aw::errc::internal) busy.sessions.errors.add(row.code);
  }
  CHECK(series(busy) == series({}));
  CHECK(series(busy) < 200u);
}

TEST_CASE("metrics: sockets and messages") {
  server_counts counts;
  counts.opened = 3;
  counts.refuse(connection_refusal::unauthorized);
  counts.refuse(connection_refusal::unavailable);
  counts.message(wire::command{}, 20);
  counts.message(wire::rejection{}, 7);
  counts.frame(100);
  counts.answer(204);
  counts.answer(999);  // an application may say anything
  const std::string text = written(counts);
  CHECK(has_line(text, "agent_websocket_sockets_opened_total 3"));
  CHECK(has_line(text, "agent_websocket_sockets_refused_total{reason=\"unauthorized\"} 1"));
  CHECK(has_line(text, "agent_websocket_sockets_refused_total{reason=\"unavailable\"} 1"));
  CHECK(has_line(text, "agent_websocket_sockets_refused_total{reason=\"origin\"} 0"));
  CHECK(has_line(text, "agent_websocket_messages_received_total{type=\"query\"} 0"));
  CHECK(has_line(text, "agent_websocket_messages_received_total{type=\"command\"} 1"));
  CHECK(has_line(text, "agent_websocket_messages_received_total{type=\"invalid\"} 2"));
  CHECK(has_line(text, "agent_websocket_received_bytes_total 127"));
  CHECK(has_line(text, "agent_websocket_http_requests_total{status=\"2xx\"} 1"));
}

TEST_CASE("metrics: close codes by what they tell the client") {
  const auto class_of = [](std::uint16_t code) {
    return server_counts::close_names[server_counts::close_class(code)];
  };
  CHECK(class_of(1000) == "normal");
  CHECK(class_of(1001) == "normal");
  CHECK(class_of(1005) == "normal");
  CHECK(class_of(1006) == "abnormal");
  CHECK(class_of(1002) == "protocol");
  CHECK(class_of(1009) == "protocol");
  CHECK(class_of(1011) == "restart");
  CHECK(class_of(1012) == "restart");
  CHECK(class_of(1013) == "restart");
  CHECK(class_of(3000) == "normal");
  CHECK(class_of(4002) == "resume");
  CHECK(class_of(4100) == "new_session");
  CHECK(class_of(4400) == "stop");
  CHECK(class_of(4499) == "stop");
  CHECK(class_of(4500) == "normal");
}

TEST_CASE("metrics: why a socket is refused follows from the error") {
  CHECK(aw::refusal_by(aw::errc::unauthorized) == connection_refusal::unauthorized);
  CHECK(aw::refusal_by(aw::errc::token_expired) == connection_refusal::unauthorized);
  CHECK(aw::refusal_by(aw::errc::forbidden) == connection_refusal::forbidden);
  CHECK(aw::refusal_by(aw::errc::internal) == connection_refusal::unavailable);
  CHECK(aw::refusal_by(aw::errc::draining) == connection_refusal::draining);
  CHECK(aw::refusal_by(aw::errc::too_many_connections) == connection_refusal::limit);
}

TEST_CASE("metrics: what the sessions have done") {
  server_counts counts;
  wire::failure_notice notice;
  notice.code = aw::errc::rate_limited;
  counts.sessions.made(notice);
  notice.code = aw::errc::timeout_total;
  notice.seq = 1;
  counts.sessions.made(notice);
  aw::usage_totals used;
  used.prompt_tokens = 12;
  used.completion_tokens = 98;
  used.cost = 0.5;
  counts.sessions.answered_after(std::chrono::seconds(3), used);
  const std::string text = written(counts);
  CHECK(has_line(text, "agent_websocket_errors_sent_total{code=\"rate_limited\"} 1"));
  CHECK(has_line(text, "agent_websocket_answers_total{status=\"failed\"} 1"));
  CHECK(has_line(text, "agent_websocket_answers_failed_total{code=\"timeout_total\"} 1"));
  CHECK(has_line(text, "agent_websocket_answer_duration_seconds_bucket{le=\"2.5\"} 0"));
  CHECK(has_line(text, "agent_websocket_answer_duration_seconds_bucket{le=\"5\"} 1"));
  CHECK(has_line(text, "agent_websocket_answer_duration_seconds_sum 3"));
  CHECK(has_line(text, "agent_websocket_tokens_total{kind=\"completion\"} 98"));
  CHECK(has_line(text, "agent_websocket_cost_dollars_total 0.5"));
}

TEST_CASE("metrics: codes that are not of the wire appear when they have happened") {
  server_counts counts;
  CHECK(written(counts).find("bad_configuration") == std::string::npos);
  counts.sessions.errors.add(aw::errc::bad_configuration);
  CHECK(has_line(written(counts), "agent_websocket_errors_sent_total{code=\"bad_configuration\"} 1"));
}

TEST_CASE("metrics: what the server is like now") {
  server_state now;
  now.sockets = 5;
  now.attached_sessions = 4;
  now.detached_sessions = 7;
  now.slots_taken = 2;
  now.slots_waiting = 1;
  now.slots_limit = 256;
  now.upstream_requests = 9;
  now.upstream_retries = 3;
  now.started = aw::wall_time(std::chrono::milliseconds(1764253731250));
  now.draining = true;
  const std::string text = written({}, now);
  CHECK(has_line(text, "agent_websocket_sockets 5"));
  CHECK(has_line(text, "agent_websocket_sessions{state=\"attached\"} 4"));
  CHECK(has_line(text, "agent_websocket_sessions{state=\"detached\"} 7"));
  CHECK(has_line(text, "agent_websocket_upstream_slots_taken 2"));
  CHECK(has_line(text, "agent_websocket_upstream_slots_waiting 1"));
  CHECK(has_line(text, "agent_websocket_upstream_slots_limit 256"));
  CHECK(has_line(text, "agent_websocket_upstream_requests_total 9"));
  CHECK(has_line(text, "agent_websocket_upstream_retries_total 3"));
  CHECK(has_line(text, "agent_websocket_start_time_seconds 1764253731.25"));
  CHECK(has_line(text, "agent_websocket_draining 1"));
  CHECK(text.find("agent_websocket_build_info{version=\"" AGENT_WEBSOCKET_VERSION_STRING "\"} 1\n") !=
        std::string::npos);
}

TEST_CASE("metrics: of the store, whether it answers and what came from it") {
  server_counts counts;
  CHECK(has_line(written(counts), "agent_websocket_store_up 1"));
  CHECK(has_line(written(counts), "agent_websocket_sessions_restored_total 0"));
  counts.sessions_restored = 3;
  server_state now;
  now.store_up = false;
  CHECK(has_line(written(counts, now), "agent_websocket_store_up 0"));
  CHECK(has_line(written(counts, now), "agent_websocket_sessions_restored_total 3"));
}
