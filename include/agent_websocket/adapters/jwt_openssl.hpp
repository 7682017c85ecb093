// SPDX-License-Identifier: MIT
//
// Keys for JSON Web Tokens by OpenSSL's EVP interface (3.0 and up): HS256 of a secret, RS256 and
// ES256 of a public key in PEM. The kind of the key decides the algorithm. What is no such key is
// refused when the server starts, in words that name the variable and the file, never the secret.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/jwt_key.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <cstddef>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

namespace detail {

/// Takes back what OpenSSL puts into this thread's error queue meanwhile, and nothing else.
class quiet_errors {
 public:
  quiet_errors() { ERR_set_mark(); }
  quiet_errors(const quiet_errors&) = delete;
  quiet_errors& operator=(const quiet_errors&) = delete;
  ~quiet_errors() { ERR_pop_to_mark(); }
};

template <typename T>
using openssl_ptr = std::unique_ptr<T, void (*)(T*)>;

const unsigned char* as_bytes(std::string_view text) noexcept;

/// In place of OpenSSL's own, which would ask at the terminal.
inline int no_password(char*, int, int, void*) { return -1; }

}  // namespace detail

/// A key for HS256. The secret is used as it stands: it is not decoded. `name` is what it is called
/// in errors. Errors (bad_configuration): shorter than 32 bytes, or no secret at all but a key in
/// PEM, which everybody may know.
result<jwt_key> jwt_secret_key(std::string secret, const std::string& name = "JWT_SECRET");

/// A key for RS256 (RSA, 2048 to 16384 bits) or ES256 (elliptic curve P-256) from the text of a
/// PEM file with one PUBLIC KEY block (RFC 7468 section 13). `where` is what it is called in
/// errors.
result<jwt_key> jwt_public_key(std::string_view pem, const std::string& where);

/// The same from a file of at most 64 KiB. Blocks. `name` is the variable that names the file.
result<jwt_key> jwt_public_key_file(const std::string& path, const std::string& name);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE const unsigned char* as_bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

inline bool verify_hs256(std::string_view secret, std::string_view input,
                         std::string_view signature) {
  const quiet_errors quiet;
  std::array<unsigned char, 32> mac{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), as_bytes(input),
           input.size(), mac.data(), &size) == nullptr) {
    return false;
  }
  return size == mac.size() && signature.size() == mac.size() &&
         CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0;
}

/// r and s, 32 bytes each (RFC 7518 section 3.4) -> the DER form that OpenSSL takes; empty when
/// there are not 64 bytes, or one of the numbers is 0.
inline std::string to_der(std::string_view signature) {
  constexpr std::size_t half = 32;
  if (signature.size() != 2 * half) return {};
  const auto number = [&](std::size_t at) {
    return openssl_ptr<BIGNUM>(BN_bin2bn(as_bytes(signature.substr(at, half)), half, nullptr),
                               BN_free);
  };
  auto r = number(0), s = number(half);
  const openssl_ptr<ECDSA_SIG> both(ECDSA_SIG_new(), ECDSA_SIG_free);
  if (!r || !s || !both || BN_is_zero(r.get()) || BN_is_zero(s.get())) return {};
  if (ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  std::array<unsigned char, 80> der{};
  if (i2d_ECDSA_SIG(both.get(), nullptr) > static_cast<int>(der.size())) return {};
  unsigned char* end = der.data();
  const int size = i2d_ECDSA_SIG(both.get(), &end);
  return size > 0 ? std::string(der.begin(), der.begin() + size) : std::string();
}

inline bool verify_with(EVP_PKEY* key, std::string_view input, std::string_view signature) {
  const openssl_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* settings = nullptr;  // belongs to the context
  if (!context || EVP_DigestVerifyInit(context.get(), &settings, EVP_sha256(), nullptr, key) != 1) {
    return false;
  }
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
      EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PADDING) != 1) {
    return false;
  }
  return EVP_DigestVerify(context.get(), as_bytes(signature), signature.size(), as_bytes(input),
                          input.size()) == 1;
}

inline error bad_key(const std::string& where, const std::string& what) {
  return error(errc::bad_configuration, where + " " + what);
}

/// The words behind BEGIN of the only PEM block; an error when there is none or several.
inline result<std::string> pem_label(std::string_view text, const std::string& where) {
  constexpr std::string_view begin = "-----BEGIN ";
  const std::size_t at = text.find(begin);
  if (at == std::string_view::npos) {
    return bad_key(where,
                   "is no PEM file: it must hold one block that begins with "
                   "-----BEGIN PUBLIC KEY-----");
  }
  if (text.find(begin, at + 1) != std::string_view::npos) {
    return bad_key(where, "holds several PEM blocks; it must hold one public key and nothing else");
  }
  const std::string_view rest = text.substr(at + begin.size());
  return std::string(rest.substr(0, rest.find("-----")));
}

inline bool is_p256(const EVP_PKEY* key) {
  std::array<char, 64> name{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) == 1 &&
         std::string_view(name.data(), size) == "prime256v1";
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<jwt_key> jwt_secret_key(std::string secret, const std::string& name) {
  if (secret.find("-----BEGIN ") != std::string::npos) {
    return detail::bad_key(name,
                           "is a key in PEM and no secret; the file of a public key goes to "
                           "JWT_PUBLIC_KEY_FILE");
  }
  if (secret.size() < min_jwt_secret_bytes) {
    return detail::bad_key(
        name, "has " + std::to_string(secret.size()) + " bytes, but HS256 needs " +
                  std::to_string(min_jwt_secret_bytes) + " or more (RFC 7518 section 3.2)");
  }
  if (secret.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return detail::bad_key(name, "is too long");
  }
  return jwt_key{jwt_algorithm::hs256,
                 [secret = std::move(secret)](std::string_view input, std::string_view signature) {
                   return detail::verify_hs256(secret, input, signature);
                 }};
}

AGENT_WEBSOCKET_INLINE result<jwt_key> jwt_public_key(std::string_view pem,
                                                      const std::string& where) {
  const detail::quiet_errors quiet;
  const auto label = detail::pem_label(pem, where);
  if (!label) return label.error();
  if (label->find("PRIVATE") != std::string::npos) {
    return detail::bad_key(where,
                           "holds a private key, which has no place on this server; make the "
                           "public one by: openssl pkey -in FILE -pubout");
  }
  if (label->find("CERTIFICATE") != std::string::npos) {
    return detail::bad_key(where,
                           "holds a certificate; make a public key of it by: openssl x509 -in "
                           "FILE -noout -pubkey");
  }
  if (*label != "PUBLIC KEY") {
    return detail::bad_key(where,
                           "holds a block of another kind than PUBLIC KEY (of RSA PUBLIC KEY "
                           "make one by: openssl rsa -RSAPublicKey_in -in FILE -pubout)");
  }
  const detail::openssl_ptr<BIO> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                      [](BIO* each) { BIO_free(each); });
  const std::shared_ptr<EVP_PKEY> key(
      text ? PEM_read_bio_PUBKEY(text.get(), nullptr, detail::no_password, nullptr) : nullptr,
      EVP_PKEY_free);
  if (!key) return detail::bad_key(where, "holds a public key that cannot be read");
  const auto verify = [key](std::string_view input, std::string_view signature) {
    const detail::quiet_errors verifying;
    return detail::verify_with(key.get(), input, signature);
  };
  const auto verify_raw = [key](std::string_view input, std::string_view signature) {
    const detail::quiet_errors verifying;
    const std::string der = detail::to_der(signature);
    return !der.empty() && detail::verify_with(key.get(), input, der);
  };
  const int kind = EVP_PKEY_get_base_id(key.get());
  const int bits = EVP_PKEY_get_bits(key.get());
  if (kind == EVP_PKEY_RSA && (bits < 2048 || bits > 16384)) {
    return detail::bad_key(where, "holds an RSA key of " + std::to_string(bits) +
                                      " bits, but RS256 needs 2048 or more, at most 16384");
  }
  if (kind == EVP_PKEY_EC && !detail::is_p256(key.get())) {
    return detail::bad_key(where,
                           "holds an elliptic curve key, but not on P-256 (prime256v1), "
                           "which ES256 needs");
  }
  if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_EC) {
    return detail::bad_key(where,
                           "holds a key of another kind; RSA (for RS256) and elliptic curve "
                           "P-256 (for ES256) are supported");
  }
  const detail::openssl_ptr<EVP_PKEY_CTX> check(EVP_PKEY_CTX_new(key.get(), nullptr),
                                                EVP_PKEY_CTX_free);
  if (!check || EVP_PKEY_public_check(check.get()) != 1) {
    return detail::bad_key(where, "holds a public key with numbers that cannot be right");
  }
  if (kind == EVP_PKEY_RSA) return jwt_key{jwt_algorithm::rs256, verify};
  return jwt_key{jwt_algorithm::es256, verify_raw};
}

AGENT_WEBSOCKET_INLINE result<jwt_key> jwt_public_key_file(const std::string& path,
                                                           const std::string& name) {
  if (path.find("-----BEGIN ") != std::string::npos) {
    return detail::bad_key(name, "holds a key; it must name the file that the key is in");
  }
  const std::string where = name + ": the file " + path;
  constexpr std::size_t most = 65'536;
  std::ifstream stream(path, std::ios::binary);
  std::string text(most + 1, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size())) && !stream.eof()) {
    return detail::bad_key(where, "cannot be read");
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > most) return detail::bad_key(where, "is larger than 64 KiB and no key");
  return jwt_public_key(text, where);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
