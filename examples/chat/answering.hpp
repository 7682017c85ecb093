// SPDX-License-Identifier: MIT
//
// Questions on their way and what is shown of the answers to them: what is asked when, what the
// server says of each, and the one end that every question has. That none is lost with a
// connection, and that no text has holes, is the library's duty.
#pragma once

#include "display.hpp"
#include "exchange.hpp"
#include "words.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chat {

class answering {
 public:
  answering(agent_websocket::client& agent, display& shown, message_ids& ids)
      : agent_(agent), display_(shown), ids_(ids) {}

  const exchange_list& exchanges() const noexcept { return exchanges_; }
  bool empty() const noexcept { return exchanges_.empty(); }
  /// The name of the last answer of this session; empty before the first.
  const std::string& last_answer() const noexcept { return last_answer_; }

  // ---- the person

  /// Takes a question; it waits until it can be sent. False: there is no room, the person was told.
  bool ask(std::string_view text, time_point now) {
    exchange asked;
    asked.id = ids_.make();
    asked.text = std::string(text);
    if (!exchanges_.add(std::move(asked))) {
      return display_.refuse("Too much is waiting already. Wait until it is answered.");
    }
    send_waiting(now);
    return true;
  }

  bool regenerate(time_point now) {
    if (!exchanges_.empty()) return display_.refuse("An answer is still running.");
    agent_websocket::wire::command wanted;
    wanted.op = "regenerate";
    wanted.id = ids_.make();
    const auto taken = agent_.command(wanted);
    if (!taken) return display_.refuse(taken.error().message);
    exchange again;
    again.id = *taken;
    again.regenerate = true;
    again.announced = true;
    again.since = now;
    again.phase = exchange_phase::sent;
    display_.show_question("(the last question again)");
    exchanges_.add(std::move(again));
    return true;
  }

  /// Stops what is answered now or next. False when there is nothing, or when it was asked for
  /// before.
  bool stop(time_point now) {
    exchange* running = exchanges_.current();
    if (running == nullptr || running->cancelling) return false;
    running->cancelling = true;
    const std::string id = running->id;
    if (agent_.cancel(id)) return true;
    to_cancel_.push_back(id);  // as soon as there is a connection
    if (exchange* const still = exchanges_.find(id)) end(*still, tone::notice, "Stopped.", now);
    return true;
  }

  /// Forgets what the server does not have. False when there is nothing.
  bool drop_unsent() {
    bool found = false;
    while (exchange* unsent =
               exchanges_.first([](const exchange& x) { return !x.is_underway(); })) {
      exchanges_.remove(*unsent);
      found = true;
    }
    return found;
  }

  // ---- the connection

  void became_live(time_point now) {
    for (const std::string& id : std::exchange(to_cancel_, {})) agent_.cancel(id);
    send_waiting(now);
  }

  /// Sends what waits, never more than the server is willing to queue. What is sent the library
  /// keeps until it is answered.
  void send_waiting(time_point now) {
    if (agent_.state() != agent_websocket::client_state::live) return;
    const std::size_t told = agent_.connection().max_queued();
    const std::size_t room = told == 0 ? 16 : told;
    while (exchanges_.underway() < room) {
      exchange* const next = exchanges_.first([](const exchange& x) { return !x.is_underway(); });
      if (next == nullptr) return;
      if (exchanges_.underway() == 0) announce(*next, now);
      agent_websocket::wire::query asked;
      asked.id = next->id;
      asked.content = next->text;
      asked.stream = true;
      next->phase = exchange_phase::sent;
      const auto taken = agent_.query(std::move(asked));
      if (!taken) end(*next, tone::failure, taken.error().message, now);
    }
  }

  void session_lost() { last_answer_.clear(); }

  // ---- what the server says; false: it is about nothing of ours

  bool take_status(const agent_websocket::client_notice& notice, time_point now) {
    exchange* x = exchanges_.find(notice.ref);
    if (x == nullptr) return false;
    if (notice.op != "ack" && notice.op != "queued") {
      run(*x, notice.content, now);
      return true;
    }
    json::document message;
    if (message.parse(notice.json))
      x->position = message.root()["position"].integer().value_or(x->position);
    return true;
  }

  bool take_text(const std::string& id, agent_websocket::text_change change, std::string_view text,
                 time_point now) {
    exchange* x = exchanges_.find(id);
    if (x == nullptr) return false;
    run(*x, "Answering", now);
    if (change == agent_websocket::text_change::rewritten) {
      display_.end_answer();
      display_.show(tone::notice, "The answer begins anew:");
    }
    display_.show_answer(text);
    return true;
  }

  bool take_reasoning(const std::string& id, std::string_view text, time_point now) {
    exchange* x = exchanges_.find(id);
    if (x == nullptr) return false;
    run(*x, "Reasoning", now);
    if (shows_reasoning_) display_.show_reasoning(text);
    return true;
  }

  bool take_tool(const agent_websocket::client_tool_progress& tool, time_point now) {
    exchange* x = exchanges_.find(tool.ref);
    if (x == nullptr) return false;
    const bool waits = tool.state == "waiting";
    run(*x, waits ? "Waiting for a decision about " + tool.name : tool.content, now);
    if (!waits) display_.show(tone::step, words::tool(tool));  // the request says it all
    return true;
  }

  void show_reasoning(bool on) { shows_reasoning_ = on; }
  /// Of the last answer; empty when it had none.
  const std::string& last_reasoning() const noexcept { return last_reasoning_; }

  bool take_answer(const agent_websocket::client_answer& answer, time_point now) {
    exchange* x = exchanges_.find(answer.id);
    if (x == nullptr) return false;
    if (!answer.text().empty()) last_answer_ = answer.stream.empty() ? answer.id : answer.stream;
    last_reasoning_ = answer.reasoning.text();
    if (answer.failure) {
      end(*x, tone::failure, words::failure(*answer.failure), now);
    } else {
      const std::string missing = words::shortcoming(answer);
      std::string facts = words::usage(answer, now - x->since);
      if (!last_reasoning_.empty() && !shows_reasoning_)
        facts += ", /reasoning shows what it thought";
      end(*x, tone::facts, missing.empty() ? facts : missing + " " + facts, now);
    }
    return true;
  }

 private:
  void announce(exchange& x, time_point now) {
    if (x.since == time_point()) x.since = now;
    if (!std::exchange(x.announced, true)) display_.show_question(x.text);
  }

  void run(exchange& x, std::string_view activity, time_point now) {
    announce(x, now);
    x.phase = exchange_phase::running;
    x.activity = std::string(activity);
  }

  /// The one end. That of a question which waits is told amid the answer to another.
  void end(exchange& x, tone kind, std::string_view why, time_point now) {
    const exchange* current = exchanges_.current();
    if (x.announced || current == nullptr || current == &x || !current->announced) {
      announce(x, now);
      display_.end_answer();
      display_.show(kind, why);
    } else {
      display_.show(kind, "\"" + shortened(x.text, 40) + "\": " + std::string(why));
    }
    exchanges_.remove(x);
  }

  agent_websocket::client& agent_;
  display& display_;
  message_ids& ids_;
  exchange_list exchanges_;
  std::vector<std::string> to_cancel_;
  std::string last_answer_;
  std::string last_reasoning_;
  bool shows_reasoning_ = false;
};

}  // namespace chat
