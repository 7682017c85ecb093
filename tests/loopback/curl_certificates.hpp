// SPDX-License-Identifier: MIT
//
// Makes certificates in memory for TLS tests: a certificate authority and, signed by it or by
// themselves, certificates of servers. P-256 keys, made anew in each run; nothing is kept.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace loopback {

/// A certificate and its private key.
class certificate {
 public:
  /// `alternative`: "DNS:localhost", "IP:127.0.0.1". Valid from `begin` to `end`, in seconds from
  /// now. `issuer` null: signed by itself.
  static certificate of_server(const std::string& alternative, const certificate* issuer,
                               long begin = -3600, long end = 3600) {
    return certificate(alternative, false, issuer, begin, end);
  }
  static certificate of_authority() { return certificate("", true, nullptr, -3600, 3600); }
  /// RSA with 2048 bits.
  static certificate of_rsa_server(const std::string& alternative, const certificate* issuer) {
    return certificate(alternative, false, issuer, -3600, 3600, EVP_RSA_gen(2048));
  }
  /// RSA with 1024 bits, signed by itself.
  static const certificate& of_weak_server() {
    static const certificate made("DNS:localhost", false, nullptr, -3600, 3600, EVP_RSA_gen(1024));
    return made;
  }

  std::string pem() const {
    return text([this](BIO* out) { return PEM_write_bio_X509(out, x509_.get()); });
  }
  std::string key_pem() const {
    return text([this](BIO* out) {
      return PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  std::string encrypted_key_pem(const std::string& passphrase) const {
    return text([&](BIO* out) {
      return PEM_write_bio_PKCS8PrivateKey(out, key_.get(), EVP_aes_128_cbc(), passphrase.data(),
                                           static_cast<int>(passphrase.size()), nullptr, nullptr);
    });
  }

 private:
  template <typename T>
  using owned = std::unique_ptr<T, void (*)(T*)>;

  static void require(bool done) {
    if (!done) throw std::runtime_error("OpenSSL could not make a test certificate");
  }

  template <typename Write>
  static std::string text(Write write) {
    const owned<BIO> out(BIO_new(BIO_s_mem()), BIO_free_all);
    require(out != nullptr && write(out.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  }

  void extend(int what, const std::string& value) {
    const owned<X509_EXTENSION> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()), X509_EXTENSION_free);
    require(extension != nullptr && X509_add_ext(x509_.get(), extension.get(), -1) == 1);
  }

  certificate(const std::string& alternative, bool authority, const certificate* issuer, long begin,
              long end, EVP_PKEY* key = EVP_EC_gen("P-256"))
      : key_(key, EVP_PKEY_free), x509_(X509_new(), X509_free) {
    static long serial = 1000;
    require(key_ != nullptr && x509_ != nullptr);
    X509* const made = x509_.get();
    require(X509_set_version(made, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made), begin);
    X509_gmtime_adj(X509_getm_notAfter(made), end);
    X509_set_pubkey(made, key_.get());
    const std::string name = authority ? "test authority" : "test server " + std::to_string(serial);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509* const signer = issuer != nullptr ? issuer->x509_.get() : made;
    X509_set_issuer_name(made, X509_get_subject_name(signer));
    if (authority) extend(NID_basic_constraints, "critical,CA:TRUE");
    if (!alternative.empty()) extend(NID_subject_alt_name, alternative);
    EVP_PKEY* const signing = issuer != nullptr ? issuer->key_.get() : key_.get();
    require(X509_sign(made, signing, EVP_sha256()) > 0);
  }

  owned<EVP_PKEY> key_;
  owned<X509> x509_;
};

}  // namespace loopback
