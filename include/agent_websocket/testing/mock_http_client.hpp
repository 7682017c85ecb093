// SPDX-License-Identifier: MIT
//
// Model of the requirement HttpClient (policy/http_client.hpp) without a network: records the
// requests and answers them as the test says. It does not look at what is sent.
//
// When sinks are called: by run() (everything), by step() (one step), and by the driving functions
// (respond... and complete), which deliver at once. Never from inside start, cancel, pause, resume.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/policy/http_client.hpp>
#include <agent_websocket/testing/http_script.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace testing {

/// Answers requests from scripts and by hand. What arrives for a paused call waits until it is
/// resumed (and run); what arrives for a completed or cancelled call is dropped.
///
///     http.reply_with(http_script().head(200).body(sse("{...}")).body(sse("[DONE]")).complete());
///     ... the code under test calls http.start() ...
///     http.run();
class mock_http_client {
 public:
  enum class call_state { open, completed, cancelled };

  /// One request that was started.
  struct call {
    http_call_id id = 0;
    http::request request;
    call_state state = call_state::open;
    bool paused = false;
    bool head_delivered = false;
    std::size_t body_bytes_delivered = 0;

   private:
    friend class mock_http_client;
    http_sink* sink = nullptr;
    std::vector<http_step> steps;
    std::size_t next = 0;  // in steps
    bool is_idle() const noexcept { return next == steps.size(); }
    std::size_t cut = http_script::never;
  };

  mock_http_client() = default;
  mock_http_client(const mock_http_client&) = delete;
  mock_http_client& operator=(const mock_http_client&) = delete;

  // --- the requirement ---------------------------------------------------------------------------

  http_call_id start(http::request request, http_sink& sink);

  void cancel(http_call_id id);
  void pause(http_call_id id);
  void resume(http_call_id id);

  // --- what was asked ----------------------------------------------------------------------------

  /// All calls, oldest first; start() invalidates references into it.
  const std::vector<call>& calls() const noexcept { return calls_; }

  /// The call started last; throws std::logic_error when there was none.
  const call& last() const;

  /// How many calls are neither completed nor cancelled.
  std::size_t open_calls() const;

  // --- scripts and faults ------------------------------------------------------------------------

  /// Answers the next call that has no script yet.
  void reply_with(http_script script);

  /// Answers every call for which reply_with has left nothing.
  void reply_by(std::function<http_script(const http::request&)> answer);

  /// How many scripts no call has taken yet.
  std::size_t scripts_left() const noexcept { return scripts_.size(); }

  /// Cuts the body of the next call that is started: after `bytes` of it, connection_failed.
  void cut_after(std::size_t bytes) { cut_next_ = bytes; }
  /// The same for a call that is open.
  void cut_after(http_call_id id, std::size_t bytes);

  /// From now on bodies are delivered in pieces of at most `bytes` (0: as they were given), each
  /// of them a step.
  void split(std::size_t bytes) { piece_ = bytes; }

  // --- driving: id names a call of this client; from inside a sink function it is only queued
  // ------

  void respond_head(http_call_id id, int status, http::header_list headers = {});
  void respond_body(http_call_id id, std::string bytes);
  void complete(http_call_id id, std::error_code failure = {}, std::string detail = "");
  /// A whole answer.
  void respond(http_call_id id, int status, http::header_list headers, std::string body);

  /// Delivers one step; calls with something to deliver take turns. False when there is none.
  bool step();

  /// Delivers everything that is not paused; returns how many steps that were.
  std::size_t run();

 private:
  // Set while a sink function runs, also when that throws (a failed REQUIRE does).
  class delivery_mark {
   public:
    explicit delivery_mark(bool& flag) : flag_(flag), outer_(std::exchange(flag, true)) {}
    ~delivery_mark() { flag_ = outer_; }
    delivery_mark(const delivery_mark&) = delete;
    delivery_mark& operator=(const delivery_mark&) = delete;

   private:
    bool& flag_;
    bool outer_;
  };

  bool is_open(http_call_id id) const;
  call& at(http_call_id id) { return calls_[id - 1]; }

  static void end(call& ended, call_state state);

  void drive(http_call_id id, const http_script& script);

  static bool is_cut(const call& of);

  // The next thing that the sink of `from` has to see: a whole step, a piece of one, or the cut.
  http_step take_step(call& from);

  // Sinks may start further calls, so nothing refers into calls_ once one is called.
  bool deliver(http_call_id id);

  std::vector<call> calls_;
  fifo<http_script> scripts_;
  std::function<http_script(const http::request&)> answer_;
  std::size_t cut_next_ = http_script::never;
  std::size_t piece_ = 0;
  std::size_t turn_ = 0;
  bool delivering_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE http_call_id mock_http_client::start(http::request request,
                                                            http_sink& sink) {
  call started;
  started.id = static_cast<http_call_id>(calls_.size() + 1);
  started.request = std::move(request);
  started.sink = &sink;
  http_script script;
  if (!scripts_.empty()) {
    script = scripts_.take_front();
  } else if (answer_) {
    script = answer_(started.request);
  }
  started.steps = script.steps();
  started.cut = script.cut();
  started.cut = std::min(started.cut, std::exchange(cut_next_, http_script::never));
  calls_.push_back(std::move(started));
  return calls_.back().id;
}

AGENT_WEBSOCKET_INLINE void mock_http_client::cancel(http_call_id id) {
  if (is_open(id)) end(at(id), call_state::cancelled);
}

AGENT_WEBSOCKET_INLINE void mock_http_client::pause(http_call_id id) {
  if (is_open(id)) at(id).paused = true;
}

AGENT_WEBSOCKET_INLINE void mock_http_client::resume(http_call_id id) {
  if (is_open(id)) at(id).paused = false;
}

AGENT_WEBSOCKET_INLINE const mock_http_client::call& mock_http_client::last() const {
  if (calls_.empty()) throw std::logic_error("mock_http_client: nothing was requested");
  return calls_.back();
}

AGENT_WEBSOCKET_INLINE std::size_t mock_http_client::open_calls() const {
  return static_cast<std::size_t>(std::count_if(calls_.begin(), calls_.end(), [](const call& each) {
    return each.state == call_state::open;
  }));
}

AGENT_WEBSOCKET_INLINE void mock_http_client::reply_with(http_script script) {
  scripts_.push_back(std::move(script));
}

AGENT_WEBSOCKET_INLINE void mock_http_client::reply_by(
    std::function<http_script(const http::request&)> answer) {
  answer_ = std::move(answer);
}

AGENT_WEBSOCKET_INLINE void mock_http_client::cut_after(http_call_id id, std::size_t bytes) {
  if (is_open(id)) at(id).cut = bytes;
}

AGENT_WEBSOCKET_INLINE void mock_http_client::respond_head(http_call_id id, int status,
                                                           http::header_list headers) {
  drive(id, http_script().head(status, std::move(headers)));
}

AGENT_WEBSOCKET_INLINE void mock_http_client::respond_body(http_call_id id, std::string bytes) {
  drive(id, http_script().body(std::move(bytes)));
}

AGENT_WEBSOCKET_INLINE void mock_http_client::complete(http_call_id id, std::error_code failure,
                                                       std::string detail) {
  drive(id, http_script().complete(failure, std::move(detail)));
}

AGENT_WEBSOCKET_INLINE void mock_http_client::respond(http_call_id id, int status,
                                                      http::header_list headers, std::string body) {
  drive(id, http_script().head(status, std::move(headers)).body(std::move(body)).complete());
}

AGENT_WEBSOCKET_INLINE bool mock_http_client::step() {
  for (std::size_t tried = 0; tried < calls_.size(); ++tried) {
    if (turn_ >= calls_.size()) turn_ = 0;
    if (deliver(calls_[turn_++].id)) return true;
  }
  return false;
}

AGENT_WEBSOCKET_INLINE std::size_t mock_http_client::run() {
  std::size_t count = 0;
  while (step()) ++count;
  return count;
}

AGENT_WEBSOCKET_INLINE bool mock_http_client::is_open(http_call_id id) const {
  return id != 0 && id <= calls_.size() && calls_[id - 1].state == call_state::open;
}

AGENT_WEBSOCKET_INLINE void mock_http_client::end(call& ended, call_state state) {
  ended.state = state;
  ended.steps.clear();
  ended.next = 0;
}

AGENT_WEBSOCKET_INLINE void mock_http_client::drive(http_call_id id, const http_script& script) {
  if (id == 0 || id > calls_.size()) throw std::logic_error("mock_http_client: no such call");
  if (!is_open(id)) return;
  call& driven = at(id);
  for (const http_step& each : script.steps()) driven.steps.push_back(each);
  driven.cut = std::min(driven.cut, script.cut());
  while (!delivering_ && deliver(id)) continue;
}

AGENT_WEBSOCKET_INLINE bool mock_http_client::is_cut(const call& of) {
  return of.head_delivered && of.body_bytes_delivered >= of.cut;
}

AGENT_WEBSOCKET_INLINE http_step mock_http_client::take_step(call& from) {
  if (is_cut(from)) return http_step::completion(errc::connection_failed, "cut by the test");
  http_step& front = from.steps[from.next];
  if (front.what != http_step::kind::body) {
    http_step whole = std::move(front);
    ++from.next;
    return whole;
  }
  std::size_t size = std::min(front.bytes.size(), from.cut - from.body_bytes_delivered);
  if (piece_ != 0) size = std::min(size, piece_);
  http_step piece = http_step::piece_of_body(front.bytes.substr(0, size));
  front.bytes.erase(0, size);
  if (front.bytes.empty()) ++from.next;
  return piece;
}

AGENT_WEBSOCKET_INLINE bool mock_http_client::deliver(http_call_id id) {
  if (!is_open(id) || at(id).paused) return false;
  call& from = at(id);
  if (from.is_idle() && !is_cut(from)) return false;
  const http_step next = take_step(from);
  http_sink& sink = *from.sink;
  const delivery_mark mark(delivering_);
  switch (next.what) {
    case http_step::kind::head:
      if (from.head_delivered) throw std::logic_error("mock_http_client: a second head");
      from.head_delivered = true;
      sink.on_head(id, next.status, next.headers);
      break;
    case http_step::kind::body:
      if (!from.head_delivered) throw std::logic_error("mock_http_client: body before head");
      from.body_bytes_delivered += next.bytes.size();
      sink.on_body(id, next.bytes);
      break;
    case http_step::kind::complete:
      end(from, call_state::completed);
      sink.on_complete(id, next.failure, next.bytes);
      break;
  }
  return true;
}

#endif

}  // namespace testing
}  // namespace agent_websocket
