// SPDX-License-Identifier: MIT
//
// What a session needs while it answers: its request upstream, the clock of its query and the tools
// that run. One object, made with the first query, so that sessions which are asked nothing hold a
// pointer.
#pragma once

#include <agent_websocket/session/model_call.hpp>
#include <agent_websocket/session/query_clock.hpp>
#include <agent_websocket/session/tool_runner.hpp>

#include <memory>

namespace agent_websocket {

/// `Session` is a basic_session.
template <typename Session, typename Client, typename Scheduler>
class session_work {
 public:
  struct parts {
    template <typename Surroundings>
    explicit parts(Surroundings& around)
        : call(around.client, around.slots, around.scheduler),
          timeout(around.scheduler),
          tools(around.scheduler) {}

    run_number run = 0;  ///< that it is for
    model_call<Client, Scheduler> call;
    query_clock<Scheduler> timeout;
    tool_runner<Session, Scheduler> tools;
  };

  /// Makes the parts where there are none. `around` outlives them.
  template <typename Surroundings>
  parts& in(Surroundings& around) {
    if (parts_ == nullptr) parts_ = std::make_unique<parts>(around);
    return *parts_;
  }
  /// The request upstream, if one runs; else null.
  model_call<Client, Scheduler>* running_call() noexcept {
    return parts_ != nullptr && parts_->call.runs() ? &parts_->call : nullptr;
  }
  /// Nothing is under way any more.
  void stop() {
    if (parts_ == nullptr) return;
    parts_->timeout.stop();
    parts_->tools.stop();
    parts_->call.stop();
  }

 private:
  std::unique_ptr<parts> parts_;
};

}  // namespace agent_websocket
