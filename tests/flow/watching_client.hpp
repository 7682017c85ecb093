// SPDX-License-Identifier: MIT
//
// A client that believes nothing: takes every frame that it is sent and fails the test when one
// breaks a rule of the protocol. Welcome comes first; numbered messages count 1, 2, 3; a query has
// at most one terminal message; the deltas of a stream make up the text of its end; every message
// has its time; nobody's secret is in any of them.
#pragma once

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

class watching_client {
 public:
  struct stream {
    std::string text;
    std::int64_t have = 0;
    bool ended = false;
    std::string reasoning;  // with a count of its own
    std::int64_t reasons = 0;
  };

  void take(const frame& message) {
    ++frames_;
    look_at_form(message);
    const bool turned_away = message.type() == "error";  // before it had shown who it is
    if (frames_ == 1 && message.op() != "welcome" && !turned_away)
      breach("no welcome first", message);
    if (message.op() == "welcome") session_id_ = message.text("session_id");
    if (is_repeat(message) || is_replay(message)) return;
    if (message.is_numbered()) {
      if (message.number("seq") != last_seq_ + 1) breach("seq leaves a gap", message);
      last_seq_ = message.number("seq");
    }
    if (message.type() == "response") take_response(message);
    if (message.is_terminal()) {
      if (message.ref().empty()) breach("a terminal message without ref", message);
      if (!terminals_.emplace(message.ref(), message).second) {
        breach("a second terminal message", message);
      }
    }
  }

  const std::string& session_id() const noexcept { return session_id_; }
  std::int64_t last_seq() const noexcept { return last_seq_; }
  /// By the id of the query.
  const std::map<std::string, frame>& terminals() const noexcept { return terminals_; }
  const std::map<std::string, stream>& streams() const noexcept { return streams_; }

 private:
  [[noreturn]] static void breach(const char* rule, const frame& message) {
    FAIL(std::string(rule) << ": " << message.raw());
    throw 0;  // FAIL has thrown
  }

  static void look_at_form(const frame& message) {
    const std::string type = message.type();
    if (type != "response" && type != "notification" && type != "status" && type != "error" &&
        type != "human_feedback") {
      breach("an unknown type", message);
    }
    if (!is_timestamp(message.text("timestamp"))) breach("no timestamp", message);
    if (type == "error" && (message.code().empty() || message.content().empty())) {
      breach("an error without code or words", message);
    }
    for (const char* internal : {"sk-or-", "Bearer", "/home/", "/etc/", "localhost/v1", "<html"}) {
      const std::string words = type == "error" ? message.content() : message.text("error.content");
      if (words.find(internal) != std::string::npos) breach("tells internals", message);
    }
    if (message.raw().find("sk-or-") != std::string::npos) breach("tells a key", message);
  }

  /// The answer to a query whose id was sent again: the same message once more.
  bool is_repeat(const frame& message) const {
    if (!message.is_terminal() || message.number("seq") > last_seq_) return false;
    const auto found = terminals_.find(message.ref());
    if (found == terminals_.end()) return false;
    if (found->second.number("seq") != message.number("seq")) breach("another seq", message);
    if (found->second.type() == message.type() && found->second.content() != message.content()) {
      breach("another answer for the same id", message);
    }
    return true;
  }

  /// What a hello without a resume brings once more.
  bool is_replay(const frame& message) const {
    return message.truth("replay") && message.is_numbered() && message.number("seq") <= last_seq_;
  }

  static void take_reasoning(const frame& message, stream& of) {
    const std::int64_t idx = message.number("idx");
    if (idx == 0 && message.number("n") >= of.reasons) {
      of.reasoning.clear();
    } else if (idx != of.reasons) {
      breach("a hole in the reasoning, or a piece twice", message);
    }
    of.reasoning += message.content();
    of.reasons = idx + message.number("n");
  }

  void take_response(const frame& message) {
    const std::string phase = message.phase();
    stream& of = streams_[message.text("stream")];
    if (of.ended) breach("a response after the end of its stream", message);
    if (phase == "start") {
      if (!started_.emplace(message.text("stream"), true).second) breach("a second start", message);
    } else if (phase == "reasoning") {
      take_reasoning(message, of);
    } else if (phase == "snapshot") {
      if (message.number("n") < of.have) breach("a snapshot that knows less", message);
      of.text = message.content();
      of.have = message.number("n");
    } else if (phase == "delta") {
      if (started_.count(message.text("stream")) == 0) breach("a delta before its start", message);
      const std::int64_t idx = message.number("idx");
      const std::int64_t n = message.number("n");
      if (!message.has("idx") || n < 1) breach("a delta without idx or n", message);
      // The whole rule for clients; on a socket that stands only the third case happens.
      if (idx + n <= of.have) breach("a delta twice", message);
      if (idx != of.have) breach("a hole between deltas", message);
      of.text += message.content();
      of.have = idx + n;
    } else if (phase == "end") {
      if (started_.count(message.text("stream")) == 0) breach("an end before its start", message);
      // Much text that waits at the end comes with the end alone.
      const bool much = message.content().size() > of.text.size() + 64 * 1024 &&
                        message.content().compare(0, of.text.size(), of.text) == 0;
      if (message.content() != of.text && !much) breach("an end that is not its deltas", message);
      if (message.number("n") != of.have && !much) breach("an end that counts otherwise", message);
      of.ended = true;
    } else if (phase == "full") {
      of.text = message.content();
      of.ended = true;
    } else {
      breach("an unknown phase", message);
    }
    if (phase == "end" || phase == "full") {
      const std::string status = message.text("status");
      const bool known = status == "completed" || status == "cancelled" || status == "failed" ||
                         status == "incomplete";
      if (!known) breach("an unknown status", message);
      if ((status == "failed") != message.has("error") && phase == "end") {
        breach("a failure without its error", message);
      }
    }
  }

  std::map<std::string, frame> terminals_;
  std::map<std::string, stream> streams_;
  std::map<std::string, bool> started_;
  std::string session_id_;
  std::int64_t last_seq_ = 0;
  std::int64_t frames_ = 0;
};
