// SPDX-License-Identifier: MIT
//
// How the messages of a session go out: with the time of their making, into the outbox, to one
// socket or to all. What gets a number is put there by session_core itself, since it is recorded
// too (core.hpp).
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/timestamp.hpp>
#include <agent_websocket/session/core_view.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

class core_output : public core_view {
 public:
  outbox& output() noexcept { return outbox_; }
  const outbox& output() const noexcept { return outbox_; }
  std::string_view timestamp(wall_time at) const { return shared_timestamp(at); }

 protected:
  core_output(std::string id, std::string epoch, std::shared_ptr<const session_settings> settings,
              moment at);
  core_output(core_output&&) = default;
  core_output& operator=(core_output&&) = default;
  ~core_output() = default;

  std::uint64_t next_seq() const noexcept { return outbox_.next_seq(); }

  template <typename Message>
  std::string encoded(const Message& message, moment at) {
    return outbox_.encoded(message, timestamp(at.wall));
  }
  template <typename Message>
  void put_control(connection_id to, const Message& message, moment at) {
    outbox_.put_control(to, encoded(message, at));
  }
  template <typename Message>
  void put_ordered(connection_id to, const Message& message, moment at) {
    outbox_.put_ordered(to, encoded(message, at));
  }
  /// For what says that something is done: goes out when that is kept.
  template <typename Message>
  void put_kept(connection_id to, const Message& message, moment at) {
    outbox_.put_control(to, encoded(message, at), ledger_);
  }
  void put_welcome(connection_id to, const wire::welcome& said, moment at);
  std::string live_notice(moment at);
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE core_output::core_output(std::string id, std::string epoch,
                                                std::shared_ptr<const session_settings> settings,
                                                moment at)
    : core_view(std::move(id), std::move(epoch), std::move(settings), at) {}

AGENT_WEBSOCKET_INLINE void core_output::put_welcome(connection_id to, const wire::welcome& said,
                                                     moment at) {
  outbox_.put_welcome(to, encoded(said, at), ledger_);
}

AGENT_WEBSOCKET_INLINE std::string core_output::live_notice(moment at) {
  return encoded(wire::status{"live", {}, {}, {}, {}, outbox_.log().top(), {}}, at);
}

#endif

}  // namespace agent_websocket
