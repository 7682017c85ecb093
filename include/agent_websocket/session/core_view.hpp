// SPDX-License-Identifier: MIT
//
// What can be asked of a session without changing it: whose it is, what it holds, whether it runs,
// waits, closes or could be done without. The base of session_core, whose events (core.hpp) change
// it.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/session/core_data.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

class core_view : protected core_data {
 public:
  const std::string& id() const noexcept { return id_; }
  const principal& owner() const noexcept;
  const std::string& address() const noexcept { return address_; }
  const session_settings& settings() const noexcept { return *settings_; }
  const agent_websocket::conversation& history() const noexcept { return conversation_; }
  const agent_websocket::inbox& waiting() const noexcept { return inbox_; }
  bool closing() const noexcept { return closing_.has_value(); }
  bool running() const noexcept { return run_.has_value(); }
  bool is_current(run_number run) const noexcept { return run_ && run_->number == run; }
  /// True when an answer runs or waits: such a session is not idle.
  bool busy() const noexcept { return run_.has_value() || !inbox_.empty() || !storing_.empty(); }
  /// False while its client has neither said nor been told anything that it could come back for.
  bool worth_keeping() const noexcept { return spoken_ || outbox_.log().top() != 0; }
  bool accepts_token(std::string_view token) const noexcept { return tokens_.accepts(token); }
  time_point last_activity() const noexcept { return active_.now; }
  bool has_actions() const noexcept { return !actions_.empty(); }
  /// Something is to be carried out or kept.
  bool has_work() const noexcept { return has_actions() || ledger_.has_fresh(); }
  /// What can be streamed now; run 0 when nothing is.
  live_answer streamed() const noexcept;
  /// It is not to be found in the store again.
  bool ended_for_good() const noexcept;

 protected:
  core_view(std::string id, std::string epoch, std::shared_ptr<const session_settings> settings,
            moment at);
  core_view(core_view&&) = default;
  core_view& operator=(core_view&&) = default;
  ~core_view() = default;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE core_view::core_view(std::string id, std::string epoch,
                                            std::shared_ptr<const session_settings> settings,
                                            moment at)
    : core_data(std::move(id), std::move(epoch), std::move(settings), at) {}

AGENT_WEBSOCKET_INLINE const principal& core_view::owner() const noexcept {
  static const principal nobody = principal::anonymous();
  return owner_ ? *owner_ : nobody;
}

AGENT_WEBSOCKET_INLINE live_answer core_view::streamed() const noexcept {
  if (!run_ || !run_->started) return {};
  return {run_->number, run_->of.stream, run_->text,
          run_->chunks, run_->reasoning, run_->reasoning_chunks};
}

AGENT_WEBSOCKET_INLINE bool core_view::ended_for_good() const noexcept {
  return closing_ && closing_->code != 1012 && closing_->code / 100 != 40;
}

#endif

}  // namespace agent_websocket
