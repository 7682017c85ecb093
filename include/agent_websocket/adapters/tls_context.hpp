// SPDX-License-Identifier: MIT
//
// What the TLS connections of one server, or of one client, have in common (OpenSSL's SSL_CTX):
// certificate and key, or trusted authorities, and how TLS is spoken here: versions 1.2 and 1.3
// (RFC 5246, RFC 8446), forward secret and authenticated ciphers only (RFC 9325 section 4.2), no
// compression, no renegotiation, no session tickets. Opens no connection.
#pragma once

#include <agent_websocket/adapters/tls_error.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Where a server's certificate and its private key lie, both in PEM form.
struct tls_files {
  std::string
      certificate;  ///< the server's own certificate first, then those that lead to the root
  std::string key;  ///< without a passphrase

  bool empty() const noexcept { return certificate.empty() && key.empty(); }
};

/// A counted reference to a configuration that is not changed any more. Connections keep the one
/// that they began with. Empty: no TLS.
class tls_context {
 public:
  tls_context() = default;

  /// Reads the files. The error names the file, its variable, and what would be right.
  static result<tls_context> of_server(const tls_files& files);

  /// Verifies servers. `ca_file`: the authorities that are trusted, in PEM form; empty: those of
  /// the system (and of the variables SSL_CERT_FILE and SSL_CERT_DIR, which OpenSSL reads itself).
  static result<tls_context> of_client(const std::string& ca_file);

  /// When the server's own certificate ends, "2027-01-31T12:00:00Z"; empty without one.
  std::string valid_until() const;

  explicit operator bool() const noexcept { return context_ != nullptr; }
  SSL_CTX* native() const noexcept { return context_.get(); }

 private:
  template <typename T>
  using owned = std::unique_ptr<T, void (*)(T*)>;
  using pointer = std::shared_ptr<SSL_CTX>;

  explicit tls_context(pointer context) noexcept : context_(std::move(context)) {}

  static error refuse(std::string words);

  static pointer make(const SSL_METHOD* method);
  static result<void> use_certificates(SSL_CTX& context, const std::string& file);
  static result<void> use_key(SSL_CTX& context, const tls_files& files);

  /// Null with errno when the file cannot be opened.
  static owned<BIO> open(const std::string& file);
  static std::string unreadable(const std::string& what, const std::string& file);

  /// Chooses http/1.1 (RFC 7301). Who offers other protocols only is refused, so that what he says
  /// in them is not taken for HTTP.
  static int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                             const unsigned char* offered, unsigned int offered_size, void*);

  /// For OpenSSL, which would ask the terminal.
  static int no_passphrase(char*, int, int, void* was_asked);

  pointer context_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE error tls_context::refuse(std::string words) {
  ERR_clear_error();
  return error(errc::bad_configuration, std::move(words));
}

AGENT_WEBSOCKET_INLINE tls_context::owned<BIO> tls_context::open(const std::string& file) {
  errno = 0;
  return owned<BIO>(BIO_new_file(file.c_str(), "r"), [](BIO* each) { BIO_free(each); });
}

AGENT_WEBSOCKET_INLINE std::string tls_context::unreadable(const std::string& what,
                                                           const std::string& file) {
  const int reason = errno;
  return "cannot read the " + what + " \"" + file +
         "\": " + (reason == 0 ? "it cannot be opened" : std::strerror(reason));
}

AGENT_WEBSOCKET_INLINE int tls_context::choose_protocol(SSL*, const unsigned char** chosen,
                                                        unsigned char* size,
                                                        const unsigned char* offered,
                                                        unsigned int offered_size, void*) {
  static const unsigned char known[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, known, sizeof known - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

AGENT_WEBSOCKET_INLINE int tls_context::no_passphrase(char*, int, int, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

AGENT_WEBSOCKET_INLINE std::string tls_context::valid_until() const {
  const X509* const certificate =
      context_ == nullptr ? nullptr : SSL_CTX_get0_certificate(context_.get());
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) {
    return std::string();
  }
  char text[sizeof "2027-01-31T12:00:00Z"] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &end);
  return text;
}

AGENT_WEBSOCKET_INLINE tls_context::pointer tls_context::make(const SSL_METHOD* method) {
  const pointer made(SSL_CTX_new(method), [](SSL_CTX* each) { SSL_CTX_free(each); });
  if (made == nullptr) return made;
  SSL_CTX* const context = made.get();
  SSL_CTX_set_security_level(context, 2);  // 112 bits: RSA from 2048, no SHA-1
  const bool done =
      SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
      SSL_CTX_set_max_proto_version(context, 0) == 1 &&
      SSL_CTX_set_cipher_list(context,
                              "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                              "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                              "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305") == 1 &&
      SSL_CTX_set_ciphersuites(context,
                               "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                               "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
      SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1;
  if (!done) return nullptr;
  // A ticket's key would have to be changed every few hours to keep what it sealed secret; sockets
  // live long, so that a whole handshake each is the simpler price.
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // An idle connection keeps no buffers; a write takes what fits and may go on from a copy.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One call, one record: a peer that asks for new keys without end has its turn like the others.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  return made;
}

AGENT_WEBSOCKET_INLINE result<void> tls_context::use_certificates(SSL_CTX& context,
                                                                  const std::string& file) {
  const std::string what = "certificate file (TLS_CERT_FILE)";
  if (open(file) == nullptr) return refuse(unreadable(what, file));
  if (SSL_CTX_use_certificate_chain_file(&context, file.c_str()) == 1) return {};
  const unsigned long failure = ERR_peek_error();
  const std::string prefix = "the " + what + " \"" + file + "\" ";
  if (ERR_GET_LIB(failure) == ERR_LIB_PEM) {
    return refuse(prefix + "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  }
  return refuse(prefix + "cannot be used: " + tls_error_words(failure));
}

AGENT_WEBSOCKET_INLINE result<void> tls_context::use_key(SSL_CTX& context, const tls_files& files) {
  const std::string what = "key file (TLS_KEY_FILE)";
  const owned<BIO> in = open(files.key);
  if (in == nullptr) return refuse(unreadable(what, files.key));
  bool is_encrypted = false;
  const owned<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(in.get(), nullptr, &tls_context::no_passphrase, &is_encrypted),
      [](EVP_PKEY* each) { EVP_PKEY_free(each); });
  const std::string prefix = "the " + what + " \"" + files.key + "\" ";
  if (is_encrypted) {
    return refuse(prefix +
                  "is encrypted: give it without a passphrase, readable by the server alone");
  }
  if (key == nullptr) {
    return refuse(prefix + "holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
  }
  X509* const certificate = SSL_CTX_get0_certificate(&context);
  if (certificate == nullptr || X509_check_private_key(certificate, key.get()) != 1) {
    return refuse(prefix + "does not belong to the first certificate of \"" + files.certificate +
                  "\" (TLS_CERT_FILE): the server's own certificate stands first there");
  }
  if (SSL_CTX_use_PrivateKey(&context, key.get()) == 1) return {};
  return refuse(prefix + "cannot be used: " + tls_error_words(ERR_peek_error()));
}

AGENT_WEBSOCKET_INLINE result<tls_context> tls_context::of_server(const tls_files& files) {
  if (files.certificate.empty() || files.key.empty()) {
    return refuse(
        "TLS needs both files, the certificate (TLS_CERT_FILE) and its key (TLS_KEY_FILE); "
        "without both the server speaks plain HTTP");
  }
  ERR_clear_error();
  pointer made = make(TLS_server_method());
  if (made == nullptr) {
    return refuse("OpenSSL cannot speak TLS: " + tls_error_words(ERR_peek_error()));
  }
  if (auto done = use_certificates(*made, files.certificate); !done) return done.error();
  if (auto done = use_key(*made, files); !done) return done.error();
  SSL_CTX_set_alpn_select_cb(made.get(), &tls_context::choose_protocol, nullptr);
  return tls_context(std::move(made));
}

AGENT_WEBSOCKET_INLINE result<tls_context> tls_context::of_client(const std::string& ca_file) {
  ERR_clear_error();
  pointer made = make(TLS_client_method());
  if (made == nullptr) {
    return refuse("OpenSSL cannot speak TLS: " + tls_error_words(ERR_peek_error()));
  }
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
  // What streams to a client comes in small records: one system call for each, in place of one for
  // its header and one for the rest.
  SSL_CTX_set_read_ahead(made.get(), 1);
  static const unsigned char spoken[] = "\x08http/1.1";  // RFC 7301; WebSocket begins with it too
  if (SSL_CTX_set_alpn_protos(made.get(), spoken, sizeof spoken - 1) != 0) {
    return refuse("OpenSSL cannot speak TLS: " + tls_error_words(ERR_peek_error()));
  }
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(made.get());
  } else if (open(ca_file) == nullptr) {
    return refuse(unreadable("file of trusted authorities", ca_file));
  } else if (SSL_CTX_load_verify_locations(made.get(), ca_file.c_str(), nullptr) != 1) {
    return refuse("the file of trusted authorities \"" + ca_file +
                  "\" holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  }
  ERR_clear_error();
  return tls_context(std::move(made));
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
