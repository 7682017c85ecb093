// SPDX-License-Identifier: MIT
//
// Model of the requirement HttpClient (policy/http_client.hpp) on libcurl: HTTP/1.1 with TLS, a
// pool of kept connections, and the proxies of the environment (never for this machine itself). No
// redirects, no cookies, no decompression: a body is handed on as it came, and a Content-Encoding
// that the server applied without being asked is there in the headers.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/curl_call.hpp>
#include <agent_websocket/adapters/curl_multi.hpp>
#include <agent_websocket/adapters/turn_keeper.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/http_client.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// Used on the executor of its context only. The context must outlive it; a sink function must not
/// destroy it. A request that was sent on a kept connection which the server had closed meanwhile
/// is sent once more, by curl, on a new one. A body with neither Content-Length nor chunks ends
/// with its connection, and even TLS does not tell then whether it was cut.
class curl_http_client {
 public:
  explicit curl_http_client(asio::io_context& context, curl_http_options options = {});
  curl_http_client(const curl_http_client&) = delete;
  curl_http_client& operator=(const curl_http_client&) = delete;

  /// Ends what is open; no sink is called.
  ~curl_http_client();

  /// Marks what curl does with a socket as an event of these turns, of the same context: what the
  /// sinks send to others who share them is written together. Curl itself writes at once. Null: no
  /// more.
  void share_turns(std::shared_ptr<turn_keeper> turns) noexcept {
    multi_.share_turns(std::move(turns));
  }

  http_call_id start(http::request request, http_sink& sink);

  void cancel(http_call_id id);

  void pause(http_call_id id);

  void resume(http_call_id id);

  /// How many requests are neither completed nor cancelled.
  std::size_t open_calls() const noexcept { return calls_.size(); }

 private:
  void add(http_call_id id);

  void remove(curl_call& call);

  // What could not be done while curl worked, and what it has completed.
  void tidy();

  void finish(http_call_id id, CURLcode code);

  const curl_http_options options_;
  curl_multi multi_;
  std::unordered_map<http_call_id, std::unique_ptr<curl_call>> calls_;
  std::vector<http_call_id> starting_;                 // by a sink function, while curl works
  std::vector<std::unique_ptr<curl_call>> cancelled_;  // the same
  http_call_id last_id_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE curl_http_client::curl_http_client(asio::io_context& context,
                                                          curl_http_options options)
    : options_(std::move(options)), multi_(context, [this] { tidy(); }) {
  curl_multi_setopt(multi_.handle(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  const std::size_t most = std::min<std::size_t>(options_.max_kept_connections, 1'000'000);
  curl_multi_setopt(multi_.handle(), CURLMOPT_MAXCONNECTS, static_cast<long>(most));
}

AGENT_WEBSOCKET_INLINE curl_http_client::~curl_http_client() {
  for (const auto& each : calls_) remove(*each.second);
}

AGENT_WEBSOCKET_INLINE http_call_id curl_http_client::start(http::request request,
                                                            http_sink& sink) {
  const http_call_id id = ++last_id_;
  calls_.emplace(id, std::make_unique<curl_call>(id, std::move(request), sink, options_));
  if (multi_.inside()) {
    starting_.push_back(id);
  } else {
    add(id);
  }
  return id;
}

AGENT_WEBSOCKET_INLINE void curl_http_client::cancel(http_call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  std::unique_ptr<curl_call> call = std::move(found->second);
  calls_.erase(found);
  call->abandon();
  if (multi_.inside()) {
    cancelled_.push_back(std::move(call));
  } else {
    remove(*call);
  }
}

AGENT_WEBSOCKET_INLINE void curl_http_client::pause(http_call_id id) {
  const auto found = calls_.find(id);
  if (found != calls_.end()) found->second->pause();
}

AGENT_WEBSOCKET_INLINE void curl_http_client::resume(http_call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end() || !found->second->resume()) return;
  multi_.post([this, id] {
    const auto still = calls_.find(id);
    if (still == calls_.end()) return;
    curl_call& call = *still->second;
    if (call.ended()) return finish(id, *call.ended());
    multi_.enter([&call] { call.unpause(); });
  });
}

AGENT_WEBSOCKET_INLINE void curl_http_client::add(http_call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // cancelled before it began
  curl_call& call = *found->second;
  if (call.ready() && curl_multi_add_handle(multi_.handle(), call.easy()) == CURLM_OK) return;
  multi_.post([this, id] { finish(id, CURLE_FAILED_INIT); });
}

AGENT_WEBSOCKET_INLINE void curl_http_client::remove(curl_call& call) {
  call.abandon();
  // Closes the connection, unless its answer is complete.
  if (call.easy() != nullptr) curl_multi_remove_handle(multi_.handle(), call.easy());
}

AGENT_WEBSOCKET_INLINE void curl_http_client::tidy() {
  for (const auto& each : std::exchange(cancelled_, {})) remove(*each);
  for (const http_call_id id : std::exchange(starting_, {})) add(id);
  int left = 0;
  while (CURLMsg* const message = curl_multi_info_read(multi_.handle(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    curl_call* call = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
    finish(call->id(), message->data.result);
  }
}

AGENT_WEBSOCKET_INLINE void curl_http_client::finish(http_call_id id, CURLcode code) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  CURL* const easy = found->second->easy();
  if (easy != nullptr) curl_multi_remove_handle(multi_.handle(), easy);
  if (!found->second->end(code)) return;
  const std::unique_ptr<curl_call> call = std::move(found->second);
  calls_.erase(found);
  call->complete(code);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL
