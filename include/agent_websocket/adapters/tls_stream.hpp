// SPDX-License-Identifier: MIT
//
// TLS on one non-blocking socket: OpenSSL works on Asio's socket, and its user on readiness. The
// handshake happens within the first reads and writes. Whatever OpenSSL waits for, each call tells:
// a read may wait until the socket can be written, and a write until it can be read. Keeps no
// buffers while nothing is under way.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/tls_error.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// One thread. The socket outlives the stream and stays where it is.
class tls_stream {
 public:
  /// What the socket must be ready for before a blocked call is worth repeating.
  enum class wait : unsigned char { readable, writable };

  /// The server's side. Null when there is no memory.
  static std::unique_ptr<tls_stream> accept(const tls_context& context, asio_socket& socket);

  /// The client's side: the certificate has to be for `host`, a name or an IP address without
  /// brackets. Null when there is no memory.
  static std::unique_ptr<tls_stream> connect(const tls_context& context, asio_socket& socket,
                                             const std::string& host);

  tls_stream(const tls_stream&) = delete;
  tls_stream& operator=(const tls_stream&) = delete;
  ~tls_stream() = default;

  /// Reads until `data` is full or nothing more is there. `done`: at least one byte. `ended`: the
  /// peer's close_notify, or a failure, which an end without close_notify is (RFC 8446 section 6.1:
  /// somebody may have cut the rest off); has_failed() tells.
  io_outcome read(char* data, std::size_t size, std::size_t& received);

  /// Writes what the kernel takes. `sent` counts what is in it whole: of a blocked record nothing.
  /// A blocked write has to be repeated with bytes that begin with the same ones.
  io_outcome write(std::string_view data, std::size_t& sent);

  /// Sends close_notify: nothing more will be written. Not waiting for the peer's.
  io_outcome shut();

  /// Of the last call of its kind that was blocked.
  wait read_waits_for() const noexcept { return read_waits_for_; }
  wait write_waits_for() const noexcept { return write_waits_for_; }

  /// True when bytes wait that were read from the socket already, or the end behind them: it will
  /// not tell of them.
  bool has_buffered() const noexcept;
  bool is_established() const noexcept { return SSL_is_init_finished(ssl_.get()) == 1; }
  bool has_failed() const noexcept { return failed_; }

  /// After a failure: why the handshake failed, in words for people; empty when it was over, and
  /// when the peer just went.
  std::string refusal_words() const;

  const SSL* native() const noexcept { return ssl_.get(); }

 private:
  struct free_ssl {
    void operator()(SSL* each) const noexcept { SSL_free(each); }
  };
  using ssl_pointer = std::unique_ptr<SSL, free_ssl>;

  tls_stream(ssl_pointer ssl, asio_socket& socket) noexcept;

  static std::unique_ptr<tls_stream> make(const tls_context& context, asio_socket& socket,
                                          bool as_client);
  io_outcome outcome_of_call(int returned, wait& waits_for);

  // OpenSSL's own socket BIO writes with write(), which a gone peer answers with SIGPIPE; Asio's
  // send() does not, and knows every system's errors.
  static const BIO_METHOD* socket_method();
  static int bio_read(BIO* bio, char* data, int size);
  static int bio_write(BIO* bio, const char* data, int size);
  static long bio_control(BIO*, int command, long, void*);

  asio_socket& socket_;
  ssl_pointer ssl_;
  std::string host_;  // of a client's
  unsigned long error_ = 0;
  wait read_waits_for_ = wait::readable;
  wait write_waits_for_ = wait::writable;
  bool failed_ = false;
  bool shut_ = false;
  // The socket gave less than was asked for: within this call it need not be asked again.
  bool is_drained_ = false;
  // The last read has asked for more than was there. Not so: whole records may wait in OpenSSL,
  // which with read-ahead takes from the socket what it can get.
  bool was_read_dry_ = false;
  bool end_waits_ = false;  // came with the last bytes; the next read tells
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::unique_ptr<tls_stream> tls_stream::accept(const tls_context& context,
                                                                      asio_socket& socket) {
  return make(context, socket, false);
}

AGENT_WEBSOCKET_INLINE bool tls_stream::has_buffered() const noexcept {
  return end_waits_ || SSL_pending(ssl_.get()) > 0 ||
         (!was_read_dry_ && SSL_has_pending(ssl_.get()) == 1);
}

AGENT_WEBSOCKET_INLINE std::string tls_stream::refusal_words() const {
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (is_established()) return std::string();
  if (verdict != X509_V_OK && !SSL_is_server(ssl_.get())) {
    return certificate_refusal_words(verdict, host_);
  }
  return error_ == 0 ? std::string() : tls_failure_words(error_);
}

AGENT_WEBSOCKET_INLINE tls_stream::tls_stream(ssl_pointer ssl, asio_socket& socket) noexcept
    : socket_(socket), ssl_(std::move(ssl)) {}

AGENT_WEBSOCKET_INLINE long tls_stream::bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // writes are not buffered
}

AGENT_WEBSOCKET_INLINE int tls_stream::bio_read(BIO* bio, char* data, int size) {
  auto& stream = *static_cast<tls_stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (stream.is_drained_) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::error_code failure;
  const auto wanted = static_cast<std::size_t>(size);
  const std::size_t got = stream.socket_.read_some(asio::mutable_buffer(data, wanted), failure);
  if (!failure) {
    stream.is_drained_ = got < wanted;
    return static_cast<int>(got);
  }
  if (outcome_of(failure) == io_outcome::blocked) BIO_set_retry_read(bio);
  return failure == asio::error::eof ? 0 : -1;
}

AGENT_WEBSOCKET_INLINE int tls_stream::bio_write(BIO* bio, const char* data, int size) {
  auto& stream = *static_cast<tls_stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  std::error_code failure;
  const std::size_t put =
      stream.socket_.write_some(asio::const_buffer(data, static_cast<std::size_t>(size)), failure);
  if (!failure) return static_cast<int>(put);
  if (outcome_of(failure) == io_outcome::blocked) BIO_set_retry_write(bio);
  return -1;
}

AGENT_WEBSOCKET_INLINE const BIO_METHOD* tls_stream::socket_method() {
  struct free_method {
    void operator()(BIO_METHOD* each) const noexcept { BIO_meth_free(each); }
  };
  static const std::unique_ptr<BIO_METHOD, free_method> method = [] {
    std::unique_ptr<BIO_METHOD, free_method> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "asio socket"));
    if (made != nullptr) {
      BIO_meth_set_read(made.get(), &tls_stream::bio_read);
      BIO_meth_set_write(made.get(), &tls_stream::bio_write);
      BIO_meth_set_ctrl(made.get(), &tls_stream::bio_control);
    }
    return made;
  }();
  return method.get();
}

AGENT_WEBSOCKET_INLINE std::unique_ptr<tls_stream> tls_stream::make(const tls_context& context,
                                                                    asio_socket& socket,
                                                                    bool as_client) {
  ssl_pointer ssl(SSL_new(context.native()));
  BIO* const bio = socket_method() == nullptr ? nullptr : BIO_new(socket_method());
  if (ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    ERR_clear_error();
    return nullptr;
  }
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);  // takes the one reference for both
  if (as_client) {
    SSL_set_connect_state(ssl.get());
  } else {
    SSL_set_accept_state(ssl.get());
  }
  std::unique_ptr<tls_stream> made(new tls_stream(std::move(ssl), socket));
  BIO_set_data(bio, made.get());
  return made;
}

AGENT_WEBSOCKET_INLINE std::unique_ptr<tls_stream> tls_stream::connect(const tls_context& context,
                                                                       asio_socket& socket,
                                                                       const std::string& host) {
  std::unique_ptr<tls_stream> made = make(context, socket, true);
  if (made == nullptr) return made;
  SSL* const ssl = made->ssl_.get();
  made->host_ = host;
  bool done = false;
  std::error_code no_address;
  asio::ip::make_address(host, no_address);
  if (no_address) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    done = SSL_set1_host(ssl, host.c_str()) == 1 &&
           SSL_set_tlsext_host_name(ssl, const_cast<char*>(host.c_str())) == 1;
  } else {  // RFC 6066 section 3: addresses are not sent as a name
    done = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  }
  if (!done) made.reset();  // never without the check
  ERR_clear_error();
  return made;
}

AGENT_WEBSOCKET_INLINE io_outcome tls_stream::outcome_of_call(int returned, wait& waits_for) {
  const int verdict = SSL_get_error(ssl_.get(), returned);
  if (verdict == SSL_ERROR_WANT_READ || verdict == SSL_ERROR_WANT_WRITE) {
    waits_for = verdict == SSL_ERROR_WANT_READ ? wait::readable : wait::writable;
    ERR_clear_error();
    return io_outcome::blocked;
  }
  const unsigned long code = take_tls_error();
  if (verdict == SSL_ERROR_ZERO_RETURN) return io_outcome::ended;
  failed_ = true;
  error_ = code;
  return io_outcome::ended;
}

AGENT_WEBSOCKET_INLINE io_outcome tls_stream::read(char* data, std::size_t size,
                                                   std::size_t& received) {
  received = 0;
  read_waits_for_ = wait::readable;
  is_drained_ = false;
  was_read_dry_ = false;
  end_waits_ = false;
  if (failed_) return io_outcome::ended;
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<int>::max());
  while (received < size) {
    const std::size_t room = size - received;
    ERR_clear_error();
    const int got =
        SSL_read(ssl_.get(), data + received, static_cast<int>(room < most ? room : most));
    if (got <= 0) {
      const io_outcome outcome = outcome_of_call(got, read_waits_for_);
      was_read_dry_ = true;
      end_waits_ = received != 0 && outcome == io_outcome::ended;
      return received != 0 ? io_outcome::done : outcome;  // the next call tells again
    }
    received += static_cast<std::size_t>(got);
  }
  return io_outcome::done;
}

AGENT_WEBSOCKET_INLINE io_outcome tls_stream::write(std::string_view data, std::size_t& sent) {
  sent = 0;
  write_waits_for_ = wait::writable;
  is_drained_ = false;
  if (failed_ || shut_) return io_outcome::ended;
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<int>::max());
  while (!data.empty()) {
    ERR_clear_error();
    const int put = SSL_write(ssl_.get(), data.data(),
                              static_cast<int>(data.size() < most ? data.size() : most));
    if (put <= 0) return outcome_of_call(put, write_waits_for_);
    sent += static_cast<std::size_t>(put);
    data.remove_prefix(static_cast<std::size_t>(put));
  }
  return io_outcome::done;
}

AGENT_WEBSOCKET_INLINE io_outcome tls_stream::shut() {
  if (failed_ || !is_established()) return io_outcome::ended;
  if (shut_) return io_outcome::done;
  is_drained_ = false;
  ERR_clear_error();
  const int said = SSL_shutdown(ssl_.get());  // 0: said, the peer's is still to come
  if (said < 0) return outcome_of_call(said, write_waits_for_);
  shut_ = true;
  return io_outcome::done;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
