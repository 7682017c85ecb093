// SPDX-License-Identifier: MIT
//
// Commands and feedback, which the server answers with one message each: sent at once or not at
// all, and each with an outcome that the person sees, a time-out included. Settings that the server
// took are remembered, because its next session would not know them.
#pragma once

#include "commands.hpp"
#include "display.hpp"
#include "exchange.hpp"
#include "words.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace chat {

class request_list {
 public:
  request_list(agent_websocket::client& agent, display& shown, message_ids& ids)
      : agent_(agent), display_(shown), ids_(ids) {}

  bool empty() const noexcept { return open_.empty(); }

  void send_command(std::string_view op, const typed_line& typed, time_point now) {
    agent_websocket::wire::command wanted;
    wanted.op = std::string(op);
    wanted.content = std::string(typed.text);
    wanted.id = ids_.make();
    note(agent_.command(wanted), {std::string(op), typed.what, {}, {}, now});
  }

  /// `value` is JSON text.
  void send_setting(const std::string& name, const std::string& value, time_point now) {
    note(set(name, value), {name, action::model, name, value, now});
  }

  /// What `typed` says of the answer of that name.
  void send_feedback(std::string_view answer, const typed_line& typed, time_point now) {
    const bool correction = typed.what == action::correct;
    agent_websocket::wire::human_feedback said;
    said.id = ids_.make();
    said.ref = std::string(answer);
    if (!correction) said.rating = typed.what == action::good ? 1 : -1;
    (correction ? said.correction : said.content) = std::string(typed.text);
    note(agent_.feedback(said), {std::string(typed.name), typed.what, {}, {}, now});
  }

  /// For a new session.
  void send_settings_again() {
    for (const auto& each : settings_) set(each.first, each.second);
  }

  /// Takes a status that answers one of these; false: it does not.
  bool settle(const agent_websocket::client_notice& notice, time_point now) {
    const auto found = open_.find(notice.ref);
    if (found == open_.end()) return false;
    // A question is answered by the message with the facts, not by an acknowledgement before it.
    if (notice.op == "ack" && !is_feedback(found->second.what)) return true;
    const entry answered = std::move(found->second);
    open_.erase(found);
    json::document message;
    if (message.parse(notice.json)) show_reply(answered, message.root(), now);
    return true;
  }

  /// Takes an error that answers one of these.
  bool refuse(const agent_websocket::client_notice& notice) {
    if (open_.erase(notice.ref) == 0) return false;
    display_.show(tone::failure, words::failure(notice));
    return true;
  }

  void connection_lost() {
    for (const auto& each : std::exchange(open_, {})) {
      display_.show(tone::failure,
                    "The connection was lost before /" + each.second.name + " was answered.");
    }
  }

  void tick(time_point now) {
    for (auto each = open_.begin(); each != open_.end();) {
      const bool late = now - each->second.sent >= answer_within;
      if (late)
        display_.show(tone::failure, "The server did not answer /" + each->second.name + ".");
      each = late ? open_.erase(each) : std::next(each);
    }
  }

  time_point deadline() const {
    time_point earliest = time_point::max();
    for (const auto& each : open_) earliest = std::min(earliest, each.second.sent + answer_within);
    return earliest;
  }

 private:
  static constexpr std::chrono::seconds answer_within{15};

  struct entry {
    std::string name;
    action what = action::application;
    std::string setting, value;  // of the command set
    time_point sent{};
  };

  void note(const agent_websocket::result<std::string>& sent, entry made) {
    if (sent) {
      open_[*sent] = std::move(made);
    } else {
      display_.show(tone::failure, sent.error().message);
    }
  }

  agent_websocket::result<std::string> set(const std::string& name, const std::string& value) {
    agent_websocket::wire::command wanted;
    wanted.op = "set";
    wanted.id = ids_.make();
    json::writer(wanted.data).begin_object().member_raw(name, value).end_object();
    return agent_.command(wanted);
  }

  static bool is_feedback(action what) {
    return what == action::good || what == action::bad || what == action::correct;
  }

  void show_reply(const entry& to, json::value m, time_point now) {
    const json::value data = m["data"];
    if (!to.setting.empty()) {
      settings_[to.setting] = to.value;
      return display_.show(tone::notice, "The " + to.setting + " is set.");
    }
    if (is_feedback(to.what)) return display_.show(tone::notice, "Thank you, that is noted.");
    if (to.what == action::ping)
      return display_.show(tone::result, "pong, " + words::duration(now - to.sent));
    std::string text(words::text_of(m["content"]));
    if (text.empty() && data) text = json::to_text(data);
    if (to.what == action::info && data.is_object()) text = words::facts(data);
    if (to.what == action::history && data.is_object()) text = words::history(data);
    if (to.what == action::help && data.is_object()) text = words::application_commands(data);
    if (!text.empty()) display_.show(tone::result, text);
  }

  agent_websocket::client& agent_;
  display& display_;
  message_ids& ids_;
  std::map<std::string, entry> open_;
  std::map<std::string, std::string> settings_;
};

}  // namespace chat
