// SPDX-License-Identifier: MIT
//
// OpenSSL's failures in words for people. Its queue of errors belongs to the thread: whoever called
// OpenSSL and failed takes them here, so that none is left for the next call to stumble over.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <string>

namespace agent_websocket {
namespace adapters {

/// The first error of the queue, which names the cause; 0 when it is empty. Empties the queue.
unsigned long take_tls_error() noexcept;

/// OpenSSL's own words for an error, without its number; "unknown error" for 0.
std::string tls_error_words(unsigned long code);

/// Why the certificate of a server was refused. `verdict`: of SSL_get_verify_result; `host`: who
/// was asked for.
std::string certificate_refusal_words(long verdict, const std::string& host);

/// Why a handshake failed, for what is not the certificate.
std::string tls_failure_words(unsigned long code);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE unsigned long take_tls_error() noexcept {
  const unsigned long first = ERR_get_error();
  ERR_clear_error();
  return first;
}

AGENT_WEBSOCKET_INLINE std::string tls_error_words(unsigned long code) {
  const char* const words = code == 0 ? nullptr : ERR_reason_error_string(code);
  return words == nullptr ? std::string("unknown error") : std::string(words);
}

AGENT_WEBSOCKET_INLINE std::string certificate_refusal_words(long verdict,
                                                             const std::string& host) {
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return "the server's certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "the server's certificate is not valid yet";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the server's certificate is for another name than " + host;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "the server's certificate is self-signed and not among the trusted ones";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // of another authority with the same name
      return "the server's certificate is signed by no authority that is trusted here";
    default:
      return std::string("the server's certificate was refused: ") +
             X509_verify_cert_error_string(verdict);
  }
}

AGENT_WEBSOCKET_INLINE std::string tls_failure_words(unsigned long code) {
  switch (ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST: return "the server does not speak TLS there";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return "the server and this client share no version of TLS (1.2 or newer)";
    default: return "the TLS handshake failed: " + tls_error_words(code);
  }
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
