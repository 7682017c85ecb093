// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/tls_error.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace agent_websocket::adapters;

TEST_CASE("tls errors: the first of the queue is taken, and none is left") {
  ERR_clear_error();
  CHECK(take_tls_error() == 0u);
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_HTTP_REQUEST, "here", 1);
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_NO_SHARED_CIPHER, "there", 2);
  CHECK(ERR_GET_REASON(take_tls_error()) == SSL_R_HTTP_REQUEST);
  CHECK(ERR_peek_error() == 0u);
}

TEST_CASE("tls errors: words without numbers") {
  CHECK(tls_error_words(0) == "unknown error");
  CHECK(tls_error_words(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_NO_SHARED_CIPHER)) == "no shared cipher");
}

TEST_CASE("tls errors: why a certificate was refused") {
  const auto words = [](long verdict) { return certificate_refusal_words(verdict, "a.test"); };
  CHECK(words(X509_V_ERR_CERT_HAS_EXPIRED) == "the server's certificate has expired");
  CHECK(words(X509_V_ERR_CERT_NOT_YET_VALID) == "the server's certificate is not valid yet");
  for (const long other : {X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH}) {
    CHECK(words(other) == "the server's certificate is for another name than a.test");
  }
  CHECK(words(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT).find("self-signed") != std::string::npos);
  for (const long untrusted :
       {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
        X509_V_ERR_CERT_SIGNATURE_FAILURE}) {
    CHECK(words(untrusted).find("no authority that is trusted here") != std::string::npos);
  }
  CHECK(words(X509_V_ERR_CERT_REVOKED) ==
        "the server's certificate was refused: certificate revoked");
}

TEST_CASE("tls errors: why a handshake failed") {
  const auto words = [](int reason) {
    return tls_failure_words(ERR_PACK(ERR_LIB_SSL, 0, reason));
  };
  CHECK(words(SSL_R_WRONG_VERSION_NUMBER) == "the server does not speak TLS there");
  CHECK(words(SSL_R_TLSV1_ALERT_PROTOCOL_VERSION).find("1.2 or newer") != std::string::npos);
  CHECK(words(SSL_R_NO_SHARED_CIPHER) == "the TLS handshake failed: no shared cipher");
}
