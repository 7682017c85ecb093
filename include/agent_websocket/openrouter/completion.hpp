// SPDX-License-Identifier: MIT
//
// One completion from its first attempt to its end: sends the request, decodes the answer, waits
// and repeats, watches the clocks. Owned by basic_openrouter_client (client.hpp): begin reading
// there. Every callback holds the object alive: a sink may cancel it, or destroy the client.
#pragma once

#include <agent_websocket/base/random.hpp>
#include <agent_websocket/openrouter/clocks.hpp>
#include <agent_websocket/openrouter/error_reader.hpp>
#include <agent_websocket/openrouter/request.hpp>
#include <agent_websocket/openrouter/retry.hpp>
#include <agent_websocket/openrouter/settings.hpp>
#include <agent_websocket/openrouter/sink.hpp>
#include <agent_websocket/openrouter/stream_decoder.hpp>
#include <agent_websocket/policy/http_client.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace openrouter {

/// Who owns completions.
class completion_owner {
 public:
  /// The completion has ended for its sink; its connection is still read to its end.
  virtual void on_ended(completion_id id) = 0;
  /// Nothing is left of it.
  virtual void on_finished(completion_id id) = 0;

 protected:
  ~completion_owner() = default;
};

/// What a client has sent so far.
struct request_counts {
  std::uint64_t requests = 0;  ///< retries among them
  std::uint64_t retries = 0;
};

/// What all completions of a client share.
template <typename HttpClient, typename Scheduler>
struct client_surroundings {
  client_settings settings;
  result<void> checked;           ///< settings, once
  http::request whole, streamed;  ///< what is the same in all requests
  HttpClient& http;
  Scheduler& scheduler;
  random_source random;
  completion_owner& owner;
  request_counts counts{};
  json::shapes seen{};  ///< of the chunks of answers
};

template <typename HttpClient, typename Scheduler>
class basic_completion final
    : public http_sink,
      private answer_sink,
      public std::enable_shared_from_this<basic_completion<HttpClient, Scheduler>> {
 public:
  using surroundings = client_surroundings<HttpClient, Scheduler>;

  basic_completion(surroundings& around, completion_id id,
                   std::shared_ptr<const chat_request> request, completion_sink& sink)
      : around_(around), id_(id), request_(std::move(request)), sink_(&sink) {}

  void begin() {
    clocks_.start(now());
    send();
  }

  /// Ends it without a word.
  void abandon() {
    state_ = state::over;
    if (answer_) answer_->stop();
    stop_timer();
    stop_call();
  }

  void pause() {
    if (clocks_.paused() || state_ == state::over) return;
    clocks_.pause(now());
    if (call_ != 0) around_.http.pause(call_);
  }

  void resume() {
    if (!clocks_.paused() || state_ == state::over) return;
    clocks_.resume(now());
    if (call_ != 0) around_.http.resume(call_);
    watch();
  }

  // ---- http_sink

  void on_head(http_call_id, int status, const http::header_list& headers) override {
    const auto self = this->shared_from_this();
    status_ = status;
    clocks_.on_head(now());
    if (!is_success()) {
      headers_ = headers;
      return watch();
    }
    if (const auto id = headers.find("X-Generation-Id")) generation_id_.assign(*id);
    // Nobody asked for it; decoding what a client did not offer to decode would be guessing.
    if (const auto coding = headers.find("Content-Encoding"); is_coded(coding.value_or(""))) {
      failure why(errc::provider_error);
      why.why.detail =
          words_for_log("Content-Encoding that was not asked for: " + std::string(*coding));
      why.retryable = false;
      return give_up(std::move(why));
    }
    watch();
  }

  void on_body(http_call_id, std::string_view bytes) override {
    const auto self = this->shared_from_this();
    if (state_ != state::sent) return;
    const one_moment<Scheduler> moment(around_.scheduler);
    clocks_.on_bytes(now());
    if (!is_success()) {
      const std::size_t room = max_error_bytes - error_body_.size();
      error_body_.append(bytes.substr(0, room));
      if (bytes.size() >= room) give_up(http_failure());
      return;
    }
    answer_->feed(bytes, *this);
    if (state_ == state::sent && answer_->done()) conclude();
  }

  void on_complete(http_call_id, std::error_code failed, std::string_view detail) override {
    const auto self = this->shared_from_this();
    call_ = 0;
    if (state_ == state::draining) return finish_draining();
    if (state_ != state::sent) return;
    if (status_ != 0 && !is_success()) return give_up(http_failure());
    if (failed || status_ == 0) {
      const failure lost = connection_failure(failed, detail);
      answer_->finish(*this, &lost);
    } else {
      answer_->finish(*this);
    }
    if (state_ == state::sent) conclude();
  }

 private:
  enum class state { sent, waiting, draining, over };

  static constexpr std::size_t max_error_bytes = 64 * 1024;
  // For the few bytes of framing behind [DONE], so that the connection can be used again.
  static constexpr std::chrono::milliseconds drain_time{1'000};

  // ---- one attempt

  void send() {
    result<void> usable = around_.checked;
    http::request made = request_->stream ? around_.streamed : around_.whole;
    if (usable) {
      result<std::string> encoded = encode(*request_, around_.settings.dialect);
      if (encoded) {
        made.body = std::move(*encoded);
      } else {
        usable = encoded.error();
      }
    }
    answer_.emplace(around_.settings.limits, around_.settings.dialect, &around_.seen);
    state_ = state::sent;
    if (!usable) return refuse_later(usable.error());
    ++around_.counts.requests;
    if (++attempts_ > 1) ++around_.counts.retries;
    status_ = 0;
    headers_.clear();
    error_body_.clear();
    generation_id_.clear();
    clocks_.send(now(), request_->stream);
    call_ = around_.http.start(std::move(made), *this);
    watch();
  }

  /// Not at once: the sink is never called from inside start.
  void refuse_later(error why) {
    failure refused(std::move(why));
    refused.retryable = false;
    around_.scheduler.post([weak = this->weak_from_this(), refused] {
      const auto self = weak.lock();
      if (self && self->state_ == state::sent) self->give_up(refused);
    });
  }

  bool is_success() const noexcept { return status_ >= 200 && status_ <= 299; }
  static bool is_coded(std::string_view coding) noexcept {
    return !http::trim(coding).empty() && !http::iequals(http::trim(coding), "identity");
  }

  failure http_failure() const {
    return read_http_failure(status_, headers_, error_body_, context());
  }

  failure connection_failure(std::error_code failed, std::string_view detail) const {
    failure why(errc::connection_failed);
    if (failed == errc::timeout_connect) why = failure(errc::timeout_connect);
    if (!failed || failed == errc::protocol_error || failed == errc::too_large) {
      why = failure(errc::provider_error);
      why.retryable = failed != errc::too_large;
    }
    why.why.detail = words_for_log(detail, around_.settings.api_key);
    return why;
  }

  void give_up(failure why) {
    answer_->fail(std::move(why), *this);
    if (state_ == state::sent) conclude();
  }

  // ---- the end of an attempt

  /// The outcome of the attempt stands: repeat it, or report it.
  void conclude() {
    const bool begun = answer_->has_output();
    const bool reusable = answer_->saw_done() && !clocks_.paused();
    outcome ended = answer_->take_outcome();
    ended.attempts = attempts_;
    if (!generation_id_.empty()) ended.generation_id = generation_id_;
    if (ended.failed && !begun) {
      if (const auto wait = next_wait(*ended.failed)) return wait_and_repeat(*wait, *ended.failed);
    }
    stop_timer();
    request_.reset();
    if (call_ != 0 && reusable && !ended.failed) {
      state_ = state::draining;
      drained_by_ = now() + drain_time;
      watch();
      around_.owner.on_ended(id_);
    } else {
      state_ = state::over;
      stop_call();
      around_.owner.on_finished(id_);
    }
    sink_->on_complete(id_, std::move(ended));  // last: the client may be gone after it
  }

  std::optional<std::chrono::milliseconds> next_wait(const failure& why) {
    const auto wait = decide_retry(around_.settings.retry, attempts_, why, around_.random.unit());
    if (wait && clocks_.exceeds_total(around_.settings, now(), *wait)) return std::nullopt;
    return wait;
  }

  void wait_and_repeat(std::chrono::milliseconds wait, const failure& why) {
    stop_call();
    state_ = state::waiting;
    clocks_.wait(now(), wait);
    watch();
    sink_->on_retry(id_, attempts_, wait, why);
  }

  void stop_call() {
    if (call_ != 0) around_.http.cancel(std::exchange(call_, 0));
  }

  void finish_draining() {
    abandon();
    around_.owner.on_finished(id_);
  }

  // ---- answer_sink

  void on_begin(std::string_view model) override {
    request_.reset();  // from here on it is never sent again
    sink_->on_begin(id_, model);
  }
  void on_text(std::string_view text) override { sink_->on_text(id_, text); }
  void on_reasoning(std::string_view text) override { sink_->on_reasoning(id_, text); }
  failure_context context() const override {
    return {around_.scheduler.wall_now(), around_.settings.api_key};
  }

  // ---- clocks: one timer, moved only when it would fire too late

  time_point now() const { return around_.scheduler.now(); }

  std::optional<deadline> next_deadline() const {
    switch (state_) {
      case state::over: return std::nullopt;
      case state::draining: return deadline{drained_by_};
      case state::waiting: return deadline{clocks_.retry_at()};
      case state::sent: break;
    }
    return clocks_.next(around_.settings, answer_->has_output());
  }

  void watch() {
    const std::optional<deadline> next = next_deadline();
    if (!next || clocks_.paused()) return;
    if (timer_ != 0 && timer_at_ <= next->at) return;
    stop_timer();
    timer_at_ = next->at;
    // Stopped before this is destroyed, in abandon() and conclude(): needs no pointer that counts.
    timer_ = around_.scheduler.start_timer(timer_at_, [this] { on_timer(); });
  }

  void stop_timer() {
    if (timer_ != 0) around_.scheduler.cancel_timer(std::exchange(timer_, 0));
  }

  void on_timer() {
    const auto self = this->shared_from_this();
    timer_ = 0;
    if (clocks_.paused()) return;  // resume() watches again
    const std::optional<deadline> next = next_deadline();
    if (!next) return;
    if (next->at > now()) return watch();
    switch (state_) {
      case state::over: return;
      case state::draining: return finish_draining();
      case state::waiting: return send();
      case state::sent: break;
    }
    if (status_ != 0 && !is_success()) return give_up(http_failure());  // the status says more
    failure why(next->passed);
    // Whoever set the limit meant how long somebody waits, and the attempt may have been billed.
    why.retryable = false;
    give_up(std::move(why));
  }

  surroundings& around_;
  const completion_id id_;
  std::shared_ptr<const chat_request> request_;  // while it may be sent again
  completion_sink* sink_;
  std::optional<stream_decoder> answer_;
  http::header_list headers_;  // of a failed attempt
  std::string error_body_;
  std::string generation_id_;
  completion_clocks clocks_;
  time_point drained_by_, timer_at_;
  http_call_id call_ = 0;
  timer_id timer_ = 0;
  int attempts_ = 0;
  int status_ = 0;
  state state_ = state::waiting;
};

}  // namespace openrouter
}  // namespace agent_websocket
