// SPDX-License-Identifier: MIT
//
// The chat between the library's client and the person: typed lines become questions, commands and
// feedback; what comes back becomes something to see, through `display`. No terminal.
#pragma once

#include "answering.hpp"
#include "commands.hpp"
#include "decisions.hpp"
#include "display.hpp"
#include "requests.hpp"
#include "words.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace chat {

using agent_websocket::client_state;

class client final : public agent_websocket::client_sink {
 public:
  /// `happened` is called whenever there may be something new to show.
  client(asio::io_context& context, const std::string& url, display& shown,
         std::function<void()> happened)
      : display_(shown),
        happened_(std::move(happened)),
        agent_(*this, options_for(url), context),
        answers_(agent_, shown, ids_),
        requests_(agent_, shown, ids_),
        decisions_(agent_, shown) {}
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  // ---- for the view

  const exchange_list& exchanges() const noexcept { return answers_.exchanges(); }
  /// Nothing is asked that is not answered.
  bool is_idle() const noexcept { return answers_.empty() && requests_.empty(); }
  /// The server waits for a decision of the person.
  bool is_asked() const { return !decisions_.empty(); }
  bool wants_to_quit() const noexcept { return quit_; }
  client_state state() const noexcept { return agent_.state(); }
  bool is_live() const noexcept { return state() == client_state::live; }
  bool was_ever_live() const noexcept { return was_live_; }
  /// Attempts since a connection has held.
  int failures() const noexcept { return agent_.connection().attempts(); }
  time_point retry_at() const noexcept { return agent_.connection().retry_at(); }

  // ---- the person

  void connect() { agent_.start(); }
  /// Nothing is told of it.
  void leave() {
    leaving_ = true;
    agent_.stop();
  }

  /// A line that was entered. False: it could not be taken (the person was told why) and should not
  /// be lost.
  bool submit(std::string_view line, time_point now) {
    const typed_line typed = understand(line);
    if (typed.lacks_argument()) {
      return display_.refuse("/" + std::string(typed.name) + " needs " +
                             std::string(typed.row->argument));
    }
    switch (typed.what) {
      case action::ask: return ask(typed.text, now);
      case action::quit: quit_ = true; return true;
      case action::unknown:
        return display_.refuse(
            "A command is one word behind the slash; // begins a question with a slash.");
      case action::stop:
        if (!answers_.stop(now)) display_.show(tone::notice, "There is nothing to stop.");
        return true;
      case action::reasoning: return show_reasoning(typed.text);
      case action::help:
        display_.show(tone::result, describe_commands());
        if (is_live()) requests_.send_command("help", typed, now);
        return true;
      default:
        return is_live() ? send(typed, now)
                         : display_.refuse("Not connected. Try again in a moment.");
    }
  }

  /// Of a program that nobody sits at.
  void reject_all(std::string_view why) { decisions_.reject_all(why); }

  /// Ctrl-C. False when there is nothing to stop, or when it was asked for before.
  bool interrupt(time_point now) {
    if (answers_.stop(now)) return true;
    if (is_live() || !answers_.drop_unsent()) return false;
    display_.show(tone::notice, "What was not sent yet is dropped.");
    return true;
  }

  // ---- time

  void tick(time_point now) { requests_.tick(now); }
  /// When tick() is to be called next.
  time_point deadline() const { return requests_.deadline(); }

 private:
  agent_websocket::client_options options_for(const std::string& url) {
    agent_websocket::client_options made;
    made.url = url;
    made.client = "chat/" AGENT_WEBSOCKET_VERSION_STRING;
    made.caps = {"delta", "reasoning", "feedback"};
    // Not an argument, which every user of the machine could read.
    const char* const set = std::getenv("AGENT_WEBSOCKET_TOKEN");
    const std::string token(agent_websocket::http::trim(set == nullptr ? "" : set));
    if (!token.empty()) {
      made.token = [this, token](const agent_websocket::client_token_handler& use) {
        if (!is_token_over_) return use(token);
        use(agent_websocket::error(agent_websocket::errc::unauthorized,
                                   "AGENT_WEBSOCKET_TOKEN has expired"));
      };
    }
    return made;
  }
  static time_point now() { return std::chrono::steady_clock::now(); }

  /// A question also wakes a connection that has stopped; an empty line does not wait for the next
  /// attempt.
  bool ask(std::string_view text, time_point at) {
    if (!text.empty() && !answers_.ask(text, at)) return false;
    const bool stopped = state() == client_state::stopped;
    if (stopped || (text.empty() && state() == client_state::waiting)) connect();
    return true;
  }

  bool show_reasoning(std::string_view how) {
    if (how == "on" || how == "off") {
      answers_.show_reasoning(how == "on");
      display_.show(tone::notice, how == "on" ? "Reasoning is shown." : "Reasoning is not shown.");
      return true;
    }
    if (!how.empty()) return display_.refuse("/reasoning needs on, off or nothing");
    const std::string& last = answers_.last_reasoning();
    display_.show(tone::notice, last.empty() ? "The last answer came without reasoning." : last);
    return true;
  }

  /// What the server has to be there for.
  bool send(const typed_line& typed, time_point at) {
    switch (typed.what) {
      case action::regenerate: return answers_.regenerate(at);
      case action::model:
      case action::system: {
        std::string value;
        json::writer(value).value(typed.text);
        requests_.send_setting(std::string(typed.name), value, at);
        return true;
      }
      case action::temperature: {
        json::document number;
        if (!number.parse(typed.text) || !number.root().is_number()) {
          return display_.refuse("/temperature needs a number from 0 to 2");
        }
        requests_.send_setting("temperature", std::string(typed.text), at);
        return true;
      }
      case action::good:
      case action::bad:
      case action::correct:
        if (answers_.last_answer().empty())
          return display_.refuse("There is no answer yet in this session.");
        requests_.send_feedback(answers_.last_answer(), typed, at);
        return true;
      case action::approve:
      case action::reject:
      case action::edit:
      case action::answer: return decisions_.decide(typed);
      default: requests_.send_command(typed.name, typed, at); return true;
    }
  }

  // ---- agent_websocket::client_sink

  void on_state(client_state state) override {
    if (leaving_) return;
    latest_ = state;
    if (state == client_state::live) {
      // A gap that was closed is no news.
      if (was_live_ && was_lost_)
        display_.show(tone::notice, "Connected again; the session goes on.");
      was_live_ = true;
      was_lost_ = false;
      comes_again_ = false;
      answers_.became_live(now());
    }
    happened_();
  }

  void on_disconnected(std::uint16_t code, std::string_view reason) override {
    const bool was_live = latest_ == client_state::live;
    const bool never_stood = latest_ == client_state::connecting;
    was_lost_ = true;
    const bool stops = agent_websocket::verdict_of(code) == agent_websocket::after_close::stop;
    if (was_live || stops || failures() == 1) {
      display_.show(tone::failure, never_stood && !reason.empty()
                                       ? "No connection: " + std::string(reason)
                                       : words::closed(code, reason));
    }
    requests_.connection_lost();
    happened_();
  }

  void on_welcome(const agent_websocket::client_notice& welcome) override {
    json::document message;
    if (!message.parse(welcome.json)) return;
    const std::string id(words::text_of(message.root()["session_id"]));
    const std::string former = std::exchange(session_, id);
    if (former.empty()) {
      display_.show(tone::notice, "Connected, session " + id);
      if (message.root()["data"]["demo"].boolean().value_or(false)) {
        display_.show(tone::notice,
                      "A demo without a model answers; ask for help to see what it can do.");
      }
    } else if (former != id) {
      was_lost_ = false;
      answers_.session_lost();
      display_.show(tone::notice, "Connected again, but in a new session, " + id +
                                      ": the agent does not remember what is above.");
      requests_.send_settings_again();
    }
  }

  void on_reset() override { comes_again_ = true; }

  void on_text(const std::string& id, agent_websocket::text_change change,
               std::string_view text) override {
    answers_.take_text(id, change, text, now());
    happened_();
  }

  void on_reasoning(const std::string& id, agent_websocket::text_change,
                    std::string_view text) override {
    answers_.take_reasoning(id, text, now());
    happened_();
  }

  void on_tool(const agent_websocket::client_tool_progress& tool) override {
    answers_.take_tool(tool, now());
    happened_();
  }

  void on_answer(const agent_websocket::client_answer& answer) override {
    if (leaving_) return;
    if (!answers_.take_answer(answer, now()) && !ids_.has_made(answer.id) && !comes_again_ &&
        !answer.text().empty()) {
      display_.show(tone::notification, answer.text());
    }
    answers_.send_waiting(now());
    happened_();
  }

  void on_notification(const agent_websocket::client_notice& notice) override {
    if (!comes_again_) show_unasked(notice);
  }
  void on_feedback_request(const agent_websocket::client_request& request) override {
    decisions_.take(request);
    happened_();
  }
  void on_feedback_resolved(const agent_websocket::client_resolution& how) override {
    if (leaving_) return;
    decisions_.resolve(how);
    happened_();
  }

  void on_status(const agent_websocket::client_notice& notice) override {
    if (!answers_.take_status(notice, now()) && !requests_.settle(notice, now())) {
      // The protocol's own, or about another client's question: nothing for a person.
      static constexpr std::string_view silent[] = {"ack", "pong", "queued", "thinking", "set"};
      if (notice.op == "drain") {
        display_.show(tone::notification, "The server is about to restart.");
      } else if (std::find(std::begin(silent), std::end(silent), notice.op) == std::end(silent)) {
        show_unasked(notice);
      }
    }
    happened_();
  }

  void on_error(const agent_websocket::client_notice& notice) override {
    // A cancel that came too late is no news.
    const bool late = ids_.has_made(notice.ref) && notice.code == "not_found";
    is_token_over_ = is_token_over_ || notice.code == "token_expired";
    if (!requests_.refuse(notice) && !decisions_.refuse(notice) && !late)
      display_.show(tone::failure, words::failure(notice));
    happened_();
  }

  void show_unasked(const agent_websocket::client_notice& notice) {
    if (notice.content.empty()) return;
    display_.show(tone::notification,
                  (notice.topic.empty() ? "" : notice.topic + ": ") + notice.content);
    happened_();
  }

  display& display_;
  std::function<void()> happened_;
  agent_websocket::client agent_;
  message_ids ids_{agent_websocket::random_source()};
  answering answers_;
  request_list requests_;
  decision_list decisions_;
  std::string session_;
  client_state latest_ = client_state::idle;  // as far as it was told
  bool was_live_ = false;
  bool was_lost_ = false;
  bool comes_again_ = false;  // after a reset: what was shown before
  bool is_token_over_ = false;  // there is no other one
  bool quit_ = false;
  bool leaving_ = false;
};

}  // namespace chat
