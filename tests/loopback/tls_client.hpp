// SPDX-License-Identifier: MIT
//
// A raw_client that speaks TLS, by OpenSSL over buffers in memory, so that the library's own stream
// does not cancel itself out; and a certificate with its files for a server on 127.0.0.1.
#pragma once

#include "loopback/curl_certificates.hpp"
#include "loopback/raw_client.hpp"
#include "loopback/temporary_file.hpp"

#include <agent_websocket/adapters/tls_context.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace loopback {

/// A certificate of its own authority, in files.
struct served_certificate {
  explicit served_certificate(const std::string& names = "DNS:localhost,IP:127.0.0.1")
      : shown(certificate::of_server(names, &authority())),
        chain_file(shown.pem()),
        key_file(shown.key_pem()) {}

  static const certificate& authority() {
    static const certificate made = certificate::of_authority();
    return made;
  }

  agent_websocket::adapters::tls_files files() const {
    return {chain_file.name(), key_file.name()};
  }

  certificate shown;
  temporary_file chain_file;
  temporary_file key_file;
};

class tls_client : public raw_client {
 public:
  using tuning = std::function<void(SSL_CTX&)>;

  explicit tls_client(std::uint16_t port, int receive_buffer = 0, const tuning& tune = {})
      : raw_client(port, receive_buffer), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_mode(context_.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (tune) tune(*context_);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
    SSL_set_connect_state(ssl_.get());
  }
  tls_client(tls_client&&) = default;

  /// Ends without close_notify.
  bool truncated = false;
  /// The first failure of OpenSSL, such as an alert that came.
  std::string failure;
  /// Stops before the handshake is over when this many bytes have been sent.
  std::size_t most_bytes = static_cast<std::size_t>(-1);

  SSL* native() const { return ssl_.get(); }
  bool is_established() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  std::string version() const { return SSL_get_version(ssl_.get()); }

  /// The PEM of what the server showed.
  std::string shown() const {
    const std::unique_ptr<X509, void (*)(X509*)> x509(SSL_get1_peer_certificate(ssl_.get()),
                                                      X509_free);
    if (x509 == nullptr) return "";
    const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(out.get(), x509.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  }

  void send(std::string_view bytes) override {
    words_.append(bytes);
    pump();
  }
  void finish_sending() override {
    pump();
    SSL_shutdown(ssl_.get());
    pump();
    raw_client::finish_sending();
  }

  bool pump() override {
    if (socket_ < 0) return false;
    bool moved = false;
    char buffer[16 * 1024];
    BIO* const coming = SSL_get_rbio(ssl_.get());
    while (reading && !is_over_ && BIO_ctrl_pending(coming) < sizeof buffer) {
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got < 0 && errno == EAGAIN) break;
      moved = true;
      if (got > 0) BIO_write(coming, buffer, static_cast<int>(got));
      if (got <= 0) is_over_ = true;
      if (got < 0) broken = true;
    }
    if (failure.empty()) moved = exchange() || moved;
    if (is_over_ && !ended && BIO_ctrl_pending(coming) == 0) ended = truncated = true;
    BIO* const going = SSL_get_wbio(ssl_.get());
    for (int size = 0; (size = BIO_read(going, buffer, sizeof buffer)) > 0;) {
      out_.append(buffer, static_cast<std::size_t>(size));
    }
    std::string_view part = std::string_view(out_).substr(0, most_bytes);
    if (!part.empty() && !broken) {
      const ssize_t sent = ::send(socket_, part.data(), part.size(), MSG_NOSIGNAL);
      if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
      if (sent > 0 && most_bytes != static_cast<std::size_t>(-1)) {
        most_bytes -= static_cast<std::size_t>(sent);
      }
      moved = moved || sent > 0;
    }
    return moved;
  }

 private:
  struct free_native {
    void operator()(SSL_CTX* each) const { SSL_CTX_free(each); }
    void operator()(SSL* each) const { SSL_free(each); }
  };

  bool exchange() {
    bool moved = false;
    ERR_clear_error();
    if (!is_established() && !check(SSL_do_handshake(ssl_.get()))) return moved;
    while (!words_.empty() && out_.size() < 64 * 1024) {
      const int put = SSL_write(ssl_.get(), words_.data(), static_cast<int>(words_.size()));
      if (!check(put)) break;
      words_.erase(0, static_cast<std::size_t>(put));
      moved = true;
    }
    char buffer[16 * 1024];
    while (reading && failure.empty()) {
      const int got = SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (got <= 0 && SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN) ended = true;
      if (ended || !check(got)) break;
      in.append(buffer, static_cast<std::size_t>(got));
      moved = true;
    }
    return moved;
  }

  bool check(int returned) {
    if (returned > 0) return true;
    const int verdict = SSL_get_error(ssl_.get(), returned);
    if (verdict != SSL_ERROR_WANT_READ && verdict != SSL_ERROR_WANT_WRITE) {
      failure = agent_websocket::adapters::tls_error_words(ERR_peek_error());
    }
    ERR_clear_error();
    return false;
  }

  std::unique_ptr<SSL_CTX, free_native> context_;
  std::unique_ptr<SSL, free_native> ssl_;
  std::string words_;
  bool is_over_ = false;
};

}  // namespace loopback
