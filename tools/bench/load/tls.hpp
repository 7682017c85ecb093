// SPDX-License-Identifier: MIT
//
// The bytes of a connection, plain or, where it is built with -DBENCH_TLS=1 (and -lssl -lcrypto),
// by TLS 1.3. Certificates are not verified: those of a benchmark sign themselves.
#pragma once

#include <soak/loop.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <string>

#if BENCH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

namespace load {

#if BENCH_TLS

/// One for the process. A server's has a certificate.
class tls_context {
 public:
  static tls_context& of_clients() {
    static tls_context made(SSL_CTX_new(TLS_client_method()));
    return made;
  }
  static tls_context& of_servers() {
    static tls_context made(SSL_CTX_new(TLS_server_method()));
    return made;
  }
  void use_certificate(const std::string& certificate, const std::string& key) const {
    if (SSL_CTX_use_certificate_chain_file(of_, certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(of_, key.c_str(), SSL_FILETYPE_PEM) != 1)
      soak::give_up("no certificate in " + certificate + " and " + key);
  }
  SSL* connection(int descriptor, bool is_server) const {
    SSL* const made = SSL_new(of_);
    if (made == nullptr || SSL_set_fd(made, descriptor) != 1) soak::give_up("SSL_new failed");
    is_server ? SSL_set_accept_state(made) : SSL_set_connect_state(made);
    return made;
  }

 private:
  explicit tls_context(SSL_CTX* made) : of_(made) {
    if (made == nullptr) soak::give_up("SSL_CTX_new failed");
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
  }
  SSL_CTX* of_;
};

/// send() and recv() of one connection, with their results and errno.
class stream {
 public:
  stream() = default;
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() { end(); }

  void begin(int descriptor, bool is_tls, bool is_server = false) {
    end();
    descriptor_ = descriptor;
    if (is_tls) {
      ssl_ = (is_server ? tls_context::of_servers() : tls_context::of_clients())
                 .connection(descriptor, is_server);
    }
  }
  void end() {
    SSL_free(ssl_);
    ssl_ = nullptr;
  }
  bool is_tls() const noexcept { return ssl_ != nullptr; }

  ssize_t send(const char* bytes, std::size_t size) {
    if (ssl_ == nullptr) return ::send(descriptor_, bytes, size, MSG_NOSIGNAL);
    ERR_clear_error();
    return size == 0 ? 0 : result(SSL_write(ssl_, bytes, static_cast<int>(size)));
  }
  ssize_t recv(char* bytes, std::size_t size) {
    if (ssl_ == nullptr) return ::recv(descriptor_, bytes, size, 0);
    ERR_clear_error();
    return result(SSL_read(ssl_, bytes, static_cast<int>(size)));
  }

  /// What was not sent waits for something to be received first.
  bool waits_for_read() const noexcept { return waits_for_read_ && ssl_ != nullptr; }

 private:
  ssize_t result(int said) {
    if (said > 0) return said;
    const int why = SSL_get_error(ssl_, said);
    waits_for_read_ = why == SSL_ERROR_WANT_READ;
    errno = EAGAIN;
    if (waits_for_read_ || why == SSL_ERROR_WANT_WRITE) return -1;
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    errno = ECONNRESET;
    return -1;
  }

  int descriptor_ = -1;
  bool waits_for_read_ = false;
  SSL* ssl_ = nullptr;
};

#else

class stream {
 public:
  void begin(int descriptor, bool is_tls, bool = false) {
    if (is_tls) soak::give_up("built without TLS: -DBENCH_TLS=1 -lssl -lcrypto");
    descriptor_ = descriptor;
  }
  void end() {}
  bool is_tls() const noexcept { return false; }
  bool waits_for_read() const noexcept { return false; }
  ssize_t send(const char* bytes, std::size_t size) const {
    return ::send(descriptor_, bytes, size, MSG_NOSIGNAL);
  }
  ssize_t recv(char* bytes, std::size_t size) const { return ::recv(descriptor_, bytes, size, 0); }

 private:
  int descriptor_ = -1;
};

#endif

}  // namespace load
