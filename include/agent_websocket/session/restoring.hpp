// SPDX-License-Identifier: MIT
//
// The part of session_core that goes on where the records of a session end (records.hpp): its
// numbered messages keep their numbers and its epoch, so that clients resume as if nothing had
// been. What was open has been interrupted: each such query gets its terminal message now, and
// each question to a person is withdrawn.
#pragma once

#include <agent_websocket/base/base64url.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/session/core.hpp>
#include <agent_websocket/session/keeping.hpp>
#include <agent_websocket/wire/server_message.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Reads the records of one session into its core, which is new.
class session_restoring {
 public:
  session_restoring(session_core& core, moment at) : core_(core), at_(at) {}

  result<void> take(const std::string& record) {
    json::document document;
    if (auto parsed = document.parse(record); !parsed) return parsed;
    const json::value root = document.root();
    const auto kind = root["kind"].string();
    for (const row& each : table()) {
      if (kind != each.kind) continue;
      if ((this->*each.take)(root, record)) return {};
      return error(errc::bad_message, "A record of the kind `" + std::string(each.kind) +
                                          "` has a missing or wrong member");
    }
    return {};  // of a later version, which means that it can be done without
  }

  /// To be called behind the last record, with the ledger on: ends what was open.
  void interrupt() {
    for (const std::string& each : asked_) {
      records::note about;
      about.resolves = each;
      core_.publish(wire::feedback_resolved{core_.next_seq(), each, "reject", "cancelled"}, about,
                    at_);
    }
    for (const open_query& each : open_) end(each);
    // Calls of an interrupted answer were numbered and not recorded.
    if (!open_.empty()) core_.calls_ += 1000;
    core_.conversation_.trim();
  }

 private:
  struct open_query {
    accepted_query accepted;
    std::optional<openrouter::chat_message> question;
    bool started = false;
    wall_time asked{};
  };
  using handler = bool (session_restoring::*)(json::value, std::string_view);
  struct row {
    std::string_view kind;
    handler take;
  };

  static const std::array<row, 12>& table() {
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

  static std::string text_of(json::value from) {
    return std::string(from.string().value_or(std::string_view()));
  }
  static std::uint64_t number_of(json::value from) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, from.integer().value_or(0)));
  }
  static wall_time time_of(json::value from) {
    return wall_time(std::chrono::milliseconds(from.integer().value_or(0)));
  }
  /// The number in an id such as "r_17"; 0 when there is none.
  static std::uint64_t number_in(std::string_view id) {
    std::uint64_t number = 0;
    const std::size_t digits = id.rfind('_') + 1;  // 0 when there is none
    std::from_chars(id.data() + digits, id.data() + id.size(), number);
    return number;
  }

  static std::optional<openrouter::chat_message> message_of(json::value from) {
    const auto role = openrouter::chat_role_of(text_of(from["role"]));
    const auto text = from["text"].string();
    if (!role || !text) return std::nullopt;
    return openrouter::chat_message::restored(*role, std::string(*text), text_of(from["json"]),
                                              from["partial"].boolean().value_or(false));
  }

  static usage_totals usage_of(json::value from) {
    usage_totals used;
    used.answers = from["answers"].integer().value_or(0);
    used.prompt_tokens = from["prompt_tokens"].integer().value_or(0);
    used.completion_tokens = from["completion_tokens"].integer().value_or(0);
    used.cost = from["cost"].number().value_or(0);
    used.counted = from["counted"].boolean().value_or(false);
    used.priced = from["priced"].boolean().value_or(false);
    return used;
  }

  static feedback_entry feedback_of(json::value from) {
    feedback_entry said;
    said.id = text_of(from["id"]);
    said.answer = text_of(from["answer"]);
    said.rating = from["rating"].number();
    said.comment = text_of(from["comment"]);
    said.correction = text_of(from["correction"]);
    said.at = time_of(from["at"]);
    return said;
  }

  bool header(json::value from, std::string_view) {
    core_.created_ = time_of(from["created"]);
    core_.outbox_.begin_at(number_of(from["top"]));
    core_.streams_ = number_of(from["streams"]);
    core_.made_ids_ = number_of(from["made_ids"]);
    core_.calls_ = number_of(from["calls"]);
    core_.asked_ = number_of(from["asked"]);
    core_.usage_ = usage_of(from["usage"]);
    if (from["settings"].is_object()) settings(from, {});
    return chosen(from["chosen"], {}) && tokens(from, {});
  }

  bool settings(json::value from, std::string_view) {
    session_settings own = *core_.settings_;
    read_kept_settings(from["settings"], own);
    core_.change_settings(std::move(own));
    return true;
  }

  bool message(json::value from, std::string_view record) {
    const std::uint64_t seq = number_of(from["seq"]);
    const std::size_t at = record.find(records::frame_key);
    if (at == std::string_view::npos || seq != core_.next_seq()) return false;
    const std::size_t begin = at + records::frame_key.size();
    core_.outbox_.publish(std::string(record.substr(begin, record.size() - begin - 1)),
                          core_.ledger_);
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

  bool asked(json::value from, std::string_view) {
    const std::string id = text_of(from.is_object() ? from["id"] : from);
    core_.asked_ = std::max(core_.asked_, number_in(id));
    asked_.push_back(id);
    return !id.empty();
  }

  bool query(json::value from, std::string_view) {
    open_query open;
    open.accepted.query.id = text_of(from["id"]);
    open.accepted.query.meta = text_of(from["meta"]);
    open.accepted.stream = text_of(from["stream"]);
    open.accepted.streamed = from["streamed"].boolean().value_or(false);
    open.question = message_of(from["question"]);
    open.started = from["started"].boolean().value_or(false);
    open.asked = time_of(from["at"]);
    if (open.accepted.query.id.empty() || open.accepted.stream.empty()) return false;
    core_.streams_ = std::max(core_.streams_, number_in(open.accepted.stream));
    if (from["claimed"].boolean().value_or(false)) {
      take_claim(open.accepted.query.id, open.accepted.stream, open.asked);
    } else {
      ++core_.made_ids_;
    }
    open_.push_back(std::move(open));
    return true;
  }

  bool withdrawn(json::value from, std::string_view) {
    const std::string id = text_of(from["id"]);
    core_.claims_.drop(id);
    close(id);
    return !id.empty();
  }

  bool turn_ended(json::value from, std::string_view) {
    turn ended;
    ended.id = text_of(from["id"]);
    ended.stream = text_of(from["stream"]);
    ended.seq = number_of(from["seq"]);
    ended.asked = time_of(from["asked"]);
    ended.answered = time_of(from["answered"]);
    ended.model = text_of(from["model"]);
    ended.shown = text_of(from["shown"]);
    const auto status = wire::detail::status_of(text_of(from["status"]));
    auto question = message_of(from["question"]);
    if (!status || !question || ended.seq == 0) return false;
    ended.status = *status;
    ended.question = std::move(*question);
    ended.answer = message_of(from["answer"]);
    from["steps"].for_each_element([&](json::value each) {
      if (auto step = message_of(each)) ended.steps.push_back(std::move(*step));
    });
    from["feedback"].for_each_element(
        [&](json::value each) { ended.feedback.push_back(feedback_of(each)); });
    agent_websocket::conversation& all = core_.conversation_;
    if (from["again"].boolean().value_or(false) && !all.empty()) all.drop_last();
    all.begin(std::move(ended));
    core_.usage_ += usage_of(from["used"]);
    core_.calls_ = std::max(core_.calls_, number_of(from["calls"]));
    return true;
  }

  bool feedback(json::value from, std::string_view) {
    feedback_entry said = feedback_of(from);
    if (turn* const judged = core_.conversation_.find(said.answer))
      judged->feedback.push_back(std::move(said));
    return true;
  }

  bool clear(json::value, std::string_view) {
    core_.conversation_.clear();
    return true;
  }

  bool chosen(json::value from, std::string_view) {
    session_overrides& to = core_.overrides_;
    to = {};
    if (const auto text = from["model"].string()) to.model = std::string(*text);
    to.temperature = from["temperature"].number();
    if (const auto number = from["max_tokens"].integer()) to.max_tokens = static_cast<int>(*number);
    if (const auto text = from["system"].string()) to.system_prompt = std::string(*text);
    return true;
  }

  bool claim(json::value from, std::string_view) {
    const std::string id = text_of(from["id"]);
    if (id.empty()) return false;
    take_claim(id, text_of(from["stream"]), time_of(from["at"]));
    core_.claims_.ended(id, from["without_end"].boolean().value_or(false) ? claimed_ids::without_end
                                                                          : number_of(from["end"]));
    return true;
  }

  /// Claims grow old while nobody has the session, too.
  void take_claim(const std::string& id, std::string stream, wall_time since) {
    const auto age = std::max(at_.wall - since, wall_time::duration::zero());
    const time_point then = at_.now - std::chrono::duration_cast<duration>(age);
    core_.claims_.drop(id);
    core_.claims_.take(id, std::move(stream), then);
  }

  bool tokens(json::value from, std::string_view) {
    core_.tokens_.forget_all();
    bool right = true;
    from["tokens"].for_each_element([&](json::value each) {
      const auto bytes = decode_base64url(text_of(each["sha256"]));
      digest256 digest{};
      right = right && bytes && bytes->size() == digest.size();
      if (!right) return;
      std::copy(bytes->begin(), bytes->end(), digest.begin());
      core_.tokens_.kept(digest, each["known"].boolean().value_or(false));
    });
    return right;
  }

  void close(std::string_view id) {
    open_.erase(
        std::remove_if(open_.begin(), open_.end(),
                       [&](const open_query& each) { return each.accepted.query.id == id; }),
        open_.end());
  }

  /// The question stays in the conversation, so that its client can have it answered again.
  void end(const open_query& open) {
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
    core_.record([&] { return records::of_turn(cut, false, {}, core_.calls_); });
    core_.conversation_.begin(std::move(cut));
  }

  session_core& core_;
  moment at_;
  std::vector<open_query> open_;
  std::vector<std::string> asked_;
};

inline result<void> session_core::restore(const std::vector<std::string>& kept, moment at) {
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

}  // namespace agent_websocket
