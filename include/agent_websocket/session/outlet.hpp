// SPDX-License-Identifier: MIT
//
// Where the frames of sessions go: to the transport, for sockets of this server, or to the server
// that has the socket. The two are told apart by the id.
#pragma once

#include <agent_websocket/policy/transport.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace agent_websocket {

/// Takes what is for sockets of other servers, with the promises of a Transport.
class remote_outlet {
 public:
  virtual std::size_t send(connection_id guest, std::string_view frame) = 0;
  virtual void close(connection_id guest, std::uint16_t code, std::string_view reason) = 0;

 protected:
  ~remote_outlet() = default;
};

/// In the ids of sockets of other servers; transports count from 1.
inline constexpr connection_id remote_bit = connection_id{1} << 63;
constexpr bool is_remote(connection_id connection) noexcept {
  return (connection & remote_bit) != 0;
}

template <typename Transport>
class outlet {
 public:
  explicit outlet(Transport& transport) : transport_(transport) {}

  /// Before the first remote id. `remote` outlives this.
  void lead_to(remote_outlet& remote) noexcept { remote_ = &remote; }

  std::size_t send(connection_id connection, std::string_view frame) {
    return is_remote(connection) ? remote_->send(connection, frame)
                                 : transport_.send(connection, frame);
  }
  void close(connection_id connection, std::uint16_t code, std::string_view reason) {
    is_remote(connection) ? remote_->close(connection, code, reason)
                          : transport_.close(connection, code, reason);
  }

 private:
  Transport& transport_;
  remote_outlet* remote_ = nullptr;
};

}  // namespace agent_websocket
