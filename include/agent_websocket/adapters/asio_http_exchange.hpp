// SPDX-License-Identifier: MIT
//
// What a connection of asio_http_client is given by the client: the request that it serves, which
// is told what comes of it, and the buffers that all connections share. No sockets.
#pragma once

#include <agent_websocket/adapters/output_buffer.hpp>
#include <agent_websocket/adapters/turn_keeper.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/response_reader.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

class asio_http_connection;

/// What the connections of one client share. Outlives them, or what is left of them is closed.
struct asio_http_buffers {
  asio_http_buffers(std::size_t read_bytes, std::shared_ptr<turn_keeper> own_turns);
  const std::size_t size;
  const std::unique_ptr<char[]> input;
  output_pool outputs;
  std::shared_ptr<turn_keeper> turns;  ///< not null
};

/// The request that a connection serves. Its functions may abandon any connection.
class asio_http_exchange {
 public:
  /// The connection stands, TLS and tunnel included: the time for connecting is over.
  virtual void on_established() = 0;
  /// The first byte of an answer: the request will not be sent again.
  virtual void on_answered() = 0;
  virtual void on_head(const http::response_head& head) = 0;
  /// Never empty.
  virtual void on_body(std::string_view bytes) = 0;
  /// The last word. `keep`: the connection may serve another request; else it is closed.
  virtual void on_end(asio_http_connection& connection, bool keep, std::error_code failure,
                      std::string_view detail) = 0;

 protected:
  ~asio_http_exchange() = default;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE asio_http_buffers::asio_http_buffers(std::size_t read_bytes,
                                                            std::shared_ptr<turn_keeper> own_turns)
    : size(read_bytes), input(std::make_unique<char[]>(read_bytes)), turns(std::move(own_turns)) {}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
