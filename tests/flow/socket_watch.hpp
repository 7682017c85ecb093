// SPDX-License-Identifier: MIT
//
// What one socket may be sent, frame by frame, whether its client comes new, comes back or asks
// anew: fails the test when a frame breaks a rule of PROTOCOL's catching up. Numbered messages go
// on from the welcome's position without a gap; until `live` there is replay alone, then none; text
// is sent once, from its beginning or behind a snapshot, up to the end of its stream.
#pragma once

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

class socket_watch {
 public:
  /// The client's hello has reached the server, which has no reason to refuse what it asks for when
  /// `must_recover` is set.
  void hello(bool must_recover) {
    awaits_welcome_ = true;
    must_recover_ = must_recover;
  }

  void take(const frame& message) {
    if (message.op() == "welcome") return take_welcome(message);
    if (position_ < 0) breach("something before the welcome", message);
    if (message.is_status("live")) {
      if (message.number("seq") != position_) breach("live at another position", message);
      catching_up_ = false;
      return;
    }
    if (message.is_numbered() && !take_number(message)) return;
    if (message.type() == "response") take_response(message);
  }

 private:
  struct stream {
    std::string text;
    std::int64_t have = 0;
    bool is_replayed = false;
  };

  [[noreturn]] static void breach(const char* rule, const frame& message) {
    FAIL(std::string(rule) << ": " << message.raw());
    throw 0;  // FAIL has thrown
  }

  void take_welcome(const frame& message) {
    if (position_ >= 0 && !awaits_welcome_) breach("a welcome that nobody asked for", message);
    if (std::exchange(must_recover_, false) && !message.truth("recovered"))
      breach("a resume was refused", message);
    if (position_ >= 0) {  // what follows is for a client that has dropped what it had
      streams_.clear();
      catching_up_ = true;
    }
    position_ = message.number("seq");
    awaits_welcome_ = false;
  }

  /// False for the terminal message of a repeated query, which was here before.
  bool take_number(const frame& message) {
    const std::int64_t seq = message.number("seq");
    if (seq <= position_ && message.is_terminal() && message.truth("replay")) return false;
    if (seq != position_ + 1) breach("a numbered message out of order", message);
    if (catching_up_ && !message.truth("replay")) breach("a live message before live", message);
    if (!catching_up_ && message.truth("replay")) breach("a replay after live", message);
    position_ = seq;
    return true;
  }

  void take_response(const frame& message) {
    const std::string phase = message.phase(), name = message.text("stream");
    const auto found = streams_.find(name);
    if (phase == "start") {
      if (!streams_.emplace(name, stream{{}, 0, message.truth("replay")}).second) breach("a second start", message);
    } else if (phase == "snapshot") {
      if (!catching_up_) breach("a snapshot after live", message);
      streams_[name] = {message.content(), message.number("n"), true};
      if (message.number("idx") != 0) breach("a snapshot that does not begin at 0", message);
    } else if (phase == "delta") {
      if (catching_up_) breach("a delta before live", message);
      // Its start may lie before the welcome, when there was no text yet to make a snapshot of.
      if (found == streams_.end() && message.number("idx") != 0)
        breach("a delta without start or snapshot", message);
      stream& of = streams_[name];
      if (message.number("idx") < of.have) breach("a delta twice", message);
      if (message.number("idx") > of.have) breach("a hole between deltas", message);
      of.have += message.number("n");
      of.text += message.content();
    } else if (phase == "end") {
      // One that began before this socket caught up, and ended before that was through, has neither
      // snapshot nor deltas here: its end brings the whole text.
      if (found == streams_.end()) return;
      if (found->second.is_replayed && found->second.have == 0) return void(streams_.erase(found));
      if (message.number("n") != found->second.have || message.content() != found->second.text)
        breach("an end before its deltas", message);
      streams_.erase(found);
    } else if (phase != "reasoning") {
      streams_.erase(name);
    }
  }

  std::map<std::string, stream> streams_;
  std::int64_t position_ = -1;
  bool awaits_welcome_ = false;
  bool must_recover_ = false;
  bool catching_up_ = false;
};
