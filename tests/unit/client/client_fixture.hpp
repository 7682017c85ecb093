// SPDX-License-Identifier: MIT
//
// A client_core in the hands of a test, which plays the server, the clock and the application. What
// the core wants done is collected: frames in `sent`, all else as one word each in a log.
#pragma once

#include <agent_websocket/client/core.hpp>
#include <agent_websocket/client/reception.hpp>
#include <agent_websocket/client/sending.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

struct client_fixture {
  explicit client_fixture(agent_websocket::client_options options = {})
      : core(with_fixed_dice(std::move(options))) {}

  static agent_websocket::client_options with_fixed_dice(agent_websocket::client_options options) {
    options.random = agent_websocket::random_source([] { return std::uint64_t{1} << 63; });
    return options;
  }

  agent_websocket::time_point now{std::chrono::hours(24)};
  agent_websocket::client_core core;
  std::vector<frame> sent;
  std::vector<agent_websocket::client_answer> answers;
  std::vector<agent_websocket::client_notice> notices;
  std::vector<agent_websocket::client_request> requests;
  std::vector<agent_websocket::client_tool_progress> tools;
  std::vector<agent_websocket::client_tool_call> calls;
  std::uint64_t attempt = 0;  ///< of the latest question for a token

  // ---- the application

  void start() { core.start(now); }
  std::string ask(const std::string& id, const std::string& content = "Hello") {
    agent_websocket::wire::query asked;
    asked.id = id;
    asked.content = content;
    const auto outcome = core.query(asked);
    return outcome ? *outcome : std::string(to_string(outcome.error().code));
  }

  // ---- the server

  void say(const std::string& text) { core.received(text, now); }
  void open() { core.opened(now); }
  void welcome(const std::string& session, const std::string& more, int seq = 0,
               const std::string& epoch = "e1") {
    say(R"({"type":"notification","op":"welcome","session_id":")" + session + R"(","epoch":")" +
        epoch + R"(","resume_token":"t)" + std::to_string(++tokens_) + R"(","seq":)" +
        std::to_string(seq) + R"(,"heartbeat_ms":25000,"timeout_ms":8000,)" + more + "}");
  }
  void live(int seq = 0) {
    say(R"({"type":"status","op":"live","seq":)" + std::to_string(seq) + "}");
  }
  /// From nothing to live in session s1, with nothing left to look at.
  void become_live() {
    start();
    open();
    welcome("s1", R"("reason":"new")");
    welcome("s1", R"("reason":"new")");
    live();
    forget();
  }
  /// From a connection that was lost to one that stands and has said hello.
  void come_back() {
    pass(std::chrono::seconds(20));
    open();
    welcome("throw-away", R"("reason":"new")");
  }
  void accept(const std::string& id, const std::string& stream = "r_1") {
    say(R"({"type":"status","op":"ack","ref":")" + id + R"(","stream":")" + stream + R"("})");
  }
  void notify(int seq, const std::string& content = "n") {
    say(R"({"type":"notification","seq":)" + std::to_string(seq) + R"(,"content":")" + content +
        R"("})");
  }
  void lose(std::uint16_t code = 1006) { core.closed(code, "", now); }

  void pass(std::chrono::milliseconds time) {
    now += time;
    core.tick(now);
  }

  // ---- what was done

  /// Since the last call: "open", "send:hello", "state:live", "answer:q1=completed", ...
  std::string log() {
    for (const auto& each : core.take_actions())
      std::visit([this](const auto& what) { note(what); }, each);
    return std::exchange(log_, {});
  }
  void forget() {
    log();
    sent.clear();
    answers.clear();
    notices.clear();
    requests.clear();
    tools.clear();
    calls.clear();
  }
  agent_websocket::client_state state() const { return core.connection().state(); }
  std::string text_of(const std::string& id) const {
    const auto* const found = core.transcript().find(id);
    return found == nullptr ? "(unknown)" : found->text();
  }

 private:
  void add(const std::string& word) { log_ += (log_.empty() ? "" : " ") + word; }

  void note(const agent_websocket::client_action::ask_token& what) {
    attempt = what.attempt;
    add("token?");
  }
  void note(const agent_websocket::client_action::open&) { add("open"); }
  void note(const agent_websocket::client_action::send& what) {
    sent.emplace_back(what.json);
    const frame& f = sent.back();
    add("send:" + (f.op().empty() ? f.type() + "=" + f.text("id") : f.op()));
  }
  void note(const agent_websocket::client_action::close& what) {
    add("close:" + std::to_string(what.code));
  }
  void note(const agent_websocket::client_action::tell_state& what) {
    add("state:" + std::string(to_string(what.state)));
  }
  void note(const agent_websocket::client_action::tell_disconnected& what) {
    add("lost:" + std::to_string(what.code));
  }
  void note(const agent_websocket::client_action::tell_stopped& what) {
    add("stopped:" + std::to_string(what.code));
  }
  void note(const agent_websocket::client_action::tell_welcome& what) {
    notices.push_back(what.notice);
    add("welcome");
  }
  void note(const agent_websocket::client_action::tell_reset&) { add("reset"); }
  void note(const agent_websocket::client_action::tell_text& what) {
    const bool grows = what.change == agent_websocket::text_change::appended;
    add("text:" + what.id + (grows ? "+" : "=") + what.text);
  }
  void note(const agent_websocket::client_action::tell_reasoning& what) {
    const bool grows = what.change == agent_websocket::text_change::appended;
    add("reasoning:" + what.id + (grows ? "+" : "=") + what.text);
  }
  void note(const agent_websocket::client_action::tell_answer& what) {
    answers.push_back(what.answer);
    add((what.answer.own ? "answer:" : "other:") + what.answer.id + "=" +
        std::string(to_string(*what.answer.status)) +
        (what.answer.failure ? "," + what.answer.failure->code : ""));
  }
  void note(const agent_websocket::client_action::tell_notification& what) {
    notices.push_back(what.notice);
    add("notification:" + what.notice.content);
  }
  void note(const agent_websocket::client_action::tell_feedback_request& what) {
    requests.push_back(what.request);
    add("request:" + what.request.id + (what.request.is_open ? "" : "(decided)"));
  }
  void note(const agent_websocket::client_action::tell_feedback_resolved& what) {
    add("resolved:" + what.resolution.id + "=" + what.resolution.decision +
        (what.resolution.reason.empty() ? "" : "," + what.resolution.reason));
  }
  void note(const agent_websocket::client_action::tell_tool& what) {
    tools.push_back(what.progress);
    add("tool:" + what.progress.call + "=" + what.progress.state);
  }
  void note(const agent_websocket::client_action::tell_tool_call& what) {
    calls.push_back(what.call);
    add("call:" + what.call.id);
  }
  void note(const agent_websocket::client_action::tell_status& what) {
    notices.push_back(what.notice);
    add("status:" + what.notice.op);
  }
  void note(const agent_websocket::client_action::tell_error& what) {
    notices.push_back(what.notice);
    add("error:" + what.notice.code);
  }

  std::string log_;
  int tokens_ = 0;
};
