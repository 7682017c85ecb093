// SPDX-License-Identifier: MIT
//
// What the application's handler of a tool gets: the call with its arguments, and the way to answer
// it, now or later. A call ends once: by its answer, its time limit, or the end of the run.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/session/tool.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Whether a call is still wanted. Shared by the session and the handler; on the executor only.
class tool_cancellation {
 public:
  bool cancelled() const noexcept { return cancelled_; }
  /// Runs f at once when the call was cancelled before.
  void on_cancel(std::function<void()> f);
  /// The first call of cancel() or finish() counts.
  void cancel();
  void finish();

 private:
  bool cancelled_ = false;
  bool over_ = false;
  std::vector<std::function<void()>> actions_;
};

/// Ends one call: reply(text) with what the model is to be told, or reply.fail(words). The first
/// counts, later ones are ignored. Copyable; may be called from any thread while the server lives.
class tool_reply {
 public:
  explicit tool_reply(std::function<void(tool_result)> send) : send_(std::move(send)) {}

  /// `text` is usually JSON; the model reads it as it is.
  void operator()(std::string text) const { send_({std::move(text), false}); }
  /// The model is told that the tool failed, and why.
  void fail(std::string words) const { send_(tool_result::failure(std::move(words))); }

 private:
  std::function<void(tool_result)> send_;
};

/// One call of a tool. Copyable.
template <typename Session>
class tool_invocation {
 public:
  /// Precondition: `arguments_text` is a JSON object that fits the tool's parameters.
  tool_invocation(std::string call_id, std::string tool_name, std::string arguments_text,
                  std::weak_ptr<Session> session, std::shared_ptr<tool_cancellation> cancellation)
      : id(std::move(call_id)),
        name(std::move(tool_name)),
        arguments(std::move(arguments_text)),
        session_(std::move(session)),
        cancellation_(std::move(cancellation)) {
    auto parsed = std::make_shared<json::document>();
    (void)parsed->parse(arguments);
    parsed_ = std::move(parsed);
  }

  std::string id;
  std::string name;
  std::string arguments;  ///< JSON object text

  /// The arguments, to be read: call.value()["city"].string(). Valid as long as a copy of the call.
  json::value value() const noexcept { return parsed_->root(); }
  /// Null when the session is gone. On the executor only.
  std::shared_ptr<Session> session() const { return session_.lock(); }
  /// True when nobody wants the result any more. On the executor only: work on another thread is
  /// told by on_cancel.
  bool cancelled() const noexcept { return cancellation_->cancelled(); }
  /// Runs f on the executor when the call is cancelled or its time is up. On the executor only.
  void on_cancel(std::function<void()> f) const { cancellation_->on_cancel(std::move(f)); }

 private:
  std::weak_ptr<Session> session_;
  std::shared_ptr<tool_cancellation> cancellation_;
  std::shared_ptr<const json::document> parsed_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void tool_cancellation::on_cancel(std::function<void()> f) {
  if (cancelled_) return f();
  if (!over_) actions_.push_back(std::move(f));
}

AGENT_WEBSOCKET_INLINE void tool_cancellation::cancel() {
  if (over_) return;
  over_ = true;
  cancelled_ = true;
  for (const auto& each : std::exchange(actions_, {})) {
    try {
      each();
    } catch (...) {  // nobody is left to tell
    }
  }
}

AGENT_WEBSOCKET_INLINE void tool_cancellation::finish() {
  over_ = true;
  actions_.clear();
}

#endif

}  // namespace agent_websocket
