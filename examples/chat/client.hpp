// SPDX-License-Identifier: MIT
//
// The chat as a client of the protocol: typed lines and what the server sends go in; messages for
// the server go out through `link`, what a person is to see through `display`. No socket, terminal
// or clock.
#pragma once

#include "answering.hpp"
#include "commands.hpp"
#include "connection.hpp"
#include "display.hpp"
#include "requests.hpp"
#include "words.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace chat {

class client {
 public:
  client(link& socket, display& shown, agent_websocket::random_source random)
      : display_(shown),
        ids_(random),
        connection_(socket, random),
        answers_(socket, shown, ids_, connection_),
        requests_(socket, shown, ids_) {}
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  // ---- for the view

  const chat::connection& connection() const noexcept { return connection_; }
  const exchange_list& exchanges() const noexcept { return answers_.exchanges(); }
  /// Nothing is asked that is not answered.
  bool is_idle() const noexcept { return answers_.empty() && requests_.empty(); }
  bool wants_to_quit() const noexcept { return quit_; }

  // ---- the person

  void connect(time_point now) { connection_.connect(now); }

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
      case action::help:
        display_.show(tone::result, describe_commands());
        if (connection_.is_live()) requests_.send_command("help", typed, now);
        return true;
      default:
        return connection_.is_live() ? send(typed, now)
                                     : display_.refuse("Not connected. Try again in a moment.");
    }
  }

  /// Ctrl-C. False when there is nothing to stop, or when it was asked for before.
  bool interrupt(time_point now) {
    if (answers_.stop(now)) return true;
    if (connection_.is_live() || !answers_.drop_unsent()) return false;
    display_.show(tone::notice, "What was not sent yet is dropped.");
    return true;
  }

  // ---- the connection

  void opened(time_point now) { connection_.opened(now); }

  void received(std::string_view text, time_point now) {
    connection_.heard(now);
    if (!document_.parse(text) || !document_.root().is_object()) return;
    const json::value m = document_.root();
    if (!connection_.is_next(m)) return;
    const std::string_view type = words::text_of(m["type"]), ref = words::text_of(m["ref"]);
    if (words::text_of(m["op"]) == "welcome") {
      on_welcome(m, now);
    } else if (type == "response") {
      if (!answers_.take_response(m, now) && !ids_.has_made(ref)) show_unasked(m);
    } else if (type == "error") {
      // A cancel that came too late is no news.
      const bool late = ids_.has_made(ref) && words::text_of(m["code"]) == "not_found";
      const bool taken = answers_.take_error(m, now) || requests_.refuse(m) || late;
      if (!taken) display_.show(tone::failure, words::failure(m));
    } else if (type == "status") {
      on_status(m, now);
    } else if (type == "notification" || type == "human_feedback") {
      show_unasked(m);
    }
    answers_.send_waiting(now);
  }

  void closed(std::uint16_t code, std::string_view reason, time_point now) {
    lose(code, words_for_close(code, reason), now);
  }

  /// An attempt to connect has failed.
  void failed(std::error_code why, std::string_view detail, time_point now) {
    const std::string reason = detail.empty() ? why.message() : std::string(detail);
    lose(close_code_for(why), "No connection: " + reason, now);
  }

  void tick(time_point now) {
    if (connection_.tick(!is_idle(), now)) lose(1006, "The server does not answer.", now);
    requests_.tick(now);
  }
  /// When tick() is to be called next.
  time_point deadline() const {
    return std::min(connection_.deadline(!is_idle()), requests_.deadline());
  }

 private:
  /// A question also wakes a connection that has stopped; an empty line does not wait for the next
  /// attempt.
  bool ask(std::string_view text, time_point now) {
    if (!text.empty() && !answers_.ask(text, now)) return false;
    const bool wake =
        text.empty() ? connection_.is_away() : connection_.state() == connection_state::stopped;
    if (wake) connect(now);
    return true;
  }

  /// What the server has to be there for.
  bool send(const typed_line& typed, time_point now) {
    switch (typed.what) {
      case action::regenerate: return answers_.regenerate(now);
      case action::model:
      case action::system:
        requests_.send_setting(std::string(typed.name), messages::quoted(typed.text), now);
        return true;
      case action::temperature: {
        json::document number;
        if (!number.parse(typed.text) || !number.root().is_number()) {
          return display_.refuse("/temperature needs a number from 0 to 2");
        }
        requests_.send_setting("temperature", std::string(typed.text), now);
        return true;
      }
      case action::good:
      case action::bad:
      case action::correct:
        if (answers_.last_answer().empty())
          return display_.refuse("There is no answer yet in this session.");
        requests_.send_feedback(answers_.last_answer(), typed, now);
        return true;
      default: requests_.send_command(typed.name, typed, now); return true;
    }
  }

  void on_welcome(json::value m, time_point now) {
    const bool was_live = connection_.is_live();
    switch (connection_.welcomed(m, now)) {
      case connection::greeting::none: return;
      case connection::greeting::same:
        if (!was_live) display_.show(tone::notice, "Connected again; the session goes on.");
        return;
      case connection::greeting::first:
        display_.show(tone::notice, "Connected, session " + connection_.session_id());
        if (m["data"]["demo"].boolean().value_or(false)) {
          display_.show(tone::notice,
                        "A demo without a model answers; ask for help to see what it can do.");
        }
        return;
      case connection::greeting::another: break;
    }
    answers_.session_lost(now);
    display_.show(tone::notice, "Connected again, but in a new session, " +
                                    connection_.session_id() +
                                    ": the agent does not remember what is above.");
    requests_.send_settings_again();
  }

  void on_status(json::value m, time_point now) {
    if (answers_.take_status(m, now) || requests_.settle(m, now)) return;
    const std::string_view op = words::text_of(m["op"]);
    if (op == "drain") {
      const auto wait =
          std::clamp<std::int64_t>(m["retry_after_ms"].integer().value_or(0), 0, 1 << 30);
      connection_.wishes(milliseconds(wait));
      return display_.show(tone::notification, "The server is about to restart.");
    }
    // The protocol's own, or about another client's question: nothing for a person.
    static constexpr std::string_view silent[] = {"ack",    "live",     "pong",
                                                  "queued", "thinking", "tool"};
    const bool is_silent = std::find(std::begin(silent), std::end(silent), op) != std::end(silent);
    if (!is_silent && op != "set") show_unasked(m);
  }

  void show_unasked(json::value m) {
    const std::string_view topic = words::text_of(m["topic"]),
                           content = words::text_of(m["content"]);
    if (content.empty()) return;
    display_.show(tone::notification,
                  (topic.empty() ? "" : std::string(topic) + ": ") + std::string(content));
  }

  void lose(std::uint16_t code, std::string_view why, time_point now) {
    const bool was_live = connection_.is_live();
    const after_close what = connection_.ended(code, now);
    if (was_live || what == after_close::stop || connection_.failures() == 1)
      display_.show(tone::failure, why);
    requests_.connection_lost();
    answers_.connection_lost(what != after_close::resume || !connection_.can_resume(), now);
  }

  display& display_;
  message_ids ids_;
  chat::connection connection_;
  answering answers_;
  request_list requests_;
  json::document document_;
  bool quit_ = false;
};

}  // namespace chat
