// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/tls_context.hpp>

#include "loopback/curl_certificates.hpp"
#include "loopback/temporary_file.hpp"

#include <doctest/doctest.h>

#include <ctime>
#include <string>

using agent_websocket::errc;
using agent_websocket::result;
using agent_websocket::adapters::tls_context;
using agent_websocket::adapters::tls_files;
using loopback::certificate;
using loopback::temporary_file;

namespace {

const certificate& shown() {
  static const certificate made = certificate::of_server("DNS:localhost", nullptr);
  return made;
}

// The error for these contents of the two files, with their names replaced.
std::string refusal(const std::string& chain, const std::string& key) {
  const temporary_file chain_file(chain);
  const temporary_file key_file(key);
  const result<tls_context> made = tls_context::of_server({chain_file.name(), key_file.name()});
  CHECK(ERR_peek_error() == 0u);
  if (made) return "none";
  CHECK(made.error().code == errc::bad_configuration);
  std::string words = made.error().message;
  for (const auto& [name, letter] : {std::pair(chain_file.name(), "CERT"), {key_file.name(), "KEY"}}) {
    for (std::size_t at = 0; (at = words.find(name)) != std::string::npos;) {
      words.replace(at, name.size(), letter);
    }
  }
  return words;
}

}  // namespace

TEST_CASE("tls context: a certificate and its key") {
  const temporary_file chain(shown().pem() + certificate::of_authority().pem());
  const temporary_file key(shown().key_pem());
  const auto made = tls_context::of_server({chain.name(), key.name()});
  REQUIRE(made);
  SSL_CTX* const native = made->native();
  CHECK(SSL_CTX_get_min_proto_version(native) == TLS1_2_VERSION);
  CHECK(SSL_CTX_get_session_cache_mode(native) == SSL_SESS_CACHE_OFF);
  CHECK(SSL_CTX_get_num_tickets(native) == 0u);
  const auto options = SSL_CTX_get_options(native);
  for (const auto wanted :
       {SSL_OP_NO_COMPRESSION, SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET}) {
    CHECK((options & wanted) == wanted);
  }
  for (int i = 0; i < sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(native)); ++i) {
    const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(native), i);
    CAPTURE(SSL_CIPHER_get_name(cipher));
    CHECK(SSL_CIPHER_is_aead(cipher) == 1);
    const int exchange = SSL_CIPHER_get_kx_nid(cipher);
    CHECK((exchange == NID_kx_ecdhe || exchange == NID_kx_any));
  }
}

TEST_CASE("tls context: files that are wrong are named, with what would be right") {
  CHECK(refusal(shown().pem(), shown().key_pem()) == "none");
  CHECK(refusal("", shown().key_pem()) ==
        "the certificate file (TLS_CERT_FILE) \"CERT\" holds no certificate in PEM form "
        "(-----BEGIN CERTIFICATE-----)");
  CHECK(refusal(shown().key_pem(), shown().pem()).find("\"CERT\" holds no certificate") !=
        std::string::npos);
  std::string torn = shown().pem();
  torn.resize(torn.size() / 2);
  CHECK(refusal(torn, shown().key_pem()).find("TLS_CERT_FILE") != std::string::npos);
  for (const std::string& no_key : {std::string(), std::string("rubbish"), shown().pem()}) {
    CHECK(refusal(shown().pem(), no_key) ==
          "the key file (TLS_KEY_FILE) \"KEY\" holds no private key in PEM form "
          "(-----BEGIN PRIVATE KEY-----)");
  }
  CHECK(refusal(shown().pem(), shown().encrypted_key_pem("secret")) ==
        "the key file (TLS_KEY_FILE) \"KEY\" is encrypted: give it without a passphrase, readable "
        "by the server alone");
  CHECK(refusal(shown().pem(), certificate::of_server("DNS:localhost", nullptr).key_pem()) ==
        "the key file (TLS_KEY_FILE) \"KEY\" does not belong to the first certificate of "
        "\"CERT\" (TLS_CERT_FILE): the server's own certificate stands first there");
  // The chain in the wrong order.
  const certificate authority = certificate::of_authority();
  const certificate signed_one = certificate::of_server("DNS:localhost", &authority);
  CHECK(refusal(authority.pem() + signed_one.pem(), signed_one.key_pem())
            .find("does not belong to the first certificate") != std::string::npos);
}

TEST_CASE("tls context: keys that are too weak are refused") {
  CHECK(refusal(certificate::of_weak_server().pem(), certificate::of_weak_server().key_pem())
            .find("\"CERT\" cannot be used: ee key too small") != std::string::npos);
}

TEST_CASE("tls context: files that cannot be read") {
  const temporary_file chain(shown().pem());
  const auto words = [](const tls_files& files) {
    const auto made = tls_context::of_server(files);
    return made ? std::string() : made.error().message;
  };
  CHECK(words({"/nonexistent/chain.pem", "/nonexistent/key.pem"}) ==
        "cannot read the certificate file (TLS_CERT_FILE) \"/nonexistent/chain.pem\": No such file "
        "or directory");
  CHECK(words({chain.name(), "/nonexistent/key.pem"}) ==
        "cannot read the key file (TLS_KEY_FILE) \"/nonexistent/key.pem\": No such file or "
        "directory");
  CHECK(words({"/", "/"}).find("TLS_CERT_FILE") != std::string::npos);
  for (const tls_files& half : {tls_files{chain.name(), ""}, tls_files{"", chain.name()}}) {
    const std::string said = words(half);
    CHECK(said.find("TLS_CERT_FILE") != std::string::npos);
    CHECK(said.find("TLS_KEY_FILE") != std::string::npos);
  }
}

TEST_CASE("tls context: whom a client trusts") {
  const temporary_file authority(certificate::of_authority().pem());
  CHECK(SSL_CTX_get_verify_mode(tls_context::of_client("").value().native()) == SSL_VERIFY_PEER);
  const auto own = tls_context::of_client(authority.name());
  REQUIRE(own);
  CHECK(SSL_CTX_get_verify_mode(own->native()) == SSL_VERIFY_PEER);
  CHECK(tls_context::of_client("/nonexistent/ca.pem").error().message ==
        "cannot read the file of trusted authorities \"/nonexistent/ca.pem\": No such file or "
        "directory");
  const temporary_file rubbish("rubbish");
  CHECK(tls_context::of_client(rubbish.name()).error().message.find("holds no certificate") !=
        std::string::npos);
  CHECK(ERR_peek_error() == 0u);
}

TEST_CASE("tls context: when the certificate ends") {
  const std::time_t hour = std::time(nullptr) + 3600;  // of a test certificate made now
  const certificate made = certificate::of_server("DNS:localhost", nullptr);
  const temporary_file own(made.pem());
  const temporary_file key(made.key_pem());
  const std::string said = tls_context::of_server({own.name(), key.name()}).value().valid_until();
  CHECK(said.size() == 20u);
  std::string wanted[2];
  for (int i = 0; i < 2; ++i) {
    const std::time_t when = hour + i * 60;
    char text[40] = {};
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M", std::gmtime(&when));
    wanted[i] = text;
  }
  CHECK((said.substr(0, 16) == wanted[0] || said.substr(0, 16) == wanted[1]));
  CHECK(tls_context::of_client("").value().valid_until() == "");
}

TEST_CASE("tls context: empty, it is no TLS") {
  CHECK_FALSE(tls_context());
  CHECK(tls_context().valid_until() == "");
  CHECK(tls_files().empty());
  CHECK_FALSE(tls_files{"a", ""}.empty());
}
