// SPDX-License-Identifier: MIT
//
// Model of the requirement HttpClient (policy/http_client.hpp) on Asio alone: HTTP/1.1 with TLS by
// OpenSSL, a pool of kept connections, and the HTTP proxies of the environment (never for this
// machine itself). Needs no libcurl. No redirects, no cookies, no decompression, no HTTP/2.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/asio_dial.hpp>
#include <agent_websocket/adapters/asio_http_connection.hpp>
#include <agent_websocket/adapters/asio_http_pool.hpp>
#include <agent_websocket/adapters/asio_http_request.hpp>
#include <agent_websocket/adapters/asio_name_cache.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/turn_keeper.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/http_client.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Settings of an asio_http_client. There is none that switches the verification of certificates
/// and host names off.
struct asio_http_options {
  /// A PEM file of certificate authorities, in place of the system's. Empty: the system's, and
  /// those of the variables SSL_CERT_FILE and SSL_CERT_DIR.
  std::string ca_file;
  /// Of the one buffer that all requests read into: what one of them takes in its turn at most.
  /// 1 KiB to 1 MiB.
  std::size_t read_bytes = 64 * 1024;
  /// SO_RCVBUF of each connection: what a paused request costs in the kernel. 0: the system's.
  int receive_buffer_bytes = 64 * 1024;
  /// Connections that no request uses; above this number the oldest are closed.
  std::size_t max_kept_connections = 256;
  /// A kept connection is not used again after so long. Below the 60 s after which many servers
  /// close theirs, so that few requests meet a connection that is just being closed.
  std::chrono::milliseconds max_idle_time{50'000};
};

/// Used on the executor of its context only. The context must outlive it; a sink function must not
/// destroy it. A request that was sent on a kept connection which ended before any byte of an
/// answer is sent once more, on a new one. Kept connections that have become too old are closed
/// when the next request begins or ends.
class asio_http_client {
 public:
  explicit asio_http_client(asio::io_context& context, asio_http_options options = {});
  asio_http_client(const asio_http_client&) = delete;
  asio_http_client& operator=(const asio_http_client&) = delete;

  /// Ends what is open; no sink is called.
  ~asio_http_client();

  /// Its events are in these turns, of the same context, from now on, instead of turns of its own:
  /// what the sinks send to others who share them is written together, and so are requests on
  /// connections that stand. Not null.
  void share_turns(std::shared_ptr<turn_keeper> turns) noexcept {
    buffers_.turns = std::move(turns);
  }

  http_call_id start(http::request request, http_sink& sink);

  void cancel(http_call_id id);

  void pause(http_call_id id);

  void resume(http_call_id id);

  /// How many requests are neither completed nor cancelled.
  std::size_t open_calls() const noexcept { return calls_.size(); }
  /// How many connections wait for the next request.
  std::size_t kept_connections() const noexcept { return pool_.size(); }

 private:
  /// One request on its way. At one time it has a dial, or a connection, or has ended.
  struct call final : asio_http_exchange {
    call(asio_http_client& owner, http_call_id number, http::request asked, http_sink& to);

    void let_go();

    AGENT_WEBSOCKET_INLINE void on_established() override;
    void on_answered() override { request = http::request(); }
    AGENT_WEBSOCKET_INLINE void on_head(const http::response_head& head) override;
    void on_body(std::string_view bytes) override { sink.on_body(id, bytes); }
    AGENT_WEBSOCKET_INLINE void on_end(asio_http_connection& from, bool keep,
                                       std::error_code failure, std::string_view why) override;

    asio_http_client& client;
    const http_call_id id;
    http::request request;  // until the answer begins
    http_sink& sink;
    std::shared_ptr<const http_plan> plan;
    std::unique_ptr<asio_timer> timer;  // for connecting
    std::shared_ptr<asio_dial> dial;
    asio_http_connection::pointer connection;
    std::optional<std::error_code> ended;
    std::string words;
    bool is_paused = false;
  };

  template <typename Function>
  void post(Function f) {
    asio::post(context_, [watch = std::weak_ptr<char>(alive_), f = std::move(f)] {
      if (!watch.expired()) f();
    });
  }

  void connect(call& of);

  void connected(call& of, const asio_dial::outcome& outcome, asio_socket socket);

  void send(call& of);

  void time_is_over(http_call_id id);

  /// By the connection, which has let go of the call.
  void ended(call& of, asio_http_connection& from, bool keep, std::error_code failure,
             std::string_view words);

  void end(call& of, std::error_code failure, std::string words);

  void end_later(call& of, std::error_code failure, std::string words);

  /// Unless it is paused, or paused again: then its end is told after resume().
  void complete(http_call_id id);

  /// Whom the connection is to, for a log.
  static std::string peer_words(const call& of);

  /// Read once, at the first request with TLS: all authorities of a system take a while.
  result<tls_context> trusted();

  static constexpr std::chrono::milliseconds longest_timeout = std::chrono::hours(24 * 20);

  asio::io_context& context_;
  const asio_http_options options_;
  asio_http_buffers buffers_;
  tls_context trusted_;
  http_planner planner_;
  asio_name_cache names_;
  asio_http_pool pool_;
  std::unordered_map<http_call_id, std::unique_ptr<call>> calls_;
  http_call_id last_id_ = 0;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // posted functions look here first
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE asio_http_client::asio_http_client(asio::io_context& context,
                                                          asio_http_options options)
    : context_(context),
      options_(std::move(options)),
      buffers_(std::clamp<std::size_t>(options_.read_bytes, 1024, 1024 * 1024),
               std::make_shared<turn_keeper>(context)),
      names_(context),
      pool_(options_.max_kept_connections, options_.max_idle_time) {}

AGENT_WEBSOCKET_INLINE asio_http_client::~asio_http_client() {
  alive_.reset();
  for (const auto& each : calls_) each.second->let_go();
}

AGENT_WEBSOCKET_INLINE http_call_id asio_http_client::start(http::request request,
                                                            http_sink& sink) {
  const http_call_id id = ++last_id_;
  call& made = *calls_.emplace(id, std::make_unique<call>(*this, id, std::move(request), sink))
                    .first->second;
  auto plan = planner_.plan(made.request);
  if (!plan) {
    end_later(made, plan.error().code, plan.error().message);
    return id;
  }
  made.plan = std::move(*plan);
  if (auto kept = pool_.take(made.plan->key, std::chrono::steady_clock::now())) {
    made.connection = std::move(kept);
    send(made);
  } else {
    connect(made);
  }
  return id;
}

AGENT_WEBSOCKET_INLINE void asio_http_client::cancel(http_call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const std::unique_ptr<call> cancelled = std::move(found->second);
  calls_.erase(found);
  cancelled->let_go();
}

AGENT_WEBSOCKET_INLINE void asio_http_client::pause(http_call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  found->second->is_paused = true;
  if (found->second->connection) found->second->connection->pause();
}

AGENT_WEBSOCKET_INLINE void asio_http_client::resume(http_call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  call& resumed = *found->second;
  if (!std::exchange(resumed.is_paused, false)) return;
  if (resumed.connection) resumed.connection->resume();
  if (resumed.ended) post([this, id] { complete(id); });
}

AGENT_WEBSOCKET_INLINE asio_http_client::call::call(asio_http_client& owner, http_call_id number,
                                                    http::request asked, http_sink& to)
    : client(owner), id(number), request(std::move(asked)), sink(to) {}

AGENT_WEBSOCKET_INLINE void asio_http_client::call::let_go() {
  timer.reset();
  if (dial) std::exchange(dial, nullptr)->give_up();
  if (connection) std::exchange(connection, {})->abandon();
}

AGENT_WEBSOCKET_INLINE void asio_http_client::call::on_established() { timer.reset(); }

AGENT_WEBSOCKET_INLINE void asio_http_client::call::on_head(const http::response_head& head) {
  sink.on_head(id, head.status, head.headers);
}

AGENT_WEBSOCKET_INLINE void asio_http_client::call::on_end(asio_http_connection& from, bool keep,
                                                           std::error_code failure,
                                                           std::string_view why) {
  client.ended(*this, from, keep, failure, why);
}

AGENT_WEBSOCKET_INLINE void asio_http_client::connect(call& of) {
  const http_call_id id = of.id;
  if (of.request.connect_timeout.count() > 0) {
    of.timer = std::make_unique<asio_timer>(context_.get_executor());
    of.timer->expires_after(
        std::min<std::chrono::milliseconds>(of.request.connect_timeout, longest_timeout));
    of.timer->async_wait(
        [this, id, watch = std::weak_ptr<char>(alive_)](const std::error_code& cancelled) {
          if (!cancelled && !watch.expired()) time_is_over(id);
        });
  }
  of.dial = asio_dial::begin(context_, names_, of.plan->route.peer_host(),
                             of.plan->route.peer_port(), options_.receive_buffer_bytes,
                             [this, id](const asio_dial::outcome& outcome, asio_socket socket) {
                               const auto found = calls_.find(id);
                               if (found != calls_.end())
                                 connected(*found->second, outcome, std::move(socket));
                             });
}

AGENT_WEBSOCKET_INLINE void asio_http_client::connected(call& of, const asio_dial::outcome& outcome,
                                                        asio_socket socket) {
  of.dial.reset();
  if (outcome.failure) {
    return end(of, errc::connection_failed,
               outcome.step + peer_words(of) + ": " + outcome.failure.message());
  }
  tls_context security;
  if (of.plan->route.secure) {
    auto trust = trusted();
    if (!trust) return end(of, errc::connection_failed, trust.error().message);
    security = std::move(*trust);
  }
  of.connection = asio_http_connection::make(std::move(socket), buffers_, of.plan->key);
  if (!of.connection->open(
          of, of.plan->route.is_tunnelled() ? encode_connect(of.plan->route) : std::string(),
          security, of.plan->route.host)) {
    return end(of, errc::connection_failed, "no certificate can be for that host");
  }
  send(of);
}

AGENT_WEBSOCKET_INLINE void asio_http_client::send(call& of) {
  if (of.is_paused) of.connection->pause();
  of.connection->begin(of, of.plan->head + encode_head_end(of.request), sent_body(of.request),
                       of.request.method == "HEAD", of.request.max_header_bytes);
}

AGENT_WEBSOCKET_INLINE void asio_http_client::time_is_over(http_call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  call& late = *found->second;
  end(late, errc::timeout_connect, "no connection to " + peer_words(late) + " in time");
}

AGENT_WEBSOCKET_INLINE void asio_http_client::ended(call& of, asio_http_connection& from, bool keep,
                                                    std::error_code failure,
                                                    std::string_view words) {
  const asio_http_connection::pointer connection = std::move(of.connection);
  if (keep) {
    pool_.put(connection, std::chrono::steady_clock::now());
  } else if (failure && from.is_reused() && !from.has_answered()) {
    return connect(of);  // it was being closed when the request came
  }
  end(of, failure, std::string(words));
}

AGENT_WEBSOCKET_INLINE void asio_http_client::end(call& of, std::error_code failure,
                                                  std::string words) {
  of.let_go();
  of.ended = failure;
  of.words = std::move(words);
  complete(of.id);
}

AGENT_WEBSOCKET_INLINE void asio_http_client::end_later(call& of, std::error_code failure,
                                                        std::string words) {
  of.ended = failure;
  of.words = std::move(words);
  post([this, id = of.id] { complete(id); });
}

AGENT_WEBSOCKET_INLINE void asio_http_client::complete(http_call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end() || found->second->is_paused || !found->second->ended) return;
  const std::unique_ptr<call> done = std::move(found->second);
  calls_.erase(found);
  done->sink.on_complete(id, *done->ended, done->words);
}

AGENT_WEBSOCKET_INLINE std::string asio_http_client::peer_words(const call& of) {
  return (of.plan->route.proxy ? "the proxy " : "") +
         detail::in_brackets(of.plan->route.peer_host()) + ":" +
         std::to_string(of.plan->route.peer_port());
}

AGENT_WEBSOCKET_INLINE result<tls_context> asio_http_client::trusted() {
  if (trusted_) return trusted_;
  auto made = tls_context::of_client(options_.ca_file);
  if (made) trusted_ = *made;
  return made;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
