// SPDX-License-Identifier: MIT
//
// Signs JSON Web Tokens for tests, rightly and wrongly. Keys are made anew in each run.
#pragma once

#include <agent_websocket/base/base64url.hpp>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace signing {

inline void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL could not make a test key or signature");
}

inline const unsigned char* bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// A pair of keys.
class key_pair {
 public:
  static key_pair rsa(std::size_t bits = 2048) { return key_pair(EVP_RSA_gen(bits)); }
  static key_pair ec(const char* curve = "P-256") { return key_pair(EVP_EC_gen(curve)); }
  static key_pair of(const char* kind) { return key_pair(EVP_PKEY_Q_keygen(nullptr, nullptr, kind)); }
  /// Whose signatures are all of PSS.
  static key_pair rsa_pss() {
    const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY* made = nullptr;
    require(context && EVP_PKEY_keygen_init(context.get()) == 1 &&
            EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), 2048) == 1 &&
            EVP_PKEY_generate(context.get(), &made) == 1);
    return key_pair(made);
  }

  EVP_PKEY* get() const { return key_.get(); }
  std::string public_pem() const {
    return text([this](BIO* out) { return PEM_write_bio_PUBKEY(out, key_.get()); });
  }
  std::string private_pem() const {
    return text([this](BIO* out) {
      return PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

  /// PKCS1-v1_5 or PSS; of elliptic curves: in DER.
  std::string sign(const std::string& input, const EVP_MD* hash = EVP_sha256(),
                   bool pss = false) const {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                     EVP_MD_CTX_free);
    EVP_PKEY_CTX* settings = nullptr;
    require(context && EVP_DigestSignInit(context.get(), &settings, hash, nullptr, get()) == 1);
    if (pss) require(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1);
    std::string made(4096, '\0');
    std::size_t size = made.size();
    require(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(made.data()), &size,
                           bytes(input), input.size()) == 1);
    made.resize(size);
    return made;
  }

  /// r and s, each in `half` bytes.
  std::string sign_raw(const std::string& input, const EVP_MD* hash = EVP_sha256(),
                       int half = 32) const {
    const std::string der = sign(input, hash);
    const unsigned char* at = bytes(der);
    const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> both(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
    require(both != nullptr);
    std::string made(static_cast<std::size_t>(2 * half), '\0');
    auto* out = reinterpret_cast<unsigned char*>(made.data());
    require(BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), out, half) == half &&
            BN_bn2binpad(ECDSA_SIG_get0_s(both.get()), out + half, half) == half);
    return made;
  }

 private:
  explicit key_pair(EVP_PKEY* made) : key_(made, EVP_PKEY_free) { require(made != nullptr); }

  template <typename Write>
  static std::string text(Write write) {
    const std::unique_ptr<BIO, void (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free_all);
    require(out != nullptr && write(out.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  }

  std::shared_ptr<EVP_PKEY> key_;
};

inline std::string hmac(const std::string& secret, const std::string& input,
                        const EVP_MD* hash = EVP_sha256()) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  require(HMAC(hash, secret.data(), static_cast<int>(secret.size()), bytes(input), input.size(),
               mac.data(), &size) != nullptr);
  return std::string(mac.begin(), mac.begin() + size);
}

/// The compact form, signed by `sign`, which gets the signing input.
inline std::string token(const std::string& header, const std::string& claims,
                         const std::function<std::string(const std::string&)>& sign) {
  const std::string input = agent_websocket::encode_base64url(header) + "." +
                            agent_websocket::encode_base64url(claims);
  return input + "." + agent_websocket::encode_base64url(sign(input));
}

}  // namespace signing
