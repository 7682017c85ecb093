// SPDX-License-Identifier: MIT
//
// `server`: basic_server with the shipped policies, ready to run: websocketpp_transport,
// asio_http_client (or curl_http_client, see AGENT_WEBSOCKET_WITH_CURL) and asio_scheduler on one
// io_context, its own or the program's, SIGINT and SIGTERM taken as the wish to stop in order, and
// SIGHUP as the one to read the certificate again. How its parts are made from the options is in
// server_parts.hpp. Programs that bring other policies use basic_server.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <agent_websocket/adapters/asio_scheduler.hpp>
#include <agent_websocket/adapters/stderr_logger.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/websocketpp_transport.hpp>
#include <agent_websocket/auth/any_authenticator.hpp>
#include <agent_websocket/host/authenticator.hpp>
#include <agent_websocket/host/server_parts.hpp>
#include <agent_websocket/host/store.hpp>
#include <agent_websocket/host/worker_link.hpp>
#include <agent_websocket/server/environment.hpp>
#include <agent_websocket/server/server.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <asio/signal_set.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace detail {

/// What `server` is. A template so that a unit which makes no server, as most of a program do,
/// compiles none, and of the HTTP client so that two units that chose another one do not link.
template <typename HttpClient>
class shipped_server {
 public:
  using basic_type = typename server_parts<HttpClient>::basic_type;
  using session_type = typename basic_type::session_type;
  using router_type = typename basic_type::router_type;

  /// Runs on an io_context of its own: call run().
  explicit shipped_server(options settings);

  /// Runs on the program's io_context, which outlives the server: call start(), and run the context
  /// on one thread.
  shipped_server(options settings, asio::io_context& context);
  ~shipped_server();

  /// Hooks are set before start() or run().
  router_type& router() noexcept { return parts_.server.router(); }
  /// A tool that the model may call, see basic_router::tool. Before start() or run().
  void tool(tool_definition what, typename router_type::tool_handler handler = nullptr);
  /// Who is let in, in place of what the options say: a model of Authenticator, or a function, see
  /// any_authenticator. Before start() or run().
  void authenticate_with(any_authenticator chosen);
  /// Where sessions are kept, in place of what the options say, and the way to the servers that
  /// share it. Before start() or run().
  void keep_in(any_store chosen, any_exchange exchange = any_exchange());
  /// Makes it a worker of the supervisor that has started this process: it accepts from sockets
  /// that it inherits, says when it is ready, and ends in order on SIGTERM or when the supervisor
  /// is gone; run() leaves all other signals to the supervisor. First it stops accepting, then what
  /// was accepted is answered, for up to a second, then it drains. Before start() or run().
  void join(worker_link link);
  const options& settings() const noexcept { return parts_.server.settings(); }
  /// The port that is listened on, also when options asked for any; 0 before start().
  std::uint16_t port() const noexcept { return parts_.transport.port(); }
  basic_type& basic() noexcept { return parts_.server; }

  /// Begins to listen. The error is in words for the operator.
  result<void> start();

  /// Whether the files of `access` hold a certificate and its key; also good without TLS. For a
  /// look at the settings alone: start() does the same.
  static result<void> check_certificates(const options& settings);

  /// Starts (unless start() was called), runs the io_context until SIGINT, SIGTERM or stop(), then
  /// drains. Blocks. What fails is also logged. A second of these signals ends at once. With TLS a
  /// SIGHUP means reload(), without it the same as SIGTERM (POSIX). A program that runs the context
  /// itself calls start() alone.
  /// `running` is called when it listens and signals are taken: the moment to say so.
  result<void> run(const std::function<void()>& running = {});

  /// Stops in order, see basic_server::stop; run() returns after it. From any thread.
  void stop();
  /// Reads the certificate and its key again, for connections to come; those that stand go on. When
  /// the files are wrong the old ones stay in use. Logs certificates_reloaded or reload_failed.
  /// Nothing to do without TLS. From any thread.
  void reload();
  /// From any thread.
  void post(std::function<void()> f) { parts_.server.post(std::move(f)); }
  /// Sends a numbered notification to one session. From any thread.
  void notify(std::string session_id, std::string content, std::string topic = {},
              std::string data = {});
  /// Sends a numbered notification to every session. From any thread.
  void broadcast(std::string content, std::string topic = {}, std::string data = {});
  /// Ends a session for good, see basic_server::disconnect. From any thread.
  void disconnect(std::string session_id, std::string reason = "closed_by_operator");

 private:
#if defined(SIGHUP)
  static constexpr int hangup = SIGHUP;
#else
  static constexpr int hangup = 0;  // no signal
#endif

  static constexpr std::chrono::milliseconds longest_patience{1'000};
  void wait_for_signal();

  // ---- as a worker

  void wait_for_word();

  /// A connection that nobody has accepted is for another worker; one that was is welcomed before
  /// it is told to come back, so that nobody is turned away.
  void retire(std::string_view why);
  void drain_when_answered(std::chrono::steady_clock::time_point until);

  std::unique_ptr<asio::io_context> own_;
  asio::io_context& context_;
  std::optional<worker_link> link_;  // before the transport, which looks at the loads
  server_parts<HttpClient> parts_;
  std::optional<asio::signal_set> signals_;
  std::optional<adapters::asio_timer> patience_;
  bool running_ = false;  // inside of run()
  bool signalled_ = false;
  bool own_authenticator_ = false;  // of the program's choice
  bool own_store_ = false;          // likewise
};

}  // namespace detail

/// All calls on the thread that runs the io_context, but those that say otherwise.
class server : public detail::shipped_server<shipped_http_client> {
 public:
  using shipped_server::shipped_server;
};

/// The types that the shipped `server` is made of.
using session = server::session_type;
using router = server::router_type;
using openrouter_client =
    openrouter::basic_openrouter_client<shipped_http_client, adapters::asio_scheduler>;

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

template <typename HttpClient>
shipped_server<HttpClient>::shipped_server(options settings)
    : own_(std::make_unique<asio::io_context>(1)),
      context_(*own_),
      parts_(context_, std::move(settings)) {}

template <typename HttpClient>
shipped_server<HttpClient>::shipped_server(options settings, asio::io_context& context)
    : context_(context), parts_(context, std::move(settings)) {}

template <typename HttpClient>
shipped_server<HttpClient>::~shipped_server() = default;

template <typename HttpClient>
void shipped_server<HttpClient>::tool(tool_definition what,
                                      typename router_type::tool_handler handler) {
  parts_.server.tool(std::move(what), std::move(handler));
}

template <typename HttpClient>
void shipped_server<HttpClient>::authenticate_with(any_authenticator chosen) {
  parts_.authenticator = std::move(chosen);
  own_authenticator_ = true;
}

template <typename HttpClient>
void shipped_server<HttpClient>::keep_in(any_store chosen, any_exchange exchange) {
  parts_.store = std::move(chosen);
  parts_.server.exchange_by(std::move(exchange));
  own_store_ = true;
}

template <typename HttpClient>
void shipped_server<HttpClient>::join(worker_link link) {
  link_.emplace(std::move(link));
  parts_.transport.share({link_->ticket().listeners, link_->leave_to_others(), link_->load()});
}

template <typename HttpClient>
result<void> shipped_server<HttpClient>::start() {
  if (!own_authenticator_) {
    auto made =
        make_authenticator(settings().access, [this] { return parts_.scheduler.wall_now(); });
    if (!made) return made.error();
    parts_.authenticator = std::move(*made);
  }
  if (!own_store_) {
    auto opened = open_store(context_, settings(), [this](std::string_view event, auto text) {
      parts_.server.log(log_level::info, event, {}, text);
    });
    if (!opened) return opened.error();
    parts_.store = std::move(opened->store);
    parts_.server.exchange_by(std::move(opened->exchange));
  }
  return parts_.server.start();
}

template <typename HttpClient>
result<void> shipped_server<HttpClient>::check_certificates(const options& settings) {
  if (!settings.access.has_tls()) return {};
  const auto loaded = adapters::tls_context::of_server(tls_files_of(settings));
  return loaded ? result<void>() : loaded.error();
}

template <typename HttpClient>
result<void> shipped_server<HttpClient>::run(const std::function<void()>& running) {
  if (port() == 0) {
    if (auto started = start(); !started) {
      if (parts_.logger.enabled(log_level::error)) {
        parts_.logger.write({log_level::error, "start_failed", {}, started.error().message});
      }
      return started;
    }
  }
  // Kept until the end of this object, so that a late signal does not kill what is ending well.
  signals_.emplace(context_, SIGTERM);
  if (link_) {
    wait_for_word();
    link_->ready(context_, [this] { retire("supervisor_gone"); });
  } else {
    std::error_code ignored;
    signals_->add(SIGINT, ignored);
    if (hangup != 0) signals_->add(hangup, ignored);
    wait_for_signal();
  }
  if (running) running();
  running_ = true;
  context_.run();
  running_ = false;
  return {};
}

template <typename HttpClient>
void shipped_server<HttpClient>::stop() {
  parts_.server.stop([this] {
    if (running_) context_.stop();
  });
}

template <typename HttpClient>
void shipped_server<HttpClient>::reload() {
  post([this] { parts_.reload_certificates(); });
}

template <typename HttpClient>
void shipped_server<HttpClient>::notify(std::string session_id, std::string content,
                                        std::string topic, std::string data) {
  parts_.server.notify(std::move(session_id), std::move(content), std::move(topic),
                       std::move(data));
}

template <typename HttpClient>
void shipped_server<HttpClient>::broadcast(std::string content, std::string topic,
                                           std::string data) {
  parts_.server.broadcast(std::move(content), std::move(topic), std::move(data));
}

template <typename HttpClient>
void shipped_server<HttpClient>::disconnect(std::string session_id, std::string reason) {
  parts_.server.disconnect(std::move(session_id), std::move(reason));
}

template <typename HttpClient>
void shipped_server<HttpClient>::wait_for_signal() {
  signals_->async_wait([this](const std::error_code& failure, int number) {
    if (failure) return;
    // Without TLS a hangup keeps its meaning: the terminal has gone.
    if (hangup != 0 && number == hangup && settings().access.has_tls()) {
      parts_.reload_certificates();
      return wait_for_signal();
    }
    if (std::exchange(signalled_, true)) return context_.stop();
    stop();
    wait_for_signal();
  });
}

template <typename HttpClient>
void shipped_server<HttpClient>::wait_for_word() {
  signals_->async_wait([this](const std::error_code& failure, int) {
    if (failure) return;
    retire({});
    wait_for_word();
  });
}

template <typename HttpClient>
void shipped_server<HttpClient>::retire(std::string_view why) {
  if (std::exchange(signalled_, true)) return;
  if (!why.empty()) parts_.server.log(log_level::warning, why, {}, "this worker ends");
  parts_.transport.stop();
  link_->leave();
  patience_.emplace(context_);
  drain_when_answered(std::chrono::steady_clock::now() + longest_patience);
}

template <typename HttpClient>
void shipped_server<HttpClient>::drain_when_answered(std::chrono::steady_clock::time_point until) {
  if (!parts_.transport.has_unanswered() || std::chrono::steady_clock::now() >= until)
    return stop();
  patience_->expires_after(std::chrono::milliseconds(10));
  patience_->async_wait([this, until](const std::error_code& failure) {
    if (!failure) drain_when_answered(until);
  });
}

}  // namespace detail

#endif

AGENT_WEBSOCKET_INSTANTIATE(class detail::shipped_server<shipped_http_client>);
AGENT_WEBSOCKET_INSTANTIATE(
    class basic_session<adapters::websocketpp_transport, shipped_http_client,
                        adapters::asio_scheduler, any_store>);

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
