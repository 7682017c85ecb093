// SPDX-License-Identifier: MIT
//
// The tool calls of one session that are under way, and their clocks: runs the application's
// handlers and tells the session what they answer. What a call means to the run is the core's
// business.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/session/tool_handler.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace agent_websocket {

template <typename Session, typename Scheduler>
class tool_runner {
 public:
  explicit tool_runner(Scheduler& scheduler) : scheduler_(scheduler) {}
  tool_runner(const tool_runner&) = delete;
  tool_runner& operator=(const tool_runner&) = delete;
  ~tool_runner() { stop(); }

  /// Makes the call and its reply for handler(invocation, reply). The reply comes back by
  /// session.tool_ended on the executor, never from inside.
  template <typename Handler>
  void run(const std::weak_ptr<Session>& session, const action::run_tool& what, Handler&& handler) {
    const auto cancellation = std::make_shared<tool_cancellation>();
    calls_[what.call] = cancellation;
    handler(tool_invocation<Session>(what.call, what.name, what.arguments, session, cancellation),
            tool_reply([session, &scheduler = scheduler_, run = what.run,
                        call = what.call](tool_result result) {
              scheduler.post([session, run, call, result = std::move(result)]() mutable {
                if (const auto alive = session.lock())
                  alive->tool_ended(run, call, std::move(result));
              });
            }));
  }

  /// Calls over() after `limit`, once, unless end(id) or stop() comes first.
  void start_clock(const std::string& id, duration limit, std::function<void()> over) {
    stop_clock(id);
    clocks_[id] =
        scheduler_.start_timer(scheduler_.now() + limit, [this, id, over = std::move(over)] {
          clocks_.erase(id);
          const auto call = over;  // this may be gone before it returns
          call();
        });
  }

  /// The call has its result. `answered` by its handler; else the handler is told to give up.
  void end(const std::string& id, bool answered) {
    stop_clock(id);
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    const auto cancellation = std::move(found->second);
    calls_.erase(found);
    answered ? cancellation->finish() : cancellation->cancel();
  }

  /// The run is over: whatever is under way is cancelled.
  void stop() {
    for (const auto& each : std::exchange(clocks_, {})) scheduler_.cancel_timer(each.second);
    for (const auto& each : std::exchange(calls_, {})) each.second->cancel();
  }

 private:
  void stop_clock(const std::string& id) {
    const auto found = clocks_.find(id);
    if (found == clocks_.end()) return;
    scheduler_.cancel_timer(found->second);
    clocks_.erase(found);
  }

  Scheduler& scheduler_;
  std::map<std::string, std::shared_ptr<tool_cancellation>> calls_;
  std::map<std::string, timer_id> clocks_;
};

}  // namespace agent_websocket
