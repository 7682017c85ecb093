// SPDX-License-Identifier: MIT
//
// A session_core in the hands of a test: texts of a client go in, frames and actions come out. The
// test plays the application and the model by hand; time stands still until it is moved.
#pragma once

#include <agent_websocket/session/attaching.hpp>
#include <agent_websocket/wire/decode.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

struct core_fixture {
  explicit core_fixture(agent_websocket::session_settings settings = {})
      : core("f81d4fae-7dec-41d0-a765-00a0c91e6bf6", "e1",
             std::make_shared<const agent_websocket::session_settings>(std::move(settings)), at) {
    socket();
  }

  agent_websocket::moment at{
      agent_websocket::time_point(std::chrono::hours(24)),
      agent_websocket::wall_time(std::chrono::seconds(1'767'225'600))};  // 2026-01-01T00:00:00Z
  agent_websocket::session_core core;

  void pass(std::chrono::milliseconds time) {
    at.now += time;
    at.wall += time;
  }

  /// The socket that a test has when it does not say which.
  static constexpr agent_websocket::connection_id here = 1;

  /// The session begins, with a welcome.
  void open() {
    core.detached(here, at);
    core.opened(here, "token", at);
  }

  /// The client sends `text`; gives what it is sent thereupon.
  std::vector<frame> send(std::string_view text, agent_websocket::connection_id from = here) {
    agent_websocket::json::document scratch;
    socket(from);
    core.received(from, agent_websocket::wire::decode(text, scratch), at);
    if (keeps_at_once) collect();
    return sent(from);
  }
  /// What waits for the client, oldest first.
  std::vector<frame> sent(agent_websocket::connection_id to = here) {
    std::vector<frame> frames;
    std::string text;
    const auto answer = core.streamed();
    while (socket(to).take_next(core.output().log(), answer.run == 0 ? nullptr : &answer, true,
                                text, core.timestamp(at.wall))) {
      frames.emplace_back(text);
    }
    return frames;
  }
  /// Attached without a welcome when it is not known yet.
  agent_websocket::lanes& socket(agent_websocket::connection_id connection = here) {
    agent_websocket::lanes* const known = core.output().find(connection);
    return known != nullptr ? *known : core.output().attach(connection);
  }
  /// The client says hello with that `resume` (JSON object text), and has the right to.
  std::vector<frame> resume(std::string_view resume, agent_websocket::connection_id from,
                            std::string_view outbox = "[]") {
    agent_websocket::json::document scratch;
    const std::string hello = R"({"type":"command","op":"hello","session_id":")" + core.id() +
                              R"(","resume":)" + std::string(resume) + R"(,"outbox":)" +
                              std::string(outbox) + "}";
    auto message = agent_websocket::wire::decode(hello, scratch);
    core.resume(from, std::get<agent_websocket::wire::command>(message), "token " + hello, at);
    return sent(from);
  }

  /// Collects what the core wants done; `starts` and the like hold what came so far.
  void collect() {
    take_records();
    while (core.has_actions()) {
      for (agent_websocket::session_action& each : core.take_actions()) {
        std::visit([this](auto& what) { keep(std::move(what)); }, each);
      }
      take_records();
    }
  }

  /// From now on the core makes records; what it gives to its store is in `stored`. `at_once`: it
  /// keeps them all without being asked.
  void keep_records(bool at_once = false) {
    core.keep_records();
    keeps_at_once = at_once;
  }
  /// The store keeps all that it was given.
  void keep_all() {
    take_records();
    core.kept(core.book().made(), at);
    collect();
  }

  /// The application lets every query go to the model; gives the newest request.
  const agent_websocket::openrouter::chat_request& proceed() {
    collect();
    while (!consults.empty()) {
      const auto asked = consults.front();
      consults.erase(consults.begin());
      core.decided(asked.run, {}, at);
      collect();
    }
    REQUIRE_FALSE(starts.empty());
    return *starts.back().request;
  }
  agent_websocket::run_number run() const { return starts.back().run; }

  void text(std::string_view piece) { core.text(run(), piece, at); }
  void complete(std::string finish_reason = "stop") {
    agent_websocket::completion_result result;
    result.finish_reason = std::move(finish_reason);
    core.completed(run(), std::move(result), at);
    collect();
  }
  void fail(agent_websocket::errc code) {
    agent_websocket::completion_result result;
    result.failure = agent_websocket::error(code);
    core.completed(run(), std::move(result), at);
    collect();
  }

  /// Asks and lets the model answer in one go.
  void converse(std::string_view question, std::string_view answer, const std::string& id = {}) {
    send(R"({"content":)" + quoted(question) + (id.empty() ? "" : R"(,"id":")" + id + '"') + "}");
    proceed();
    text(answer);
    complete();
    sent();
  }

  std::vector<agent_websocket::action::consult> consults;
  std::vector<agent_websocket::action::start_completion> starts;
  std::vector<agent_websocket::run_number> cancels;
  std::vector<agent_websocket::wire::command> commands;
  std::vector<agent_websocket::feedback_entry> feedbacks;
  std::vector<agent_websocket::answer_record> answers;
  std::vector<agent_websocket::wire::command> hellos;
  std::vector<std::pair<int, std::string>> closes;
  std::vector<agent_websocket::action::run_tool> tools;
  std::vector<agent_websocket::action::end_tool> ended_tools;
  std::vector<agent_websocket::action::start_clock> clocks;
  std::vector<bool> holds;
  std::vector<std::string> stored;
  bool keeps_at_once = false;

 private:
  void take_records() {
    while (core.book().has_fresh()) {
      for (std::string& each : core.book().take_fresh()) stored.push_back(std::move(each));
      if (keeps_at_once) core.kept(core.book().made(), at);
    }
  }
  void keep(agent_websocket::action::consult what) { consults.push_back(std::move(what)); }
  void keep(agent_websocket::action::start_completion what) { starts.push_back(std::move(what)); }
  void keep(agent_websocket::action::cancel_completion what) { cancels.push_back(what.run); }
  void keep(agent_websocket::action::run_tool what) { tools.push_back(std::move(what)); }
  void keep(agent_websocket::action::end_tool what) { ended_tools.push_back(std::move(what)); }
  void keep(agent_websocket::action::start_clock what) { clocks.push_back(std::move(what)); }
  void keep(agent_websocket::action::hold_clock what) { holds.push_back(what.hold); }
  void keep(agent_websocket::action::run_command what) {
    commands.push_back(std::move(what.command));
  }
  void keep(agent_websocket::action::deliver_feedback what) {
    feedbacks.push_back(std::move(what.entry));
  }
  void keep(agent_websocket::action::deliver_answer what) {
    answers.push_back(std::move(what.record));
  }
  void keep(agent_websocket::action::ask_server what) { hellos.push_back(std::move(what.command)); }
  void keep(agent_websocket::action::close_socket what) {
    closes.emplace_back(what.code, std::move(what.reason));
  }
  void keep(agent_websocket::action::close_session what) {
    closes.emplace_back(what.code, std::move(what.reason));
  }
};

/// The texts of what a request says, role by role: "system:..|user:..|assistant:..".
inline std::string transcript(const agent_websocket::openrouter::chat_request& request) {
  std::string all;
  for (const auto& each : request.messages) {
    if (!all.empty()) all += '|';
    all.append(to_string(each.role())).append(":").append(each.text());
  }
  return all;
}
