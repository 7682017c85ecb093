// SPDX-License-Identifier: MIT
//
// What the connections of one transport share: settings, sink, the read buffer, the table of ids,
// the lists of deadlines with their one timer, and who keeps the turns. Moves no bytes itself.
#pragma once

#include <agent_websocket/adapters/address_counts.hpp>
#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/byte_budget.hpp>
#include <agent_websocket/adapters/connection_table.hpp>
#include <agent_websocket/adapters/deadline_list.hpp>
#include <agent_websocket/adapters/output_buffer.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/turn_keeper.hpp>
#include <agent_websocket/adapters/websocketpp_frame_reader.hpp>
#include <agent_websocket/policy/transport.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Settings of a websocketpp_transport.
struct transport_settings {
  std::string host = "localhost";  ///< see asio_listener::start
  std::uint16_t port = 54321;      ///< 0: any; port() tells which
  int listen_backlog = asio::socket_base::max_listen_connections;
  bool reuse_port = false;          ///< see listen_options::reuse_port
  tls_files tls;                    ///< empty: plain HTTP, else TLS and nothing else
  std::size_t max_connections = 0;  ///< above it: 503; 0: no limit but the system's
  std::size_t max_message_bytes = 64 * 1024;
  std::size_t max_http_body_bytes = 1024 * 1024;
  /// Connections of one address that have not been answered yet; further ones are closed without a
  /// word, before anything is read; 0: no limit. Above it the sink decides, who knows more.
  std::size_t max_unanswered_per_address = 0;
  http::trusted_proxies proxies;  ///< to which that does not apply
  /// Of all connections together, until they are answered; above it a request with a body gets 503.
  std::size_t max_http_bodies_bytes = 64 * 1024 * 1024;
  std::chrono::milliseconds handshake_timeout{5'000};  ///< from accept to a complete request
  std::chrono::milliseconds answer_timeout{30'000};  ///< for answer(), and for the peer to take it
  std::chrono::milliseconds close_timeout{5'000};    ///< for the peer's part of an end
  std::size_t low_water_mark = 16 * 1024;            ///< see transport_sink::on_drained
  int so_sndbuf =
      0;  ///< send buffer of each connection in the kernel, in bytes; 0: the system's choice
};

/// `Connection` is derived from asio_link and deadline_hook and has on_deadline().
template <typename Connection>
class websocketpp_hub final : public std::enable_shared_from_this<websocketpp_hub<Connection>> {
 public:
  using pointer = link_pointer<Connection>;
  static constexpr std::size_t read_buffer_bytes = 64 * 1024;

  websocketpp_hub(asio::io_context& context, transport_settings chosen)
      : settings(std::move(chosen)),
        turns(std::make_shared<turn_keeper>(context)),
        heads(settings.handshake_timeout),
        answers(settings.answer_timeout),
        endings(settings.close_timeout),
        bodies(settings.max_http_bodies_bytes),
        unanswered(settings.max_unanswered_per_address, settings.proxies),
        timer_(context),
        read_buffer_(std::make_unique<char[]>(read_buffer_bytes)) {
    limits.max_message_bytes = settings.max_message_bytes;
  }

  const transport_settings settings;
  const std::shared_ptr<turn_keeper> turns;
  frame_limits limits;
  tls_context tls;  ///< for connections to come; empty: none
  transport_sink* sink = nullptr;
  bool listening = false;
  std::size_t active = 0;  ///< connections that count against max_connections
  connection_table<pointer> connections;
  output_pool spare_outputs;
  deadline_list<Connection> heads;  // from accept to a complete request
  deadline_list<Connection>
      answers;  // from a request to its answer, and from there to its last byte
  deadline_list<Connection> endings;  // from the beginning of an end to its end

  const byte_budget bodies;   // of requests that have not been answered
  address_counts unanswered;  // of connections that wait for an answer

  /// Used by one read at a time and by nobody between two.
  char* read_buffer() noexcept { return read_buffer_.get(); }

  /// Sets the connection's deadline, in place of the one it has.
  void watch(deadline_list<Connection>& list, Connection& connection) {
    const auto deadline = list.join(connection, std::chrono::steady_clock::now());
    if (!armed_ || deadline < *armed_) arm(deadline);
  }

  /// Around everything that runs on the executor by itself: an event, in which the hub stays.
  class scope {
   public:
    explicit scope(websocketpp_hub& hub) : hub_(hub.shared_from_this()), event_(hub.turns) {}

   private:
    std::shared_ptr<websocketpp_hub> hub_;  // what runs may be the transport's end
    turn_event event_;
  };

  /// Nothing is called from now on.
  void shut() {
    shut_ = true;
    timer_.cancel();
  }

  /// Nothing is accepted any more: a timer for nobody must not keep the io_context's run() from
  /// returning.
  void rest_when_idle() {
    if (listening || heads.next() || answers.next() || endings.next()) return;
    armed_.reset();
    timer_.cancel();
  }

 private:
  void arm(std::chrono::steady_clock::time_point when) {
    armed_ = when;
    timer_.expires_at(when);
    timer_.async_wait([self = this->shared_from_this()](const std::error_code& failure) {
      if (failure || self->shut_) return;
      self->sweep();
    });
  }

  void sweep() {
    const scope event(*this);
    armed_.reset();
    const auto now = std::chrono::steady_clock::now();
    std::optional<std::chrono::steady_clock::time_point> next;
    for (deadline_list<Connection>* list : {&heads, &answers, &endings}) {
      while (Connection* const late = list->take_expired(now)) {
        const pointer kept(late);
        late->on_deadline();
        if (shut_) return;
      }
    }
    for (const deadline_list<Connection>* list : {&heads, &answers, &endings}) {
      const auto first = list->next();
      if (first && (!next || *first < *next)) next = first;
    }
    if (next && (!armed_ || *next < *armed_)) arm(*next);
  }

  asio_timer timer_;
  std::optional<std::chrono::steady_clock::time_point> armed_;
  std::unique_ptr<char[]> read_buffer_;
  bool shut_ = false;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
