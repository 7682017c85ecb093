// SPDX-License-Identifier: MIT
//
// The part of session_core that goes on where the records of a session end (records.hpp): its
// numbered messages keep their numbers and its epoch, so that clients resume as if nothing had
// been. What was open has been interrupted: each such query gets its terminal message now, and
// each question to a person is withdrawn.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/session/core.hpp>
#include <agent_websocket/session/keeping.hpp>
#include <agent_websocket/session/record_contents.hpp>
#include <agent_websocket/session/record_values.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Reads the records of one session into its core, which is new.
class session_restoring {
 public:
  session_restoring(session_core& core, moment at) : core_(core), at_(at) {}

  result<void> take(const std::string& record);

  /// To be called behind the last record, with the ledger on: ends what was open.
  void interrupt();

 private:
  using open_query = records::open_query;
  using handler = bool (session_restoring::*)(json::value, std::string_view);
  struct row {
    std::string_view kind;
    handler take;
  };

  static const std::array<row, 12>& table();

  bool header(json::value from, std::string_view);

  bool settings(json::value from, std::string_view);

  bool message(json::value from, std::string_view record);

  bool asked(json::value from, std::string_view);

  bool query(json::value from, std::string_view);

  bool withdrawn(json::value from, std::string_view);

  bool turn_ended(json::value from, std::string_view);

  bool feedback(json::value from, std::string_view);

  bool clear(json::value, std::string_view);

  bool chosen(json::value from, std::string_view);

  bool claim(json::value from, std::string_view);

  /// Claims grow old while nobody has the session, too.
  void take_claim(const std::string& id, std::string stream, wall_time since);

  bool tokens(json::value from, std::string_view);

  void close(std::string_view id);

  /// As when it ran: its question alone may have driven older turns out. In a checkpoint, where
  /// turns stand before all messages, they are gone.
  void add(turn ended);

  /// The question stays in the conversation, so that its client can have it answered again.
  void end(const open_query& open);

  session_core& core_;
  moment at_;
  std::vector<open_query> open_;
  std::vector<std::string> asked_;
  bool is_first_ = true;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<void> session_restoring::take(const std::string& record) {
  json::document document;
  if (auto parsed = document.parse(record); !parsed) return parsed;
  const json::value root = document.root();
  const auto kind = root["kind"].string();
  if ((kind == "session") != std::exchange(is_first_, false))
    return error(errc::bad_message, "One record says whose the session is, and is the first");
  for (const row& each : table()) {
    if (kind != each.kind) continue;
    if ((this->*each.take)(root, record)) return {};
    return error(errc::bad_message, "A record of the kind `" + std::string(each.kind) +
                                        "` has a missing or wrong member");
  }
  return {};  // of a later version, which means that it can be done without
}

AGENT_WEBSOCKET_INLINE void session_restoring::interrupt() {
  for (const std::string& each : asked_) {
    records::note about;
    about.resolves = each;
    core_.publish(wire::feedback_resolved{core_.next_seq(), each, "reject", "cancelled"}, about,
                  at_);
  }
  for (const open_query& each : open_) end(each);
  // Calls of an interrupted answer were numbered and not recorded.
  if (!open_.empty()) core_.tally().calls += 1000;
  core_.conversation_.trim();
}

AGENT_WEBSOCKET_INLINE const std::array<session_restoring::row, 12>& session_restoring::table() {
  using s = session_restoring;
  static const std::array<row, 12> rows{{{"session", &s::header},
                                         {"message", &s::message},
                                         {"query", &s::query},
                                         {"withdrawn", &s::withdrawn},
                                         {"turn", &s::turn_ended},
                                         {"feedback", &s::feedback},
                                         {"clear", &s::clear},
                                         {"set", &s::chosen},
                                         {"settings", &s::settings},
                                         {"claim", &s::claim},
                                         {"tokens", &s::tokens},
                                         {"asked", &s::asked}}};
  return rows;
}

AGENT_WEBSOCKET_INLINE bool session_restoring::header(json::value from, std::string_view) {
  if (records::number_of(from["v"]) > records::version) return false;
  core_.created_ = records::time_of(from["created"]);
  core_.outbox_.begin_at(records::number_of(from["top"]));
  core_.tally().streams = records::number_of(from["streams"]);
  core_.tally().ids = records::number_of(from["made_ids"]);
  core_.tally().calls = records::number_of(from["calls"]);
  core_.tally().asked = records::number_of(from["asked"]);
  core_.tally().usage = records::usage_of(from["usage"]);
  if (from["settings"].is_object()) settings(from, {});
  return chosen(from["chosen"], {}) && tokens(from, {});
}

AGENT_WEBSOCKET_INLINE bool session_restoring::settings(json::value from, std::string_view) {
  const auto& shared = core_.shared_settings_ ? *core_.shared_settings_ : core_.settings_;
  session_settings own = *shared;
  read_kept_settings(from["settings"], own);
  core_.change_settings(std::move(own));
  return true;
}

AGENT_WEBSOCKET_INLINE bool session_restoring::message(json::value from, std::string_view record) {
  const std::uint64_t seq = records::number_of(from["seq"]);
  const std::size_t at = record.find(records::frame_key);
  std::string_view last;
  from.for_each_member([&](std::string_view name, json::value) { last = name; });
  const bool has_frame = last == "frame" && from[last].is_object();
  if (!has_frame || at == std::string_view::npos || seq != core_.next_seq()) return false;
  const std::size_t begin = at + records::frame_key.size();
  core_.outbox_.publish(record.substr(begin, record.size() - begin - 1), core_.ledger_);
  if (const auto stream = from["starts"].string()) {
    for (open_query& each : open_) each.started = each.started || each.accepted.stream == *stream;
  }
  if (const auto id = from["ends"].string()) {
    core_.claims_.ended(std::string(*id), seq);
    close(*id);
  }
  if (const auto id = from["asks"].string()) asked(from["asks"], {});
  if (const auto id = from["resolves"].string())
    asked_.erase(std::remove(asked_.begin(), asked_.end(), *id), asked_.end());
  return true;
}

AGENT_WEBSOCKET_INLINE bool session_restoring::asked(json::value from, std::string_view) {
  const std::string id = records::text_of(from.is_object() ? from["id"] : from);
  core_.tally().asked = std::max(core_.tally().asked, records::number_in(id));
  asked_.push_back(id);
  return !id.empty();
}

AGENT_WEBSOCKET_INLINE bool session_restoring::query(json::value from, std::string_view) {
  auto open = records::open_query_of(from);
  if (!open) return false;
  const std::string &id = open->accepted.query.id, &stream = open->accepted.stream;
  core_.tally().streams = std::max(core_.tally().streams, records::number_in(stream));
  core_.tally().calls = std::max(core_.tally().calls, records::number_of(from["calls"]));
  if (from["claimed"].boolean().value_or(false)) {
    take_claim(id, stream, open->asked);
  } else if (core_.has_made(id)) {
    core_.tally().ids = std::max(core_.tally().ids, records::number_in(id));
  }
  open_.push_back(std::move(*open));
  return true;
}

AGENT_WEBSOCKET_INLINE bool session_restoring::withdrawn(json::value from, std::string_view) {
  const std::string id = records::text_of(from["id"]);
  core_.claims_.drop(id);
  close(id);
  return !id.empty();
}

AGENT_WEBSOCKET_INLINE bool session_restoring::turn_ended(json::value from, std::string_view) {
  auto ended = records::turn_of(from);
  if (!ended) return false;
  from["steps"].for_each_element([&](json::value each) {
    json::document called;
    if (!called.parse(records::text_of(each["json"]))) return;
    called.root()["tool_calls"].for_each_element(
        [&](json::value call) { core_.call_ids_.take(records::text_of(call["id"])); });
  });
  agent_websocket::conversation& all = core_.conversation_;
  if (from["again"].boolean().value_or(false) && !all.empty()) all.drop_last();
  add(std::move(*ended));
  core_.tally().usage += records::usage_of(from["used"]);
  core_.tally().calls = std::max(core_.tally().calls, records::number_of(from["calls"]));
  return true;
}

AGENT_WEBSOCKET_INLINE bool session_restoring::feedback(json::value from, std::string_view) {
  feedback_entry said = records::feedback_of(from);
  if (turn* const judged = core_.conversation_.find(said.answer))
    judged->feedback.push_back(std::move(said));
  const bool regenerates = std::any_of(
      open_.begin(), open_.end(), [](const open_query& each) { return each.accepted.regenerate; });
  if (!regenerates) core_.conversation_.trim();
  return true;
}

AGENT_WEBSOCKET_INLINE bool session_restoring::clear(json::value, std::string_view) {
  core_.conversation_.clear();
  return true;
}

AGENT_WEBSOCKET_INLINE bool session_restoring::chosen(json::value from, std::string_view) {
  core_.overrides_.need() = records::overrides_of(from);
  return true;
}

AGENT_WEBSOCKET_INLINE bool session_restoring::claim(json::value from, std::string_view) {
  const std::string id = records::text_of(from["id"]);
  if (id.empty()) return false;
  take_claim(id, records::text_of(from["stream"]), records::time_of(from["at"]));
  core_.claims_.ended(id, from["without_end"].boolean().value_or(false)
                              ? claimed_ids::without_end
                              : records::number_of(from["end"]));
  return true;
}

AGENT_WEBSOCKET_INLINE void session_restoring::take_claim(const std::string& id, std::string stream,
                                                          wall_time since) {
  const auto age = std::max(at_.wall - since, wall_time::duration::zero());
  const time_point then = at_.now - std::chrono::duration_cast<duration>(age);
  core_.claims_.drop(id);
  core_.claims_.take(id, std::move(stream), then);
}

AGENT_WEBSOCKET_INLINE bool session_restoring::tokens(json::value from, std::string_view) {
  core_.tokens_.forget_all();
  bool right = true;
  from["tokens"].for_each_element([&](json::value each) {
    const auto digest = records::digest_of(each["sha256"]);
    right = right && digest;
    if (right) core_.tokens_.kept(*digest, each["known"].boolean().value_or(false));
  });
  return right;
}

AGENT_WEBSOCKET_INLINE void session_restoring::close(std::string_view id) {
  open_.erase(std::remove_if(open_.begin(), open_.end(),
                             [&](const open_query& each) { return each.accepted.query.id == id; }),
              open_.end());
}

AGENT_WEBSOCKET_INLINE void session_restoring::add(turn ended) {
  conversation& all = core_.conversation_;
  const message_log& log = core_.outbox_.log();
  turn asked;
  asked.question = ended.question;
  if (log.oldest() > log.top()) return void(all.begin(std::move(ended)));
  all.begin(std::move(asked)) = std::move(ended);
  all.trim();
}

AGENT_WEBSOCKET_INLINE void session_restoring::end(const open_query& open) {
  core_.fail_waiting(open.accepted, open.started, error(errc::interrupted), at_);
  if (!open.question) return;
  turn cut;
  cut.id = open.accepted.query.id;
  cut.stream = open.accepted.stream;
  cut.asked = open.asked;
  cut.answered = at_.wall;
  cut.seq = core_.outbox_.log().top();
  cut.question = *open.question;
  cut.status = wire::answer_status::failed;
  core_.record([&] { return records::of_turn(cut, false, {}, core_.tally().calls); });
  add(std::move(cut));
}

AGENT_WEBSOCKET_INLINE result<void> session_core::restore(const std::vector<std::string>& kept,
                                                          moment at) {
  session_restoring from(*this, at);
  for (const std::string& each : kept) {
    if (auto taken = from.take(each); !taken) return taken;
  }
  spoken_ = true;
  ledger_.turn_on();
  ledger_.begin_at(1);  // there is a header
  from.interrupt();
  return {};
}

#endif

}  // namespace agent_websocket
