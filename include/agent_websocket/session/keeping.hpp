// SPDX-License-Identifier: MIT
//
// The part of session_core that has to do with its store: what is recorded, what waits until that
// is kept, and what is refused while nothing can be kept. A query is accepted when its record is
// kept and not before; numbered messages and acknowledgements wait in the outbox.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/session/answering.hpp>
#include <agent_websocket/session/core.hpp>
#include <agent_websocket/session/ending.hpp>
#include <agent_websocket/session/kept_settings.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {

AGENT_WEBSOCKET_INLINE void session_core::change_settings(session_settings settings) {
  if (!shared_settings_) shared_settings_ = settings_;
  settings_ = std::make_shared<const session_settings>(std::move(settings));
  conversation_.limit_to(settings_->max_history, settings_->max_history_bytes);
  inbox_.limit_to(settings_->max_queue);
  if (!ledger_.is_on() || ledger_.made() == 0) return;
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "settings").key("settings");
  write_kept_settings(w, *settings_, **shared_settings_);
  w.end_object();
  ledger_.add(std::move(text));
}

/// The first record: who the session is, and all of it that no other record tells.
AGENT_WEBSOCKET_INLINE std::string session_core::header() const {
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "session").member("v", records::version).member("id", id_);
  w.member("epoch", epoch_).member("owner", owner().name).member("address", address_);
  if (owner().is_anonymous) w.member("anonymous", true);
  w.member("created", records::milliseconds(created_));
  w.member("top", outbox_.log().oldest() - 1).member("streams", tally().streams);
  w.member("made_ids", tally().ids).member("calls", tally().calls).member("asked", tally().asked);
  w.key("usage");
  records::write(w, tally().usage);
  w.key("chosen").begin_object();
  records::write(w, overrides());
  w.end_object();
  w.key("tokens");
  records::write(w, tokens_);
  if (shared_settings_) {
    w.key("settings");
    write_kept_settings(w, *settings_, **shared_settings_);
  }
  w.end_object();
  return text;
}

AGENT_WEBSOCKET_INLINE void session_core::record_tokens() {
  // Before the first record they are in the header.
  if (ledger_.is_on() && ledger_.made() != 0) ledger_.add(records::of_tokens(tokens_));
}

/// The id of what is done once, and has no terminal message.
AGENT_WEBSOCKET_INLINE void session_core::claim(const std::string& id, moment at) {
  if (id.empty()) return;
  claims_.take_without_end(id, at.now);
  record([&] { return records::of_claim(id, {{}, claimed_ids::without_end}, at.wall); });
}

/// True while nothing can be kept: what has to be is refused at once.
AGENT_WEBSOCKET_INLINE bool session_core::refuse_unkept(connection_id to, std::string_view ref,
                                                        moment at) {
  if (!ledger_.is_failing()) return false;
  refuse(to, ref, error(errc::internal, not_kept_words), at);
  return true;
}

/// The query of that id.
AGENT_WEBSOCKET_INLINE stored_query* session_core::find_storing(std::string_view id) noexcept {
  for (std::size_t i = 0; i < storing_.size(); ++i) {
    if (storing_[i].accepted.query.id == id) return &storing_[i];
  }
  return nullptr;
}

/// The one that a `cancel` means: of that id or stream, or the first.
AGENT_WEBSOCKET_INLINE stored_query* session_core::find_meant(std::string_view ref) noexcept {
  for (std::size_t i = 0; i < storing_.size(); ++i) {
    const accepted_query& each = storing_[i].accepted;
    if (ref.empty() || each.query.id == ref || each.stream == ref) return &storing_[i];
  }
  return nullptr;
}

/// Nothing of what waits to be accepted is: its clients are told so.
AGENT_WEBSOCKET_INLINE void session_core::withdraw(const error& why, moment at) {
  while (!storing_.empty()) {
    const stored_query each = storing_.take_front();
    if (each.with_id) claims_.drop(each.accepted.query.id);
    record([&] { return records::of_withdrawal(each.accepted.query.id); });
    refuse(each.accepted.from, each.accepted.query.id, why, at);
  }
}

AGENT_WEBSOCKET_INLINE void session_core::kept(std::uint64_t count, moment at) {
  ledger_.confirm(count);
  outbox_.release(ledger_);
  while (!storing_.empty() && storing_.front().records <= count) enter(storing_.take_front(), at);
  if (close_waits_ && ledger_.all_kept()) close_now();
}

AGENT_WEBSOCKET_INLINE void session_core::not_kept(moment at) {
  if (ledger_.is_failing()) return;
  ledger_.fail();
  withdraw(error(errc::internal, not_kept_words), at);
  if (close_waits_) close_now();
  begin_next(at);
}

AGENT_WEBSOCKET_INLINE void session_core::lose(const error& why, moment at) {
  if (closing_) {
    if (close_waits_) close_now();
    return;
  }
  const bool moved = why.code == errc::moved;
  withdraw(error(errc::internal, not_kept_words), at);
  if (!moved) refuse(0, {}, error(errc::internal, not_kept_words), at);
  if (run_) actions_.push_back(action::cancel_completion{run_->number});
  run_.reset();
  while (inbox_.take_next()) {
  }
  closing_.emplace(action::close_session{static_cast<std::uint16_t>(moved ? 4003 : 4000),
                                         moved ? "moved" : "server_error"});
  close_now();
}

AGENT_WEBSOCKET_INLINE void session_core::close_now() {
  close_waits_ = false;
  actions_.push_back(action::close_session{closing_->code, closing_->reason});
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> session_core::checkpoint(moment at) const {
  std::vector<std::string> all;
  all.push_back(header());
  for (const turn& each : conversation_.turns()) {
    const bool is_replaced = each.running() && run_ && run_->replaced;
    const turn& whole = is_replaced ? *run_->replaced : each;
    if (!whole.running()) all.push_back(records::of_turn(whole, false, {}, tally().calls));
  }
  const message_log& log = outbox_.log();
  for (std::uint64_t seq = log.oldest(); seq <= log.top(); ++seq)
    all.push_back(records::of_message(seq, {}, log.at(seq)));
  claims_.for_each([&](const std::string& id, const claimed_ids::claim& claimed, time_point since) {
    const auto age = std::chrono::duration_cast<wall_time::duration>(at.now - since);
    all.push_back(records::of_claim(id, claimed, at.wall - age));
  });
  const auto add_open = [&](const accepted_query& open, bool started) {
    all.push_back(records::of_query(open, false, started, tally().calls, at.wall));
  };
  if (run_) add_open(run_->of, run_->started);
  for (std::size_t i = 0; i < inbox_.size(); ++i) add_open(inbox_[i], false);
  for (std::size_t i = 0; i < storing_.size(); ++i) add_open(storing_[i].accepted, false);
  for (const auto& each : requests_.all()) all.push_back(records::of_request(each.id));
  return all;
}

}  // namespace agent_websocket

#endif
