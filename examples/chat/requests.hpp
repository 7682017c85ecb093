// SPDX-License-Identifier: MIT
//
// Commands and feedback, which the server answers with one message each: sent at once or not at
// all, and each with an outcome that the person sees, a time-out included. Settings that the server
// took are remembered, because its next session would not know them.
#pragma once

#include "commands.hpp"
#include "connection.hpp"
#include "display.hpp"
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
  request_list(link& socket, display& shown, message_ids& ids)
      : link_(socket), display_(shown), ids_(ids) {}

  bool empty() const noexcept { return open_.empty(); }

  void send_command(std::string_view op, const typed_line& typed, time_point now) {
    const std::string id = ids_.make();
    open_[id] = {std::string(op), typed.what, {}, {}, now};
    link_.send(messages::command(op, id, typed.text));
  }

  /// `value` is JSON text.
  void send_setting(const std::string& name, const std::string& value, time_point now) {
    const std::string id = ids_.make();
    open_[id] = {name, action::model, name, value, now};
    link_.send(messages::command("set", id, {}, messages::setting(name, value)));
  }

  /// What `typed` says of the answer of that name.
  void send_feedback(std::string_view answer, const typed_line& typed, time_point now) {
    const std::string id = ids_.make();
    open_[id] = {std::string(typed.name), typed.what, {}, {}, now};
    const bool correction = typed.what == action::correct;
    const int rating = correction ? 0 : typed.what == action::good ? 1 : -1;
    link_.send(messages::feedback(id, answer, rating, correction ? std::string_view() : typed.text,
                                  correction ? typed.text : std::string_view()));
  }

  /// For a new session.
  void send_settings_again() {
    for (const auto& each : settings_) {
      link_.send(
          messages::command("set", ids_.make(), {}, messages::setting(each.first, each.second)));
    }
  }

  /// Takes a status that answers one of these; false: it does not.
  bool settle(json::value m, time_point now) {
    const auto found = open_.find(std::string(words::text_of(m["ref"])));
    if (found == open_.end()) return false;
    // A question is answered by the message with the facts, not by an acknowledgement before it.
    if (words::text_of(m["op"]) == "ack" && !is_feedback(found->second.what)) return true;
    const entry answered = std::move(found->second);
    open_.erase(found);
    show_reply(answered, m, now);
    return true;
  }

  /// Takes an error that answers one of these.
  bool refuse(json::value m) {
    if (open_.erase(std::string(words::text_of(m["ref"]))) == 0) return false;
    display_.show(tone::failure, words::failure(m));
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

  link& link_;
  display& display_;
  message_ids& ids_;
  std::map<std::string, entry> open_;
  std::map<std::string, std::string> settings_;
};

}  // namespace chat
