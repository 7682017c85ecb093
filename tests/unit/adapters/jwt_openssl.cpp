// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/jwt_openssl.hpp>

#include <agent_websocket/base/base64url.hpp>

#include <doctest/doctest.h>

#include <unit/adapters/jwt_signing.hpp>

#include <openssl/err.h>

#include <cstdio>
#include <fstream>
#include <string>

using namespace agent_websocket;
using adapters::jwt_public_key;
using adapters::jwt_public_key_file;
using adapters::jwt_secret_key;
using signing::key_pair;

namespace {

std::string bytes_of(const std::string& base64url) { return *decode_base64url(base64url); }

/// A DER element.
std::string der(char tag, const std::string& content) {
  std::string length;
  if (content.size() < 128) {
    length = std::string(1, static_cast<char>(content.size()));
  } else {
    length = std::string("\x82") + static_cast<char>(content.size() >> 8) +
             static_cast<char>(content.size() & 0xFF);
  }
  return tag + length + content;
}

std::string pem_of(const std::string& label, const std::string& content) {
  std::string text(content.size() * 2 + 10, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   signing::bytes(content), static_cast<int>(content.size()));
  text.resize(static_cast<std::size_t>(size));
  std::string lines;
  for (std::size_t i = 0; i < text.size(); i += 64) lines += text.substr(i, 64) + "\n";
  return "-----BEGIN " + label + "-----\n" + lines + "-----END " + label + "-----\n";
}

/// SubjectPublicKeyInfo of an RSA key (RFC 3279 section 2.3.1) out of n and e.
std::string rsa_pem(const std::string& n, const std::string& e) {
  const std::string oid("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00", 13);
  const std::string numbers = der(0x30, der(0x02, std::string(1, '\0') + n) + der(0x02, e));
  return pem_of("PUBLIC KEY",
                der(0x30, der(0x30, oid) + der(0x03, std::string(1, '\0') + numbers)));
}

/// The same of a point on P-256 (RFC 5480).
std::string p256_pem(const std::string& x, const std::string& y) {
  const std::string oids("\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
                         19);
  return pem_of("PUBLIC KEY",
                der(0x30, der(0x30, oids) + der(0x03, std::string("\0\x04", 2) + x + y)));
}

jwt_key good(result<jwt_key> made) {
  if (!made) FAIL(made.error().message);
  return *made;
}

std::string refused(const result<jwt_key>& made) {
  CHECK_FALSE(made.has_value());
  if (made) return "";
  CHECK(made.error().code == errc::bad_configuration);
  CHECK(ERR_peek_error() == 0u);
  return made.error().message;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Keys that take a while to be made.
const key_pair& rsa() {
  static const key_pair made = key_pair::rsa();
  return made;
}
const key_pair& ec() {
  static const key_pair made = key_pair::ec();
  return made;
}

/// A file with that text, gone at the end.
struct file {
  std::string path;
  explicit file(const std::string& text) {
    static int count = 0;
    path = "jwt_openssl_test_" + std::to_string(++count) + ".pem";
    std::ofstream(path, std::ios::binary) << text;
  }
  ~file() { std::remove(path.c_str()); }
};

// RFC 7515 appendix A: the same claims, signed three ways.
const std::string claims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ";

}  // namespace

TEST_CASE("jwt_openssl: RFC 7515 appendix A.1, HS256") {
  const auto key = good(jwt_secret_key(bytes_of(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")));
  CHECK(key.alg == jwt_algorithm::hs256);
  const std::string input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claims;
  const std::string mac = bytes_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  CHECK(key.verify(input, mac));
  CHECK_FALSE(key.verify(input + " ", mac));
}

TEST_CASE("jwt_openssl: RFC 7515 appendix A.2, RS256") {
  const auto key = good(jwt_public_key(
      rsa_pem(bytes_of("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS"
                       "2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_"
                       "7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVM"
                       "TBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFk"
                       "MLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"),
              bytes_of("AQAB")),
      "key"));
  CHECK(key.alg == jwt_algorithm::rs256);
  const std::string signature = bytes_of(
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
      "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
      "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
      "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw");
  CHECK(key.verify("eyJhbGciOiJSUzI1NiJ9." + claims, signature));
  CHECK_FALSE(key.verify("eyJhbGciOiJSUzI1NiJ8." + claims, signature));
}

TEST_CASE("jwt_openssl: RFC 7515 appendix A.3, ES256") {
  const auto key =
      good(jwt_public_key(p256_pem(bytes_of("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                                   bytes_of("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")),
                          "key"));
  CHECK(key.alg == jwt_algorithm::es256);
  const std::string signature = bytes_of(
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  CHECK(key.verify("eyJhbGciOiJFUzI1NiJ9." + claims, signature));
  CHECK_FALSE(key.verify("eyJhbGciOiJFUzI1NiJ9." + claims.substr(1), signature));
}

TEST_CASE("jwt_openssl: HS256 takes the whole mac and nothing else") {
  const std::string secret(32, 's');
  const auto key = good(jwt_secret_key(secret));
  const std::string mac = signing::hmac(secret, "input");
  CHECK(key.verify("input", mac));
  for (std::size_t i = 0; i < mac.size(); ++i) {
    std::string other = mac;
    other[i] = static_cast<char>(other[i] ^ 1);
    CHECK_FALSE(key.verify("input", other));
    CHECK_FALSE(key.verify("input", mac.substr(0, i)));
  }
  CHECK_FALSE(key.verify("input", mac + '\0'));
  CHECK_FALSE(key.verify("input", mac + mac));
  CHECK_FALSE(key.verify("", mac));
  CHECK_FALSE(key.verify("input", signing::hmac(secret + "t", "input")));
  CHECK_FALSE(key.verify("input", signing::hmac(secret, "input", EVP_sha512())));
  CHECK_FALSE(key.verify("input", signing::hmac(secret, "input", EVP_sha512()).substr(0, 32)));
  // A secret may be any bytes.
  const std::string bytes = std::string(16, '\0') + std::string(16, '\xFF');
  CHECK(good(jwt_secret_key(bytes)).verify("input", signing::hmac(bytes, "input")));
}

TEST_CASE("jwt_openssl: secrets that are none are refused without being told") {
  CHECK(refused(jwt_secret_key(std::string(31, 's'))) ==
        "JWT_SECRET has 31 bytes, but HS256 needs 32 or more (RFC 7518 section 3.2)");
  CHECK(refused(jwt_secret_key("", "JWT_PREVIOUS_SECRET")) ==
        "JWT_PREVIOUS_SECRET has 0 bytes, but HS256 needs 32 or more (RFC 7518 section 3.2)");
  const std::string told = refused(jwt_secret_key(ec().public_pem()));
  CHECK(told == "JWT_SECRET is a key in PEM and no secret; the file of a public key goes to "
                "JWT_PUBLIC_KEY_FILE");
  CHECK_FALSE(mentions(refused(jwt_secret_key("topsecret")), "topsecret"));
}

TEST_CASE("jwt_openssl: RS256 takes PKCS1-v1_5 with SHA-256 by this key and nothing else") {
  const auto key = good(jwt_public_key(rsa().public_pem(), "key"));
  CHECK(key.alg == jwt_algorithm::rs256);
  const std::string signature = rsa().sign("input");
  CHECK(key.verify("input", signature));
  CHECK(key.verify("", rsa().sign("")));
  CHECK_FALSE(key.verify("inpux", signature));
  CHECK_FALSE(key.verify("input", ""));
  CHECK_FALSE(key.verify("input", std::string(256, '\0')));
  CHECK_FALSE(key.verify("input", std::string(256, '\xFF')));
  CHECK_FALSE(key.verify("input", std::string(255, '\0') + '\1'));
  CHECK_FALSE(key.verify("input", signature.substr(1)));
  CHECK_FALSE(key.verify("input", '\0' + signature));
  CHECK_FALSE(key.verify("input", signature + '\0'));
  CHECK_FALSE(key.verify("input", rsa().sign("input", EVP_sha384())));
  CHECK_FALSE(key.verify("input", rsa().sign("input", EVP_sha1())));
  CHECK_FALSE(key.verify("input", rsa().sign("input", EVP_sha256(), true)));  // PSS
  CHECK_FALSE(key.verify("input", key_pair::rsa().sign("input")));
  CHECK(ERR_peek_error() == 0u);
}

TEST_CASE("jwt_openssl: ES256 takes r and s of 32 bytes each and nothing else") {
  const auto key = good(jwt_public_key(ec().public_pem(), "key"));
  CHECK(key.alg == jwt_algorithm::es256);
  for (int i = 0; i < 300; ++i) {  // some with leading zeros, some with a high first bit
    const std::string input = "input " + std::to_string(i);
    CHECK(key.verify(input, ec().sign_raw(input)));
  }
  const std::string signature = ec().sign_raw("input");
  const std::string r = signature.substr(0, 32), s = signature.substr(32);
  const std::string zero(32, '\0'), all(32, '\xFF');
  const std::string one = std::string(31, '\0') + '\1';
  // The order of the curve (FIPS 186-4 D.1.2.3).
  const std::string order =
      bytes_of("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");
  CHECK(key.verify("input", r + s));
  for (const std::string& wrong :
       {std::string(), zero + zero, r + zero, zero + s, order + s, r + order, order + order, all + all,
        zero + one, one + zero, one + one, s + r, r, r + s + '\0', '\0' + r + s, r.substr(1) + s,
        r + s.substr(0, 31), r + s + r + s, ec().sign("input"), std::string(8000, '\x30')}) {
    CHECK_FALSE(key.verify("input", wrong));
  }
  CHECK_FALSE(key.verify("inpux", signature));
  CHECK_FALSE(key.verify("input", ec().sign_raw("input", EVP_sha384())));
  CHECK_FALSE(key.verify("input", key_pair::ec().sign_raw("input")));
  CHECK(ERR_peek_error() == 0u);
}

TEST_CASE("jwt_openssl: what is no public key for it is refused, and what to do is said") {
  const std::string where = "JWT_PUBLIC_KEY_FILE: the file keys/a.pem";
  const auto told = [&](const std::string& pem) {
    const std::string words = refused(jwt_public_key(pem, where));
    CHECK(words.rfind(where + " ", 0) == 0u);
    return words.substr(where.size() + 1);
  };
  CHECK(mentions(told(""), "is no PEM file"));
  CHECK(mentions(told("topsecret"), "is no PEM file"));
  CHECK_FALSE(mentions(told("topsecret"), "topsecret"));
  CHECK(mentions(told(ec().private_pem()), "holds a private key"));
  CHECK(mentions(told(rsa().private_pem()), "openssl pkey -in FILE -pubout"));
  CHECK(mentions(told("-----BEGIN RSA PRIVATE KEY-----\n"), "holds a private key"));
  CHECK(mentions(told("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "holds a private key"));
  CHECK(mentions(told(pem_of("CERTIFICATE", "x")), "holds a certificate"));
  CHECK(mentions(told(pem_of("RSA PUBLIC KEY", "x")), "RSAPublicKey_in"));
  CHECK(mentions(told(pem_of("DSA PARAMETERS", "x")), "of another kind than PUBLIC KEY"));
  CHECK(mentions(told(ec().public_pem() + rsa().public_pem()), "several PEM blocks"));
  CHECK(mentions(told(ec().public_pem() + ec().private_pem()), "several PEM blocks"));
  CHECK(mentions(told(pem_of("PUBLIC KEY", "no key")), "cannot be read"));
  CHECK(mentions(told("-----BEGIN PUBLIC KEY-----"), "cannot be read"));
  CHECK(mentions(told(ec().public_pem().substr(0, 100)), "cannot be read"));
  CHECK(mentions(told("-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n"
                      "DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\nAAAA\n"
                      "-----END PUBLIC KEY-----\n"),
                 "cannot be read"));
  CHECK(mentions(told(key_pair::rsa(1024).public_pem()), "1024 bits, but RS256 needs 2048"));
  CHECK(mentions(told(key_pair::rsa(2040).public_pem()), "2040 bits, but RS256 needs 2048"));
  CHECK(mentions(told(key_pair::ec("P-384").public_pem()), "not on P-256"));
  CHECK(mentions(told(key_pair::ec("secp256k1").public_pem()), "not on P-256"));
  CHECK(mentions(told(key_pair::of("ED25519").public_pem()), "of another kind"));
  CHECK(mentions(told(key_pair::of("X25519").public_pem()), "of another kind"));
  CHECK(mentions(told(key_pair::rsa_pss().public_pem()), "of another kind"));
  // e = 1 signs everything.
  const std::string n = std::string("\xC0") + std::string(254, '\x11') + "\x01";
  CHECK(mentions(told(rsa_pem(n, "\x01")), "numbers that cannot be right"));
  CHECK(mentions(told(rsa_pem(n, "\x02")), "numbers that cannot be right"));
  // No point of the curve.
  CHECK(mentions(told(p256_pem(std::string(32, '\x01'), std::string(32, '\x02'))), "cannot be"));
}

TEST_CASE("jwt_openssl: text around the block and other line ends do no harm") {
  CHECK(jwt_public_key("the key of 2026\n\n" + ec().public_pem() + "\nend\n", "key").has_value());
  std::string lines;
  for (const char c : ec().public_pem()) lines += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(jwt_public_key(lines, "key").has_value());
}

TEST_CASE("jwt_openssl: a key from a file") {
  const file kept(rsa().public_pem());
  const auto key = good(jwt_public_key_file(kept.path, "JWT_PUBLIC_KEY_FILE"));
  CHECK(key.verify("input", rsa().sign("input")));
  const std::string variable = "JWT_PREVIOUS_PUBLIC_KEY_FILE";
  CHECK(refused(jwt_public_key_file("no/such/file.pem", variable)) ==
        variable + ": the file no/such/file.pem cannot be read");
  CHECK(refused(jwt_public_key_file(".", variable)) == variable + ": the file . cannot be read");
  CHECK(refused(jwt_public_key_file("", variable)) == variable + ": the file  cannot be read");
  CHECK(refused(jwt_public_key_file(ec().private_pem(), variable)) ==
        variable + " holds a key; it must name the file that the key is in");
  const file empty("");
  CHECK(mentions(refused(jwt_public_key_file(empty.path, variable)), "is no PEM file"));
  const file large(ec().public_pem() + std::string(70'000, '\n'));
  CHECK(mentions(refused(jwt_public_key_file(large.path, variable)), "larger than 64 KiB"));
  const file secret_key(ec().private_pem());
  const std::string told = refused(jwt_public_key_file(secret_key.path, variable));
  CHECK(mentions(told, variable + ": the file " + secret_key.path + " holds a private key"));
}

TEST_CASE("jwt_openssl: errors of others in OpenSSL's queue stay there") {
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 1);
  const unsigned long before = ERR_peek_error();
  const auto key = good(jwt_public_key(ec().public_pem(), "key"));
  CHECK_FALSE(key.verify("input", std::string(64, '\x01')));
  CHECK_FALSE(jwt_public_key(pem_of("PUBLIC KEY", "no key"), "key").has_value());
  CHECK(ERR_get_error() == before);
  CHECK(ERR_get_error() == 0u);
}

TEST_CASE("jwt_openssl: a key can be copied and outlives what it was made of") {
  auto made = std::make_unique<result<jwt_key>>(jwt_public_key(ec().public_pem(), "key"));
  const jwt_key copy = **made;
  made.reset();
  CHECK(copy.verify("input", ec().sign_raw("input")));
}
