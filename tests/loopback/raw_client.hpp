// SPDX-License-Identifier: MIT
//
// A client of bare sockets (Linux), for tests of a server on the same thread: sends exactly the
// bytes that a test wants, reads when the test wants. Writes and reads WebSocket frames by itself,
// so that a fault of the library's codec does not cancel itself out.
#pragma once

#include <agent_websocket/adapters/asio.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loopback {

/// First bytes of frames: FIN or not, with an opcode.
enum : int { fin = 0x80, more = 0, text = 1, binary = 2, bye = 8, ping = 9, pong = 10 };

/// A masked frame.
inline std::string client_frame(int first_byte, std::string_view payload) {
  const std::size_t size = payload.size();
  std::string made(1, static_cast<char>(first_byte));
  const int code = size <= 125 ? static_cast<int>(size) : size <= 0xFFFF ? 126 : 127;
  made.push_back(static_cast<char>(0x80 | code));
  for (int i = (code == 126 ? 2 : code == 127 ? 8 : 0) - 1; i >= 0; --i) {
    made.push_back(static_cast<char>(std::uint64_t{size} >> (8 * i)));
  }
  static constexpr char key[] = "\x37\xFA\x21\x3D";
  made.append(key, 4);
  const std::size_t start = made.size();
  made.append(payload);
  for (std::size_t i = 0; i < size; ++i)
    made[start + i] = static_cast<char>(payload[i] ^ key[i % 4]);
  return made;
}

inline std::string close_frame(int code, std::string_view reason = {}) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return client_frame(fin | bye, payload.append(reason));
}

inline std::string upgrade_request(std::string_view target = "/ws", std::string_view fields = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" +
         "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + std::string(fields) + "\r\n";
}

/// A frame of a server.
struct server_frame {
  int first_byte = 0;
  std::string payload;

  /// "1000 reason" of a close frame.
  std::string words() const {
    if (payload.size() < 2) return "none";
    const int code =
        (static_cast<unsigned char>(payload[0]) << 8) | static_cast<unsigned char>(payload[1]);
    return std::to_string(code) + " " + payload.substr(2);
  }
};

/// Takes one whole unmasked frame off the front of `bytes`.
inline std::optional<server_frame> take_frame(std::string& bytes) {
  const auto at = [&bytes](std::size_t i) {
    return std::uint64_t{static_cast<unsigned char>(bytes[i])};
  };
  if (bytes.size() < 2) return std::nullopt;
  std::uint64_t size = at(1);
  const std::size_t length_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (bytes.size() < 2 + length_bytes) return std::nullopt;
  if (length_bytes != 0) size = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) size = (size << 8) | at(2 + i);
  if (bytes.size() - 2 - length_bytes < size) return std::nullopt;
  server_frame taken{static_cast<int>(at(0)),
                     bytes.substr(2 + length_bytes, static_cast<std::size_t>(size))};
  bytes.erase(0, 2 + length_bytes + static_cast<std::size_t>(size));
  return taken;
}

/// Takes the head of an HTTP response off the front of `bytes`; empty when it is not there yet.
inline std::string take_head(std::string& bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::string();
  std::string head = bytes.substr(0, end + 4);
  bytes.erase(0, end + 4);
  return head;
}

class raw_client {
 public:
  /// receive_buffer: in the kernel, 0 for its own choice.
  explicit raw_client(std::uint16_t port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int at_once = 1;  // each send() a segment of its own
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    connected = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    ::fcntl(socket_, F_SETFL, ::fcntl(socket_, F_GETFL) | O_NONBLOCK);
  }
  raw_client(raw_client&& other) noexcept
      : connected(other.connected),
        ended(other.ended),
        broken(other.broken),
        reading(other.reading),
        in(std::move(other.in)),
        out_(std::move(other.out_)),
        socket_(std::exchange(other.socket_, -1)) {}
  raw_client& operator=(raw_client&&) = delete;
  virtual ~raw_client() { drop(); }

  bool connected = false;
  bool ended = false;   ///< the server has closed its end
  bool broken = false;  ///< the server has reset the connection
  bool reading = true;
  std::string in;

  virtual void send(std::string_view bytes) {
    out_.append(bytes);
    pump();
  }

  /// Moves what can be moved; true when something was.
  virtual bool pump() {
    if (socket_ < 0) return false;
    bool moved = false;
    if (!out_.empty()) {
      const ssize_t sent = ::send(socket_, out_.data(), out_.size(), MSG_NOSIGNAL);
      if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN) broken = true;
      if (broken) out_.clear();
      moved = sent > 0;
    }
    char buffer[16 * 1024];
    while (reading && !ended && !broken) {
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got < 0 && errno == EAGAIN) break;
      moved = true;
      if (got > 0) in.append(buffer, static_cast<std::size_t>(got));
      if (got == 0) ended = true;
      if (got < 0) broken = true;
    }
    return moved;
  }

  bool has_unsent() const noexcept { return !out_.empty(); }
  /// How many segments with data have come in: tcpi_data_segs_in of Linux, which the struct of
  /// <netinet/tcp.h> is too short for.
  std::uint32_t data_segments() const {
    unsigned char info[160] = {};
    socklen_t size = sizeof info;
    ::getsockopt(socket_, IPPROTO_TCP, TCP_INFO, info, &size);
    std::uint32_t count = 0;
    std::memcpy(&count, info + 152, sizeof count);
    return count;
  }
  virtual void finish_sending() { ::shutdown(socket_, SHUT_WR); }
  void drop() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    drop();
  }

 protected:
  std::string out_;
  int socket_;
};

/// Runs the context and lets the clients move bytes until the predicate holds. False: it did not in
/// `limit`.
template <typename Predicate>
bool run_until(asio::io_context& context, const std::vector<raw_client*>& clients,
               Predicate predicate, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() > end) return false;
    context.restart();
    bool moved = context.poll() != 0;
    for (raw_client* each : clients) moved = each->pump() || moved;
    if (!moved) context.run_one_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace loopback
