// SPDX-License-Identifier: MIT
//
// A non-blocking TCP socket, with TLS or without, that tells when it can be read and written: what
// the server's connections and the connector have in common. Counts its references itself, and the
// pending wait for input lies inside of it, so that an idle connection costs no more than its own
// object. Knows nothing of HTTP and WebSocket.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/output_buffer.hpp>
#include <agent_websocket/adapters/tls_stream.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if defined(__linux__)
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#endif

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

class turn_keeper;

/// Derived classes live on the heap, held by link_pointer. One thread.
class asio_link {
 public:
  asio_link(const asio_link&) = delete;
  asio_link& operator=(const asio_link&) = delete;

  void add_reference() noexcept { ++references_; }
  void release() noexcept;

 protected:
  explicit asio_link(asio_socket socket) : socket_(std::move(socket)) {}
  virtual ~asio_link() = default;

  /// The socket can be read, was closed by the peer or has failed: receive() tells.
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;
  /// The end of a turn that it has joined: see turn_keeper.
  virtual void on_turn_end() {}

  bool is_open() const noexcept { return socket_.is_open(); }
  asio_socket& socket() noexcept { return socket_; }

  /// All bytes go through the stream from now on. Precondition: it is one on socket(), whatever was
  /// read before came to its end, and nothing waits to be written.
  void secure(std::unique_ptr<tls_stream> stream) noexcept { tls_ = std::move(stream); }
  /// Null without TLS.
  const tls_stream* tls() const noexcept { return tls_.get(); }

  /// One call of on_readable(), soon; nothing when the socket is closed or a wait is pending.
  void wait_readable();
  /// The same for on_writable(). With TLS either may come when it is the other direction of the
  /// socket that was waited for.
  void wait_writable();

  /// Reads once. `ended`: end of the stream or an error.
  io_outcome receive(char* data, std::size_t size, std::size_t& received);
  /// The same. `failure` tells how it ended: asio::error::eof when the peer has said all.
  io_outcome receive(char* data, std::size_t size, std::size_t& received, std::error_code& failure);

  /// Writes once what waits. `done` when nothing is left. With TLS a record counts as waiting until
  /// the kernel has all of it.
  io_outcome transmit(output_buffer& output);

  /// True when the kernel holds bytes that the peer's has not taken; false where the system does
  /// not tell.
  bool has_undelivered();

  /// Nothing more will be sent; the peer reads its end of the stream. False: try again when the
  /// socket can be written.
  bool shut_output();

  /// Closes; no function is called from now on. `reset`: throws away what the kernel has not sent
  /// yet.
  void close_socket(bool reset);

 private:
  friend class turn_keeper;
  struct wait_handler;

  /// Room for Asio's object of one pending wait; a larger one of another version goes to the heap.
  /// Every operation of Asio begins with pointers and needs no alignment above theirs.
  class wait_memory {
   public:
    static constexpr std::size_t bytes = 88;

    void* allocate(std::size_t size, bool& taken);
    void deallocate(void* memory, bool& taken) noexcept;

   private:
    alignas(void*) unsigned char bytes_[bytes];
  };

  template <typename T>
  struct wait_allocator {
    using value_type = T;
    explicit wait_allocator(asio_link& of) noexcept : link(&of) {}
    template <typename U>
    wait_allocator(const wait_allocator<U>& other) noexcept : link(other.link) {}  // NOLINT
    T* allocate(std::size_t count) {
      return static_cast<T*>(
          link->read_memory_.allocate(count * sizeof(T), link->read_memory_taken_));
    }
    void deallocate(T* memory, std::size_t) noexcept {
      link->read_memory_.deallocate(memory, link->read_memory_taken_);
    }
    template <typename U>
    bool operator==(const wait_allocator<U>& other) const noexcept {
      return link == other.link;
    }
    template <typename U>
    bool operator!=(const wait_allocator<U>& other) const noexcept {
      return link != other.link;
    }
    asio_link* link;
  };

  /// Nothing answers the last words of a peer's handshake; a peer with Nagle's algorithm holds its
  /// request back until they are acknowledged, for which a kernel takes up to 40 ms.
  void acknowledge() noexcept;

  /// What has been asked for and not called yet.
  enum call : std::uint8_t { readable = 1, writable = 2 };
  /// False: it is owed already.
  bool owe(call which) noexcept;
  /// Whether it is owed; not any more.
  bool take_owed(call which) noexcept;

  void on_ready(bool& waiting);
  void wait_socket_readable();
  void wait_socket_writable();

  asio_socket socket_;
  std::unique_ptr<tls_stream> tls_;
  unsigned references_ = 0;
  bool reading_ = false;  // a wait of the socket's own is pending
  bool writing_ = false;
  bool read_memory_taken_ = false;
  std::uint8_t owed_ = 0;  // see owe(); one byte for both, since each counts in an idle connection
  wait_memory read_memory_;
};

/// A counted reference to an asio_link or what is derived from it.
template <typename Link>
class link_pointer {
 public:
  link_pointer() = default;
  explicit link_pointer(Link* link) noexcept : link_(link) {
    if (link_ != nullptr) link_->add_reference();
  }
  link_pointer(const link_pointer& other) noexcept : link_pointer(other.link_) {}
  link_pointer(link_pointer&& other) noexcept : link_(std::exchange(other.link_, nullptr)) {}
  link_pointer& operator=(link_pointer other) noexcept {
    std::swap(link_, other.link_);
    return *this;
  }
  ~link_pointer() {
    if (link_ != nullptr) link_->release();
  }

  Link* get() const noexcept { return link_; }
  Link* operator->() const noexcept { return link_; }
  Link& operator*() const noexcept { return *link_; }
  explicit operator bool() const noexcept { return link_ != nullptr; }

 private:
  Link* link_ = nullptr;
};

struct asio_link::wait_handler {
  using allocator_type = wait_allocator<void>;
  allocator_type get_allocator() const noexcept { return allocator_type(*link); }

  // The error says nothing that the next read does not say.
  void operator()(const std::error_code&) const { link->on_ready(link->reading_); }

  link_pointer<asio_link> link;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void asio_link::release() noexcept {
  if (--references_ == 0) delete this;
}

AGENT_WEBSOCKET_INLINE io_outcome asio_link::receive(char* data, std::size_t size,
                                                     std::size_t& received) {
  std::error_code failure;
  return receive(data, size, received, failure);
}

AGENT_WEBSOCKET_INLINE io_outcome asio_link::receive(char* data, std::size_t size,
                                                     std::size_t& received,
                                                     std::error_code& failure) {
  if (tls_ != nullptr) {
    const bool was_established = tls_->is_established();
    const io_outcome outcome = tls_->read(data, size, received);
    if (!was_established && tls_->is_established()) acknowledge();
    if (outcome == io_outcome::ended) {
      failure = asio::error::eof;
      if (tls_->has_failed()) failure = asio::error::connection_reset;
    }
    return outcome;
  }
  received = socket_.read_some(asio::mutable_buffer(data, size), failure);
  return outcome_of(failure);
}

AGENT_WEBSOCKET_INLINE io_outcome asio_link::transmit(output_buffer& output) {
  const std::string_view front = output.front();
  if (front.empty()) return io_outcome::done;
  if (tls_ != nullptr) {
    std::size_t sent = 0;
    const io_outcome outcome = tls_->write(front, sent);
    output.consume(sent);
    return outcome;
  }
  std::error_code failure;
  // On Linux and BSD this is send() with MSG_NOSIGNAL or a socket with SO_NOSIGPIPE: a gone peer
  // is an error.
  output.consume(socket_.write_some(asio::const_buffer(front.data(), front.size()), failure));
  const io_outcome outcome = outcome_of(failure);
  return outcome == io_outcome::done && output.pending() != 0 ? io_outcome::blocked : outcome;
}

AGENT_WEBSOCKET_INLINE bool asio_link::has_undelivered() {
#if defined(__linux__)
  int waiting = 0;
  return ::ioctl(socket_.native_handle(), SIOCOUTQ, &waiting) == 0 && waiting > 0;
#else
  return false;
#endif
}

AGENT_WEBSOCKET_INLINE bool asio_link::shut_output() {
  if (tls_ != nullptr && tls_->shut() == io_outcome::blocked) return false;
  std::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  return true;
}

AGENT_WEBSOCKET_INLINE void asio_link::close_socket(bool reset) {
  std::error_code ignored;
  if (tls_ != nullptr && !reset) tls_->shut();
  tls_.reset();
  if (reset) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

AGENT_WEBSOCKET_INLINE void* asio_link::wait_memory::allocate(std::size_t size, bool& taken) {
  if (taken || size > sizeof bytes_) return ::operator new(size);
  taken = true;
  return bytes_;
}

AGENT_WEBSOCKET_INLINE void asio_link::wait_memory::deallocate(void* memory, bool& taken) noexcept {
  if (memory == bytes_) {
    taken = false;
  } else {
    ::operator delete(memory);
  }
}

AGENT_WEBSOCKET_INLINE void asio_link::acknowledge() noexcept {
#if defined(__linux__)
  const int on = 1;
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
#endif
}

AGENT_WEBSOCKET_INLINE bool asio_link::owe(call which) noexcept {
  if ((owed_ & which) != 0) return false;
  owed_ = static_cast<std::uint8_t>(owed_ | which);
  return true;
}

AGENT_WEBSOCKET_INLINE bool asio_link::take_owed(call which) noexcept {
  const bool was = (owed_ & which) != 0;
  owed_ = static_cast<std::uint8_t>(owed_ & ~which);
  return was;
}

/// Both are called that are owed: with TLS the one may have waited for the other's direction.
AGENT_WEBSOCKET_INLINE void asio_link::on_ready(bool& waiting) {
  waiting = false;
  const bool secured = tls_ != nullptr;
  const bool read = (secured || &waiting == &reading_) && take_owed(call::readable);
  const bool write = (secured || &waiting == &writing_) && take_owed(call::writable);
  if (read && is_open()) on_readable();
  if (write && is_open()) on_writable();
}

AGENT_WEBSOCKET_INLINE void asio_link::wait_readable() {
  if (!is_open() || !owe(call::readable)) return;
  if (tls_ != nullptr && tls_->has_buffered()) {
    return asio::post(socket_.get_executor(), [link = link_pointer<asio_link>(this)] {
      if (link->take_owed(call::readable) && link->is_open()) link->on_readable();
    });
  }
  if (tls_ != nullptr && tls_->read_waits_for() == tls_stream::wait::writable) {
    return wait_socket_writable();
  }
  wait_socket_readable();
}

AGENT_WEBSOCKET_INLINE void asio_link::wait_writable() {
  if (!is_open() || !owe(call::writable)) return;
  if (tls_ != nullptr && tls_->write_waits_for() == tls_stream::wait::readable) {
    return wait_socket_readable();
  }
  wait_socket_writable();
}

AGENT_WEBSOCKET_INLINE void asio_link::wait_socket_readable() {
  if (std::exchange(reading_, true)) return;
  socket_.async_wait(asio::socket_base::wait_read, wait_handler{link_pointer<asio_link>(this)});
}

AGENT_WEBSOCKET_INLINE void asio_link::wait_socket_writable() {
  if (std::exchange(writing_, true)) return;
  socket_.async_wait(asio::socket_base::wait_write,
                     [link = link_pointer<asio_link>(this)](const std::error_code&) {
                       link->on_ready(link->writing_);
                     });
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
