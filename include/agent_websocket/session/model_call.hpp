// SPDX-License-Identifier: MIT
//
// The one request that a session has upstream: waits in line for a slot, is started, held up while
// nobody takes the answer, and stopped. What upstream says goes to the session itself.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/limits/upstream_slots.hpp>
#include <agent_websocket/openrouter/client.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/session/actions.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace agent_websocket {

/// How a completion ended, as the core wants to know it. An upstream's own words may name its
/// insides: they stay in the detail, for the log and the application. What is no code of the wire
/// is a failure of the provider, or of the way to it. `offered_tools`: the request had some.
completion_result result_of(openrouter::outcome outcome, bool offered_tools = true);

/// For the log.
std::string describe(const openrouter::outcome& outcome);

template <typename Client, typename Scheduler>
class model_call {
 public:
  model_call(Client& client, upstream_slots& slots, Scheduler& scheduler)
      : client_(client), slots_(slots), scheduler_(scheduler) {}
  model_call(const model_call&) = delete;
  model_call& operator=(const model_call&) = delete;
  ~model_call() { stop(); }

  /// Calls begin() now or when a slot is free; it is to call start(). Precondition: there is no
  /// call.
  template <typename Begin>
  void await_turn(Begin begin) {
    if (slots_.try_acquire()) {
      holds_slot_ = true;
      return begin();
    }
    place_ = slots_.wait([this, begin = std::move(begin)] {
      place_ = 0;
      holds_slot_ = true;
      begin();
    });
  }
  void start(std::shared_ptr<const openrouter::chat_request> request,
             openrouter::completion_sink& sink) {
    // An application may offer tools of its own in one or the other.
    offers_tools_ =
        !request->tools.empty() || request->extra.find("\"tools\"") != std::string::npos;
    id_ = client_.start(std::move(request), sink);
  }
  /// The last request that was started had tools.
  bool offers_tools() const noexcept { return offers_tools_; }

  /// Upstream has said its last word.
  void ended() {
    id_ = 0;
    end_hold_up();
    free_slot();
  }
  void stop() {
    if (id_ != 0) client_.cancel(std::exchange(id_, 0));
    if (place_ != 0) slots_.withdraw(std::exchange(place_, 0));
    end_hold_up();
    free_slot();
  }

  bool runs() const noexcept { return id_ != 0; }
  bool held_up() const noexcept { return held_up_; }
  /// Stops reading. When that lasts for `limit`, calls too_long(), once. Precondition: runs().
  void hold_up(duration limit, std::function<void()> too_long) {
    held_up_ = true;
    client_.pause(id_);
    timer_ =
        scheduler_.start_timer(scheduler_.now() + limit, [this, too_long = std::move(too_long)] {
          timer_ = 0;
          const auto call = too_long;  // this may be gone before it returns
          call();
        });
  }
  void go_on() {
    end_hold_up();
    client_.resume(id_);
  }

 private:
  void end_hold_up() {
    held_up_ = false;
    if (timer_ != 0) scheduler_.cancel_timer(std::exchange(timer_, 0));
  }
  void free_slot() {
    if (std::exchange(holds_slot_, false)) slots_.release();
  }

  Client& client_;
  upstream_slots& slots_;
  Scheduler& scheduler_;
  openrouter::completion_id id_ = 0;
  upstream_slots::ticket place_ = 0;
  timer_id timer_ = 0;
  bool holds_slot_ = false;
  bool held_up_ = false;
  bool offers_tools_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE completion_result result_of(openrouter::outcome outcome,
                                                   bool offered_tools) {
  completion_result result;
  if (outcome.failed) {
    const error& why = outcome.failed->why;
    const bool is_of_the_way =
        why.code == errc::connection_failed || why.code == errc::protocol_error;
    const errc code = is_of_the_way ? errc::provider_error : why.code;
    result.failure = error(code, message_of(code), why.message + "; " + why.detail);
    result.retry_after = outcome.failed->retry_after;
    // The upstream knows better than the code; a time limit is ours.
    const bool is_ours = code == errc::timeout_connect || code == errc::timeout_first_token ||
                         code == errc::timeout_idle;
    result.retryable = is_retryable(code) && (outcome.failed->retryable || is_ours);
  }
  result.finish_reason = std::move(outcome.finish_reason);
  result.model = std::move(outcome.model);
  result.usage = std::move(outcome.usage.json);
  result.tool_calls = std::move(outcome.tool_calls);
  result.unoffered_call = !offered_tools && !result.tool_calls.empty();
  result.reasoning_details = std::move(outcome.reasoning_details);
  result.annotations = std::move(outcome.annotations);
  result.images = std::move(outcome.images);
  result.generation_id = std::move(outcome.generation_id);
  result.provider = std::move(outcome.provider);
  result.used = {1,
                 outcome.usage.prompt_tokens.value_or(0),
                 outcome.usage.completion_tokens.value_or(0),
                 outcome.usage.cost.value_or(0),
                 outcome.usage.prompt_tokens || outcome.usage.completion_tokens,
                 outcome.usage.cost.has_value()};
  return result;
}

AGENT_WEBSOCKET_INLINE std::string describe(const openrouter::outcome& outcome) {
  std::string text;
  text.reserve(200);
  if (outcome.failed) {
    const error& why = outcome.failed->why;
    text.append(to_string(why.code)).append(" ").append(why.detail).append(" ");
  }
  text.append(outcome.generation_id.empty() ? "no id" : outcome.generation_id);
  const auto add = [&text](std::string_view name, std::string_view value) {
    if (!value.empty()) text.append(" ").append(name).append("=").append(value);
  };
  add("model", outcome.model);
  add("provider", outcome.provider);
  add("finish", outcome.finish_reason);
  if (outcome.usage.prompt_tokens) add("prompt", std::to_string(*outcome.usage.prompt_tokens));
  if (outcome.usage.completion_tokens)
    add("completion", std::to_string(*outcome.usage.completion_tokens));
  if (outcome.usage.cost) add("cost", json::print_double(*outcome.usage.cost));
  if (outcome.attempts > 1) add("attempts", std::to_string(outcome.attempts));
  return text;
}

#endif

}  // namespace agent_websocket
