// SPDX-License-Identifier: MIT
//
// Transport over TCP: Asio for sockets, websocketpp for the formats (never its server, endpoint or
// Asio transport). HTTP/1.1 and WebSocket (RFC 6455, version 13, no extensions) on one port;
// requirements in policy/transport.hpp. With a certificate it speaks TLS and nothing else.
#pragma once

#include <agent_websocket/adapters/asio_listener.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/websocketpp_connection.hpp>
#include <agent_websocket/adapters/websocketpp_framing.hpp>
#include <agent_websocket/adapters/websocketpp_hub.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/transport.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// Model of Transport. All calls from the thread that runs the io_context, which outlives the
/// transport. What is sent is written before what is posted behind it runs. The destructor closes
/// all connections, with what was not written, without calling the sink; nothing is called after
/// it.
class websocketpp_transport {
 public:
  using settings = transport_settings;

  explicit websocketpp_transport(asio::io_context& context, settings chosen = settings());
  websocketpp_transport(const websocketpp_transport&) = delete;
  websocketpp_transport& operator=(const websocketpp_transport&) = delete;

  ~websocketpp_transport();

  /// Sockets that other processes accept from as well, in place of the address in the settings.
  struct shared_listeners {
    std::vector<int> descriptors;                ///< see listen_options::inherited
    std::function<bool()> leave_to_others;       ///< see listen_options
    std::atomic<std::uint32_t>* load = nullptr;  ///< holds the number of our connections
  };
  /// Before start(). What it points to outlives the transport.
  void share(shared_listeners listeners) { shared_ = std::move(listeners); }

  /// The error names the address, such as "cannot listen on 127.0.0.1:54321: Address already in
  /// use", or the certificate's or key's file and what is wrong with it.
  result<void> start(transport_sink& sink);

  void stop();

  /// True as long as there are connections that were accepted and have not been answered: requests
  /// on their way, upgrades that are looked at. At most their time limits long.
  bool has_unanswered() const noexcept;

  /// Reads the files of the settings again: connections to come use what they hold, those that
  /// stand keep what they have. When the new files are wrong the old certificate stays in use.
  /// Nothing to do without TLS. Blocks for as long as reading two small files takes.
  result<void> reload_certificates();

  /// Of the certificate that is in use, see tls_context::valid_until; empty without TLS.
  std::string certificate_valid_until() const { return hub_->tls.valid_until(); }

  void answer(connection_id id, const http::response& response);

  std::size_t send(connection_id id, std::string_view text);

  void ping(connection_id id);

  void close(connection_id id, std::uint16_t code, std::string_view why);

  /// The turns at whose ends this writes, for others on the same context, such as an HTTP client:
  /// see turn_keeper.
  const std::shared_ptr<turn_keeper>& turns() const noexcept { return hub_->turns; }

  /// Where start() listens; 0 before.
  std::uint16_t port() const noexcept { return listener_.port(); }

  /// TCP connections that stand, upgraded or not, and those whose end has not been told yet.
  std::size_t connections() const noexcept { return hub_->connections.size(); }

 private:
  using hub = websocketpp_connection::hub_type;
  using pointer =
      link_pointer<websocketpp_connection>;  // a copy keeps what a call may remove from the table

  shared_listeners shared_;
  std::shared_ptr<hub> hub_;
  asio_listener listener_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE websocketpp_transport::websocketpp_transport(asio::io_context& context,
                                                                    settings chosen)
    : hub_(std::make_shared<hub>(context, std::move(chosen))),
      listener_(context, [this](asio_socket socket, std::string remote_address) {
        const hub::scope event(*hub_);
        websocketpp_connection::open(*hub_, std::move(socket), std::move(remote_address));
      }) {}

AGENT_WEBSOCKET_INLINE websocketpp_transport::~websocketpp_transport() {
  listener_.stop();
  hub_->shut();
  for (const auto& each : hub_->connections.all()) each->drop();
}

AGENT_WEBSOCKET_INLINE result<void> websocketpp_transport::start(transport_sink& sink) {
  if (auto loaded = reload_certificates(); !loaded) return loaded;
  listen_options options;
  options.host = hub_->settings.host;
  options.port = hub_->settings.port;
  options.backlog = hub_->settings.listen_backlog;
  options.send_buffer_bytes = hub_->settings.so_sndbuf;
  options.reuse_port = hub_->settings.reuse_port;
  options.inherited = shared_.descriptors;
  options.leave_to_others = shared_.leave_to_others;
  hub_->connections.publish_size(shared_.load);
  hub_->sink = &sink;
  result<void> outcome = listener_.start(options);
  hub_->listening = outcome.has_value();
  return outcome;
}

AGENT_WEBSOCKET_INLINE void websocketpp_transport::stop() {
  listener_.stop();
  hub_->connections.publish_size(nullptr);
  hub_->listening = false;
  hub_->rest_when_idle();
}

AGENT_WEBSOCKET_INLINE bool websocketpp_transport::has_unanswered() const noexcept {
  return hub_->heads.next().has_value() || hub_->answers.next().has_value();
}

AGENT_WEBSOCKET_INLINE result<void> websocketpp_transport::reload_certificates() {
  if (hub_->settings.tls.empty()) return {};
  result<tls_context> loaded = tls_context::of_server(hub_->settings.tls);
  if (!loaded) return loaded.error();
  hub_->tls = std::move(*loaded);
  return {};
}

AGENT_WEBSOCKET_INLINE void websocketpp_transport::answer(connection_id id,
                                                          const http::response& response) {
  if (const auto& found = hub_->connections.find(id)) pointer(found)->answer(response);
}

AGENT_WEBSOCKET_INLINE std::size_t websocketpp_transport::send(connection_id id,
                                                               std::string_view text) {
  const auto& found = hub_->connections.find(id);
  return found ? found->send(text) : 0;
}

AGENT_WEBSOCKET_INLINE void websocketpp_transport::ping(connection_id id) {
  if (const auto& found = hub_->connections.find(id)) found->ping();
}

AGENT_WEBSOCKET_INLINE void websocketpp_transport::close(connection_id id, std::uint16_t code,
                                                         std::string_view why) {
  if (const auto& found = hub_->connections.find(id)) pointer(found)->close(code, why);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
