// SPDX-License-Identifier: MIT
//
// `client`: basic_client with the shipped policies, ready to use: websocketpp_connector and
// asio_scheduler on one io_context, its own or the program's. Programs that bring other policies
// use basic_client.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <agent_websocket/adapters/asio_scheduler.hpp>
#include <agent_websocket/adapters/websocketpp_connector.hpp>
#include <agent_websocket/client/client.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <asio/executor_work_guard.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

namespace detail {

/// What `client` is. A template only so that a unit which makes none compiles none.
template <typename = void>
class shipped_client {
 public:
  using basic_type = basic_client<adapters::websocketpp_connector, adapters::asio_scheduler>;

  /// Runs on an io_context of its own: call run(). The sink outlives the client.
  explicit shipped_client(client_sink& sink, client_options options = {});

  /// Runs on the program's io_context, which outlives the client: call start(), and run the context
  /// on one thread.
  shipped_client(client_sink& sink, client_options options, asio::io_context& context);
  ~shipped_client();

  /// See basic_client for these.
  void start() { parts_.client.start(); }
  void stop() { parts_.client.stop(); }
  result<std::string> query(std::string_view content) { return parts_.client.query(content); }
  result<std::string> query(wire::query asked) { return parts_.client.query(std::move(asked)); }
  result<void> cancel(std::string_view ref = {}) { return parts_.client.cancel(ref); }
  result<std::string> decide(std::string_view request, client_decision decision,
                             std::string content = {}, std::string data = {});
  result<void> tool_result(std::string_view call, std::string data);
  result<void> tool_error(std::string_view call, std::string words);
  result<std::string> feedback(wire::human_feedback said);
  result<std::string> command(wire::command wanted);
  client_state state() const noexcept { return parts_.client.state(); }
  const client_transcript& transcript() const noexcept { return parts_.client.transcript(); }
  const std::deque<client_request>& requests() const noexcept { return parts_.client.requests(); }
  const resume_point& position() const noexcept { return parts_.client.position(); }
  const client_connection& connection() const noexcept { return parts_.client.connection(); }
  basic_type& basic() noexcept { return parts_.client; }

  /// Starts and runs the io_context until the client has stopped: by stop(), or because the server
  /// said that connecting again is no use. Blocks.
  void run();

  /// Runs f() on the io_context. From any thread.
  void post(std::function<void()> f) { parts_.scheduler.post(std::move(f)); }

 private:
  // In the order in which they need each other.
  struct parts {
    parts(asio::io_context& context, client_sink& sink, client_options options);

    static adapters::connector_settings settings(const client_options& options);

    adapters::asio_scheduler scheduler;
    adapters::websocketpp_connector transport;
    basic_type client;
  };

  std::unique_ptr<asio::io_context> own_;
  asio::io_context& context_;
  parts parts_;
};

}  // namespace detail

/// All calls but post() on the thread that runs the io_context.
class client : public detail::shipped_client<> {
 public:
  using shipped_client::shipped_client;
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

template <typename T>
shipped_client<T>::shipped_client(client_sink& sink, client_options options)
    : own_(std::make_unique<asio::io_context>(1)),
      context_(*own_),
      parts_(context_, sink, std::move(options)) {}

template <typename T>
shipped_client<T>::shipped_client(client_sink& sink, client_options options,
                                  asio::io_context& context)
    : context_(context), parts_(context, sink, std::move(options)) {}

template <typename T>
shipped_client<T>::~shipped_client() = default;

template <typename T>
result<std::string> shipped_client<T>::decide(std::string_view request, client_decision decision,
                                              std::string content, std::string data) {
  return parts_.client.decide(request, decision, std::move(content), std::move(data));
}

template <typename T>
result<void> shipped_client<T>::tool_result(std::string_view call, std::string data) {
  return parts_.client.tool_result(call, std::move(data));
}

template <typename T>
result<void> shipped_client<T>::tool_error(std::string_view call, std::string words) {
  return parts_.client.tool_error(call, std::move(words));
}

template <typename T>
result<std::string> shipped_client<T>::feedback(wire::human_feedback said) {
  return parts_.client.feedback(std::move(said));
}

template <typename T>
result<std::string> shipped_client<T>::command(wire::command wanted) {
  return parts_.client.command(std::move(wanted));
}

template <typename T>
void shipped_client<T>::run() {
  start();
  if (context_.stopped()) context_.restart();
  const auto work = asio::make_work_guard(context_);  // a token may come from elsewhere
  while (state() != client_state::stopped && context_.run_one() != 0) {
  }
  context_.poll();  // the close frame leaves
}

template <typename T>
shipped_client<T>::parts::parts(asio::io_context& context, client_sink& sink,
                                client_options options)
    : scheduler(context),
      transport(context, settings(options)),
      client(transport, scheduler, sink, std::move(options)) {}

template <typename T>
adapters::connector_settings shipped_client<T>::parts::settings(const client_options& options) {
  adapters::connector_settings chosen;
  chosen.ca_file = options.ca_file;
  chosen.max_message_bytes = answer_text::max_bytes + 1024 * 1024;  // with what is around a text
  return chosen;
}

}  // namespace detail

#endif

AGENT_WEBSOCKET_INSTANTIATE(class detail::shipped_client<>);

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
