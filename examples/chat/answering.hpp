// SPDX-License-Identifier: MIT
//
// Questions on their way and the answers to them: what is sent when, what the server says of each,
// and the one end that every question has, whatever happens to the connection.
#pragma once

#include "connection.hpp"
#include "display.hpp"
#include "exchange.hpp"
#include "words.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace chat {

class answering {
 public:
  answering(link& socket, display& shown, message_ids& ids, connection& to)
      : link_(socket), display_(shown), ids_(ids), connection_(to) {}

  const exchange_list& exchanges() const noexcept { return exchanges_; }
  bool empty() const noexcept { return exchanges_.empty(); }
  /// The server's name of the last answer of this session; empty before the first.
  const std::string& last_answer() const noexcept { return last_answer_; }

  // ---- the person

  /// Takes a question; it waits until it can be sent. False: there is no room, the person was told.
  bool ask(std::string_view text, time_point now) {
    const std::size_t limit = connection_.max_message_bytes();
    exchange asked;
    asked.id = ids_.make();
    asked.text = std::string(text);
    if (limit > 0 && messages::query(asked.id, text).size() > limit) {
      return display_.refuse("That is too long for the server, which takes " +
                             std::to_string(limit) + " bytes.");
    }
    if (!exchanges_.add(std::move(asked))) {
      return display_.refuse("Too much is waiting already. Wait until it is answered.");
    }
    send_waiting(now);
    return true;
  }

  /// Precondition: the connection is live.
  bool regenerate(time_point now) {
    if (!exchanges_.empty()) return display_.refuse("An answer is still running.");
    exchange again;
    again.id = ids_.make();
    again.regenerate = true;
    again.announced = true;
    again.since = now;
    again.phase = exchange_phase::sent;
    display_.show_question("(the last question again)");
    link_.send(messages::command("regenerate", again.id));
    exchanges_.add(std::move(again));
    return true;
  }

  /// Stops what is answered now or next. False when there is nothing, or when it was asked for
  /// before.
  bool stop(time_point now) {
    exchange* running = exchanges_.current();
    if (running == nullptr || running->cancelling) return false;
    if (connection_.is_live()) {
      running->cancelling = true;
      link_.send(messages::cancel(ids_.make(), running->id));
    } else {
      end(*running, tone::notice, "Stopped.", now);
    }
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

  /// Sends what waits, never more than the server is willing to queue.
  void send_waiting(time_point now) {
    if (!connection_.is_live()) return;
    for (exchange& each : exchanges_) {
      if (each.is_underway()) continue;
      if (exchanges_.underway() >= connection_.max_queued()) return;
      if (exchanges_.underway() == 0) announce(each, now);
      each.phase = exchange_phase::sent;
      ++each.attempts;
      link_.send(messages::query(each.id, each.text));
    }
  }

  /// The connection is gone. What the server has is lost, unless the session can go on; what it may
  /// not have is sent again, but not for ever.
  void connection_lost(bool session_lost, time_point now) {
    if (session_lost) fail_underway("The connection was lost before the answer was complete.", now);
    for (exchange& each : exchanges_) {
      if (each.phase == exchange_phase::sent) each.phase = exchange_phase::unsent;
    }
  }

  void session_lost(time_point now) {
    fail_underway("The session ended before the answer was complete.", now);
    last_answer_.clear();
  }

  // ---- what the server says; false: it is about nothing of ours

  bool take_status(json::value m, time_point now) {
    const std::string_view op = words::text_of(m["op"]);
    exchange* x = exchanges_.find(words::text_of(m["ref"]), {});
    if (x == nullptr) return false;
    if (m["stream"].is_string()) x->stream = words::text_of(m["stream"]);
    if (op != "ack" && op != "queued") {
      run(*x, words::text_of(m["content"]), now);
    } else {
      x->position = m["position"].integer().value_or(x->position);
      if (x->phase == exchange_phase::sent) x->phase = exchange_phase::accepted;
    }
    return true;
  }

  bool take_response(json::value m, time_point now) {
    const std::string_view phase = words::text_of(m["phase"]), stream = words::text_of(m["stream"]);
    exchange* x = exchanges_.find(words::text_of(m["ref"]), stream);
    if (x == nullptr) return phase == "start" || is_piece(phase) || phase == "reasoning";
    if (!stream.empty()) x->stream = stream;
    if (phase == "start") x->model = words::text_of(m["model"]);
    if (phase == "start" || phase == "reasoning") {
      run(*x, phase == "start" ? "Answering" : "Reasoning", now);
    } else if (is_piece(phase)) {
      run(*x, "Answering", now);
      take_piece(*x, m);
    } else {
      take_end(*x, m, now);
    }
    return true;
  }

  bool take_error(json::value m, time_point now) {
    exchange* x = exchanges_.find(words::text_of(m["ref"]), {});
    if (x != nullptr) end(*x, tone::failure, words::failure(m), now);
    return x != nullptr;
  }

 private:
  static constexpr int max_attempts = 3;

  static bool is_piece(std::string_view phase) { return phase == "delta" || phase == "snapshot"; }

  void take_piece(exchange& x, json::value m) {
    const auto idx = m["idx"].integer(), n = m["n"].integer();
    if (!idx || !n || *idx < 0 || *n < 0) return;
    show(x.answer.add(static_cast<std::uint64_t>(*idx), static_cast<std::uint64_t>(*n),
                      words::text_of(m["content"])));
  }

  void take_end(exchange& x, json::value m, time_point now) {
    const std::string_view content = words::text_of(m["content"]);
    if (!content.empty()) {
      announce(x, now);
      show(x.answer.replace(content));
      last_answer_ = x.stream;
    }
    if (words::text_of(m["status"]) == "failed")
      return end(x, tone::failure, words::failure(m["error"]), now);
    const std::string missing = words::shortcoming(m, x.answer.empty());
    const std::string facts = words::usage(m, x.model, now - x.since);
    end(x, tone::facts, missing.empty() ? facts : missing + " " + facts, now);
  }

  void show(const answer_text::outcome& found) {
    switch (found.what) {
      case answer_text::change::none: return;
      case answer_text::change::appended: return display_.show_answer(found.added);
      case answer_text::change::hole:
        return connection_.ask_again();  // else the end brings the whole text
      case answer_text::change::rewritten:
        display_.end_answer();
        display_.show(tone::notice, "The answer begins anew:");
        return display_.show_answer(found.added);
    }
  }

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

  void fail_underway(std::string_view why, time_point now) {
    const auto is_underway = [](const exchange& x) {
      return x.is_underway() && !may_be_sent_again(x);
    };
    while (exchange* lost = exchanges_.first(is_underway)) {
      const bool in_vain = lost->phase == exchange_phase::sent && !lost->regenerate;
      end(*lost, tone::failure, in_vain ? "The connection broke each time this was sent." : why,
          now);
    }
  }

  static bool may_be_sent_again(const exchange& x) {
    return x.phase == exchange_phase::sent && !x.regenerate && x.attempts < max_attempts;
  }

  link& link_;
  display& display_;
  message_ids& ids_;
  connection& connection_;
  exchange_list exchanges_;
  std::string last_answer_;
};

}  // namespace chat
