// SPDX-License-Identifier: MIT
//
// The client side of a WebSocket (RFC 6455 section 4.1) on Asio: takes a ws:// or wss:// address
// apart, resolves the name, connects, and leaves the rest to websocketpp_client_line. One
// connection at a time; connecting again is its user's business. Model of ClientTransport.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/websocketpp_client_line.hpp>
#include <agent_websocket/adapters/websocketpp_handshake.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/random.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/http/url.hpp>
#include <agent_websocket/policy/client_transport.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <asio/connect.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

class websocketpp_connector {
 public:
  /// The context outlives the connector.
  explicit websocketpp_connector(asio::io_context& context, connector_settings settings = {});
  websocketpp_connector(const websocketpp_connector&) = delete;
  websocketpp_connector& operator=(const websocketpp_connector&) = delete;
  ~websocketpp_connector() { drop(); }

  /// Reports to `sink`, which outlives the connector; after its destructor the sink is not called.
  void start(client_transport_sink& sink) { sink_ = &sink; }

  /// Connects to "ws://host:port/path?query", or with TLS to "wss://...": there the certificate has
  /// to be valid, trusted and for that host, or the failure says what it is not. What was before is
  /// dropped without a word.
  /// Precondition: start() was called.
  void open(std::string_view url, const http::header_list& headers = {});

  /// Sends a text message; returns the bytes that wait, 0 when no WebSocket stands.
  std::size_t send(std::string_view text) { return line_ ? line_->send(text) : 0; }
  void ping();
  /// Begins the closing handshake; 1006 ends the connection at once. Before on_open it cancels.
  void close(std::uint16_t code = close_code::normal, std::string_view reason = {});
  bool is_open() const noexcept { return line_ && line_->is_open(); }

 private:
  using line_pointer = link_pointer<websocketpp_client_line>;

  /// From an address to a TCP connection. Pending operations hold it; `owner` is null once it is
  /// given up.
  struct attempt : std::enable_shared_from_this<attempt> {
    explicit attempt(websocketpp_connector& of);

    void begin(std::string_view url, const http::header_list& headers);

    void connect(const asio::ip::tcp::resolver::results_type& addresses);

    void hand_over();

    void fail_for(std::string_view what, const std::error_code& why);

    void fail_later(errc code, std::string detail);

    void fail(errc code, std::string_view detail);

    void give_up();

    websocketpp_connector* owner;
    std::chrono::steady_clock::time_point deadline;
    std::string host;  // as in the Host field
    client_handshake handshake;
    line_security security;
    asio::ip::tcp::resolver resolver;
    asio_socket socket;
    asio_timer timer;
  };

  /// Made once, at the first address with TLS: reading all authorities of a system takes a while.
  result<tls_context> trust();

  void drop();

  asio::io_context& context_;
  client_transport_sink* sink_ = nullptr;
  connector_settings settings_;
  tls_context trusted_;
  std::shared_ptr<attempt> attempt_;
  line_pointer line_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE websocketpp_connector::websocketpp_connector(asio::io_context& context,
                                                                    connector_settings settings)
    : context_(context), settings_(std::move(settings)) {}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::open(std::string_view url,
                                                        const http::header_list& headers) {
  drop();
  attempt_ = std::make_shared<attempt>(*this);
  attempt_->begin(url, headers);
}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::ping() {
  if (line_) line_->ping();
}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::close(std::uint16_t code,
                                                         std::string_view reason) {
  if (line_) {
    line_->close(code, reason);
  } else if (attempt_) {
    attempt_->fail_later(errc::cancelled, "closed before the connection stood");
  }
}

AGENT_WEBSOCKET_INLINE websocketpp_connector::attempt::attempt(websocketpp_connector& of)
    : owner(&of),
      deadline(std::chrono::steady_clock::now() + of.settings_.connect_timeout),
      resolver(of.context_),
      socket(of.context_.get_executor()),
      timer(of.context_) {}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::attempt::begin(
    std::string_view url, const http::header_list& headers) {
  const std::size_t mark = url.find('?');
  const std::string_view base = url.substr(0, mark);
  const std::string query(mark == std::string_view::npos ? std::string_view() : url.substr(mark));
  const bool secure = http::iequals(base.substr(0, 6), "wss://");
  if (!secure && !http::iequals(base.substr(0, 5), "ws://"))
    return fail_later(errc::bad_configuration, "the address must begin with ws:// or wss://");
  const auto parsed = http::parse_url("http" + std::string(base.substr(2)));
  if (!parsed) return fail_later(errc::bad_configuration, parsed.error().message);
  for (const char c : query) {
    if (c <= 0x20 || c >= 0x7F || c == '#')
      return fail_later(errc::bad_configuration, "the query holds a character that none has");
  }
  if (secure) {
    auto trust = owner->trust();
    if (!trust) return fail_later(errc::bad_configuration, trust.error().message);
    security = {std::move(*trust), parsed->host};
  }
  const bool is_ipv6 = parsed->host.find(':') != std::string::npos;
  host = (is_ipv6 ? "[" + parsed->host + "]" : parsed->host) + ":" + std::to_string(parsed->port);
  random_source random;
  std::array<unsigned char, 16> nonce;
  for (unsigned char& each : nonce) each = static_cast<unsigned char>(random.bits() & 0xFF);
  handshake = client_handshake::make(host, parsed->path + query, headers, nonce);

  timer.expires_at(deadline);
  timer.async_wait([self = shared_from_this()](std::error_code cancelled) {
    if (!cancelled)
      self->fail(errc::timeout_connect, "no connection to " + self->host + " in time");
  });
  resolver.async_resolve(
      parsed->host, std::to_string(parsed->port),
      [self = shared_from_this()](std::error_code failure, const auto& addresses) {
        if (failure) return self->fail_for("cannot resolve ", failure);
        self->connect(addresses);
      });
}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::attempt::connect(
    const asio::ip::tcp::resolver::results_type& addresses) {
  if (owner == nullptr) return;
  asio::async_connect(socket, addresses,
                      [self = shared_from_this()](std::error_code failure, const auto&) {
                        if (failure) return self->fail_for("cannot connect to ", failure);
                        self->hand_over();
                      });
}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::attempt::hand_over() {
  if (owner == nullptr) return;
  timer.cancel();
  std::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  finish_connecting(socket);
  websocketpp_connector& to = *std::exchange(owner, nullptr);
  const auto self = std::exchange(to.attempt_, nullptr);
  to.line_ = websocketpp_client_line::begin(std::move(socket), *to.sink_, std::move(handshake),
                                            to.settings_, security, deadline);
}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::attempt::fail_for(std::string_view what,
                                                                     const std::error_code& why) {
  fail(errc::connection_failed, std::string(what) + host + ": " + why.message());
}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::attempt::fail_later(errc code,
                                                                       std::string detail) {
  asio::post(timer.get_executor(), [self = shared_from_this(), code, detail = std::move(detail)] {
    self->fail(code, detail);
  });
}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::attempt::fail(errc code,
                                                                 std::string_view detail) {
  if (owner == nullptr) return;
  client_transport_sink& to = *owner->sink_;
  const std::string words(detail);
  const auto self = std::exchange(owner->attempt_, nullptr);
  give_up();
  to.on_failed(make_error_code(code), 0, words);
}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::attempt::give_up() {
  owner = nullptr;
  std::error_code ignored;
  resolver.cancel();
  socket.close(ignored);
  timer.cancel();
}

AGENT_WEBSOCKET_INLINE result<tls_context> websocketpp_connector::trust() {
  if (trusted_) return trusted_;
  auto made = tls_context::of_client(settings_.ca_file);
  if (made) trusted_ = *made;
  return made;
}

AGENT_WEBSOCKET_INLINE void websocketpp_connector::drop() {
  if (const auto former = std::exchange(attempt_, nullptr)) former->give_up();
  if (line_) {
    const line_pointer former = std::move(line_);
    former->drop();
  }
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
