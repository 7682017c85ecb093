// SPDX-License-Identifier: MIT
//
// The client of OpenRouter's chat completions and of servers that speak the same: sends requests
// over an HttpClient, decodes what streams back, repeats what failed before anything was delivered,
// watches four clocks. Each completion is an object of its own (completion.hpp); this is their
// owner. One thread: the executor of the Scheduler.
#pragma once

#include <agent_websocket/base/random.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/openrouter/completion.hpp>
#include <agent_websocket/openrouter/request.hpp>
#include <agent_websocket/openrouter/response_format.hpp>
#include <agent_websocket/openrouter/settings.hpp>
#include <agent_websocket/openrouter/sink.hpp>
#include <agent_websocket/openrouter/tool_definition.hpp>
#include <agent_websocket/policy/http_client.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <utility>

namespace agent_websocket {
namespace openrouter {

/// Completions over `HttpClient` and `Scheduler`, both of which outlive the client. Destroying it
/// ends what is open without a word; so may any sink function do.
template <typename HttpClient, typename Scheduler>
class basic_openrouter_client final : private completion_owner {
  static_assert(require_http_client<HttpClient>() && require_scheduler<Scheduler>());

 public:
  /// Settings that check() refuses make every completion fail with errc::bad_configuration.
  basic_openrouter_client(client_settings settings, HttpClient& http, Scheduler& scheduler,
                          random_source random = {})
      : around_{std::move(settings), {}, {}, {}, http, scheduler, std::move(random), *this} {
    around_.checked = check(around_.settings);
    // As it is sent, so that it is found and masked where an upstream repeats it.
    around_.settings.api_key = http::sanitize_field_value(around_.settings.api_key);
    around_.whole = make_http_request(around_.settings, false);
    around_.streamed = make_http_request(around_.settings, true);
  }

  basic_openrouter_client(const basic_openrouter_client&) = delete;
  basic_openrouter_client& operator=(const basic_openrouter_client&) = delete;

  ~basic_openrouter_client() {
    for (const auto& each : completions_) each.second->abandon();
    for (const auto& each : draining_) each.second->abandon();
  }

  /// Sends `request`. The sink is called later, and lives until on_complete or cancel. A wrong
  /// request ends in on_complete with errc::bad_message and words that name the field.
  completion_id start(chat_request request, completion_sink& sink) {
    return start(std::make_shared<const chat_request>(std::move(request)), sink);
  }
  /// The same without a copy, for what large requests cost: nobody changes it from now on. Not
  /// null.
  completion_id start(std::shared_ptr<const chat_request> request, completion_sink& sink) {
    const completion_id id = ++last_id_;
    const auto made = std::make_shared<completion>(around_, id, std::move(request), sink);
    completions_.emplace(id, made);
    made->begin();
    return id;
  }

  /// Closes the connection at once; the sink is never called again. Unknown ids are ignored.
  void cancel(completion_id id) {
    const auto found = completions_.find(id);
    if (found == completions_.end()) return;
    const std::shared_ptr<completion> cancelled = std::move(found->second);
    completions_.erase(found);
    cancelled->abandon();
  }

  /// Stops reading; all clocks of the completion stand still, and no retry is sent. What was
  /// already read may still be delivered.
  void pause(completion_id id) {
    if (const auto found = completions_.find(id); found != completions_.end()) {
      found->second->pause();
    }
  }
  void resume(completion_id id) {
    if (const auto found = completions_.find(id); found != completions_.end()) {
      found->second->resume();
    }
  }

  /// Completions that have not ended.
  std::size_t size() const noexcept { return completions_.size(); }
  const client_settings& settings() const noexcept { return around_.settings; }
  const request_counts& counts() const noexcept { return around_.counts; }

 private:
  using completion = basic_completion<HttpClient, Scheduler>;
  using completion_map = std::unordered_map<completion_id, std::shared_ptr<completion>>;

  void on_ended(completion_id id) override {
    if (auto moved = completions_.extract(id)) draining_.insert(std::move(moved));
  }
  void on_finished(completion_id id) override {
    completions_.erase(id);
    draining_.erase(id);
  }

  typename completion::surroundings around_;
  completion_map completions_;
  completion_map draining_;  // ended for their sinks; connections that are read to their end
  completion_id last_id_ = 0;
};

}  // namespace openrouter
}  // namespace agent_websocket
