// SPDX-License-Identifier: MIT
//
// What a session_core consists of. Data only, and its beginning; core.hpp has the events that it
// takes, and names the headers that work on it.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/base/timestamp.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/session/claims.hpp>
#include <agent_websocket/session/client_tools.hpp>
#include <agent_websocket/session/conversation.hpp>
#include <agent_websocket/session/feedback_requests.hpp>
#include <agent_websocket/session/inbox.hpp>
#include <agent_websocket/session/ledger.hpp>
#include <agent_websocket/session/outbox.hpp>
#include <agent_websocket/session/records.hpp>
#include <agent_websocket/session/replies.hpp>
#include <agent_websocket/session/resume_tokens.hpp>
#include <agent_websocket/session/run.hpp>
#include <agent_websocket/session/settings.hpp>
#include <agent_websocket/session/state.hpp>
#include <agent_websocket/session/used_call_ids.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {

/// When an event happened, by both clocks.
struct moment {
  time_point now;
  wall_time wall;
};

/// What a session has made so far, for the names of what it makes next, and what that took.
struct session_tally {
  run_number runs = 0;
  std::uint64_t streams = 0;
  std::uint64_t ids = 0;
  std::uint64_t calls = 0;
  std::uint64_t asked = 0;
  usage_totals usage;
};

struct core_data {
  /// Precondition: `settings` is not null.
  core_data(std::string id, std::string epoch, std::shared_ptr<const session_settings> settings,
            moment at);

  session_tally& tally() { return tally_.need(); }
  const session_tally& tally() const noexcept;
  const session_overrides& overrides() const noexcept;

  std::string id_;
  std::string epoch_;
  boxed<principal> owner_;  ///< none: an anonymous one
  std::string address_;
  std::shared_ptr<const session_settings> settings_;
  boxed<std::shared_ptr<const session_settings>> shared_settings_;  ///< when it has some of its own
  boxed<session_overrides> overrides_;  ///< none: its client has chosen nothing
  agent_websocket::conversation conversation_;
  agent_websocket::inbox inbox_;
  claimed_ids claims_;
  outbox outbox_;
  resume_tokens tokens_;
  agent_websocket::client_tools client_tools_;
  feedback_requests requests_;
  used_call_ids call_ids_;
  boxed<current_run> run_;
  ledger ledger_;
  fifo<stored_query> storing_;  ///< accepted, but not before their records are kept
  fifo<session_action> actions_;
  boxed<session_tally> tally_;  ///< none: it has done nothing yet
  wall_time created_;
  moment active_;
  bool spoken_ = false;
  bool grace_over_ = false;  // nobody came back in time, but a person is asked
  bool held_ = false;        // the next query is not to begin yet
  bool draining_ = false;
  bool close_waits_ = false;              // for the last records to be kept
  boxed<action::close_session> closing_;  // how
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE core_data::core_data(std::string id, std::string epoch,
                                            std::shared_ptr<const session_settings> settings,
                                            moment at)
    : id_(std::move(id)),
      epoch_(std::move(epoch)),
      settings_(std::move(settings)),
      conversation_(settings_->max_history, settings_->max_history_bytes),
      inbox_(settings_->max_queue),
      // A client that comes back at the last moment may repeat what it sent before it went.
      claims_(claimed_ids::max_age + settings_->resume_window),
      outbox_(message_log(settings_->max_log_messages, settings_->max_log_bytes)),
      created_(at.wall),
      active_(at) {}

AGENT_WEBSOCKET_INLINE const session_tally& core_data::tally() const noexcept {
  static const session_tally none;
  return tally_ ? *tally_ : none;
}

AGENT_WEBSOCKET_INLINE const session_overrides& core_data::overrides() const noexcept {
  static const session_overrides none;
  return overrides_ ? *overrides_ : none;
}

#endif

}  // namespace agent_websocket
