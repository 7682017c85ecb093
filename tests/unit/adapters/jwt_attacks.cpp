// SPDX-License-Identifier: MIT
//
// The known attacks on JSON Web Tokens (RFC 8725, and what was found in libraries since), against
// auth/jwt.hpp with real keys. Each is made out of a token that is good otherwise, so that one check
// alone stands between it and the server.
#include <agent_websocket/adapters/jwt_openssl.hpp>

#include <agent_websocket/auth/jwt.hpp>

#include <doctest/doctest.h>

#include <unit/adapters/jwt_signing.hpp>

#include <cctype>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;
using signing::key_pair;

namespace {

constexpr long long now_seconds = 1'767'225'600;  // 2026-01-01

/// All that the attacks need; made once, because keys take their time.
struct world {
  key_pair rsa = key_pair::rsa();
  key_pair ec = key_pair::ec();
  std::string secret = "0123456789abcdef0123456789abcdef";

  static const world& instance() {
    static const world made;
    return made;
  }

  jwt with(const std::string& kinds, jwt_rules rules) const {
    std::vector<jwt_key> keys;
    for (const char kind : kinds) {
      auto made = kind == 'h'   ? adapters::jwt_secret_key(secret)
                  : kind == 'r' ? adapters::jwt_public_key(rsa.public_pem(), "rsa")
                                : adapters::jwt_public_key(ec.public_pem(), "ec");
      REQUIRE(made.has_value());
      keys.push_back(*made);
    }
    return jwt(std::move(keys), std::move(rules),
               [] { return wall_time(std::chrono::seconds(now_seconds)); });
  }
};

jwt_rules rules() {
  jwt_rules made;
  made.audience = "chat";
  made.issuer = "https://id.example";
  return made;
}

std::string hs_header(const std::string& more = "") {
  return R"({"typ":"JWT","alg":"HS256")" + more + "}";
}

/// Good claims, some of them in another form; an empty form leaves it out.
std::string claims(const std::vector<std::pair<std::string, std::string>>& changed = {},
                   const std::string& more = "") {
  std::vector<std::pair<std::string, std::string>> all{
      {"iss", "\"https://id.example\""},
      {"sub", "\"ada\""},
      {"aud", "\"chat\""},
      {"iat", std::to_string(now_seconds - 10)},
      {"nbf", std::to_string(now_seconds - 10)},
      {"exp", std::to_string(now_seconds + 3600)}};
  std::string text;
  for (auto& each : all) {
    for (const auto& change : changed) {
      if (change.first == each.first) each.second = change.second;
    }
    if (!each.second.empty()) {
      text += std::string(text.empty() ? "" : ",") + "\"" + each.first + "\":" + each.second;
    }
  }
  return "{" + text + more + "}";
}

std::string hs_token(const std::string& header, const std::string& body) {
  return signing::token(header, body, [](const std::string& input) {
    return signing::hmac(world::instance().secret, input);
  });
}
std::string with_claim(const std::string& name, const std::string& value) {
  return hs_token(hs_header(), claims({{name, value}}));
}
std::string rs_token(const std::string& header, const std::string& body = claims()) {
  return signing::token(header, body,
                        [](const std::string& input) { return world::instance().rsa.sign(input); });
}
std::string es_token(const std::string& header, const std::string& body = claims()) {
  return signing::token(
      header, body, [](const std::string& input) { return world::instance().ec.sign_raw(input); });
}
/// That signature, whatever is signed.
std::string with_signature(const std::string& header, const std::string& signature) {
  return signing::token(header, claims(), [&](const std::string&) { return signature; });
}

struct attack {
  std::string name;
  std::string token;
  errc expected = errc::unauthorized;
  std::string keys = "hre";  // hs256, rs256, es256
};

std::vector<attack> signature_attacks() {
  const world& w = world::instance();
  const std::string good = hs_token(hs_header(), claims());
  const std::string input = good.substr(0, good.rfind('.'));
  const std::string rs = R"({"alg":"RS256"})", es = R"({"alg":"ES256"})";
  const std::string zero(32, '\0');
  std::vector<attack> all;
  for (const std::string alg : {"none", "None", "NONE", "nOnE", "none ", " none", "no\\u006ee", ""}) {
    const std::string header = "{\"typ\":\"JWT\",\"alg\":\"" + alg + "\"}";
    all.push_back({"alg " + alg + ", no signature", with_signature(header, "")});
    all.push_back({"alg " + alg + ", a signature of our own key", hs_token(header, claims())});
    all.push_back({"alg " + alg + ", any signature", with_signature(header, "x")});
  }
  all.push_back({"no alg", hs_token(R"({"typ":"JWT"})", claims())});
  all.push_back({"alg null", hs_token(R"({"alg":null})", claims())});
  all.push_back({"alg a list", hs_token(R"({"alg":["HS256"]})", claims())});
  all.push_back({"alg in capitals", hs_token(R"({"ALG":"HS256"})", claims())});
  all.push_back({"alg in small letters", hs_token(R"({"alg":"hs256"})", claims())});
  all.push_back({"RFC 7519 section 6.1, unsecured",
                 "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                 "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."});
  all.push_back({"signature taken away", input + "."});
  all.push_back({"signature and its dot taken away", input});
  all.push_back({"signature of another secret", signing::token(hs_header(), claims(), [](auto& text) {
                   return signing::hmac("another secret, as long as ours is", text);
                 })});
  all.push_back({"signature of an empty secret", signing::token(hs_header(), claims(), [](auto& text) {
                   return signing::hmac("", text);
                 })});
  all.push_back({"signature cut", good.substr(0, good.size() - 4)});
  all.push_back({"signature longer", with_signature(hs_header(), signing::hmac(w.secret, input) + "x")});
  all.push_back({"claims changed", input.substr(0, input.find('.') + 1) +
                                       encode_base64url(claims({{"sub", "\"root\""}})) +
                                       good.substr(good.rfind('.'))});
  // The public key as the secret, in all forms that it may have had.
  for (const key_pair* each : {&w.rsa, &w.ec}) {
    std::string pem = each->public_pem();
    for (int form = 0; form < 3; ++form) {
      const auto sign = [&](const std::string& text) { return signing::hmac(pem, text); };
      all.push_back({"public key as secret", signing::token(hs_header(), claims(), sign)});
      all.push_back({"public key as secret", signing::token(hs_header(), claims(), sign),
                     errc::unauthorized, "re"});
      if (form == 0) pem.pop_back();
      if (form == 1) pem += "\r\n";
    }
  }
  // The algorithm of another key, or of none.
  all.push_back({"HS256 by the name RS256", hs_token(rs, claims())});
  all.push_back({"HS256 by the name ES256", hs_token(es, claims())});
  all.push_back({"RS256 by the name HS256", rs_token(hs_header())});
  all.push_back({"RS256 by the name ES256", rs_token(es)});
  all.push_back({"ES256 by the name RS256", es_token(rs)});
  all.push_back({"good RS256, but no such key", rs_token(rs), errc::unauthorized, "he"});
  all.push_back({"good HS256, but no such key", good, errc::unauthorized, "re"});
  for (const char* const name : {"HS384", "HS512"}) {
    const EVP_MD* hash = std::string(name) == "HS384" ? EVP_sha384() : EVP_sha512();
    all.push_back({name, signing::token(std::string("{\"alg\":\"") + name + "\"}", claims(),
                                        [&](const std::string& text) {
                                          return signing::hmac(w.secret, text, hash);
                                        })});
  }
  all.push_back({"HS384 by the name HS256",
                 signing::token(hs_header(), claims(), [&](const std::string& text) {
                   return signing::hmac(w.secret, text, EVP_sha384());
                 })});
  all.push_back({"RS384", signing::token(R"({"alg":"RS384"})", claims(), [&](const std::string& text) {
                   return w.rsa.sign(text, EVP_sha384());
                 })});
  all.push_back({"PS256", signing::token(R"({"alg":"PS256"})", claims(), [&](const std::string& text) {
                   return w.rsa.sign(text, EVP_sha256(), true);
                 })});
  all.push_back({"PS256 by the name RS256", signing::token(rs, claims(), [&](const std::string& text) {
                   return w.rsa.sign(text, EVP_sha256(), true);
                 })});
  all.push_back({"ES384", signing::token(R"({"alg":"ES384"})", claims(), [&](const std::string& text) {
                   return w.ec.sign_raw(text, EVP_sha384());
                 })});
  all.push_back({"ES256K", es_token(R"({"alg":"ES256K"})")});
  all.push_back({"EdDSA", es_token(R"({"alg":"EdDSA"})")});
  // Signatures that are good for everything where numbers are not checked (CVE-2022-21449).
  const std::string one = std::string(31, '\0') + '\1', high(32, '\xFF');
  const std::string order = *decode_base64url("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");
  for (const std::string& pair : {zero + zero, zero + one, one + zero, one + one, order + order,
                                  high + high, zero + order, order + zero}) {
    all.push_back({"ES256, numbers out of range", with_signature(es, pair)});
  }
  const std::string es_input = encode_base64url(es) + "." + encode_base64url(claims());
  const std::string raw = w.ec.sign_raw(es_input);
  all.push_back({"ES256 in DER", with_signature(es, w.ec.sign(es_input))});
  all.push_back({"ES256, one byte less", with_signature(es, raw.substr(0, 63))});
  all.push_back({"ES256, one byte more", with_signature(es, raw + '\0')});
  all.push_back({"ES256, a zero in front", with_signature(es, '\0' + raw)});
  all.push_back({"ES256, zeros inside", with_signature(es, '\0' + raw.substr(0, 32) + '\0' +
                                                               raw.substr(32))});
  all.push_back({"ES256, r alone", with_signature(es, raw.substr(0, 32))});
  all.push_back({"ES256 of another key", signing::token(es, claims(), [](const std::string& text) {
                   return key_pair::ec().sign_raw(text);
                 })});
  all.push_back({"RS256, zeros", with_signature(rs, std::string(256, '\0'))});
  all.push_back({"RS256, one", with_signature(rs, std::string(255, '\0') + '\1')});
  all.push_back({"RS256, a longer one", signing::token(rs, claims(), [&](const std::string& text) {
                   return '\0' + w.rsa.sign(text);
                 })});
  // A key that came along.
  const key_pair own = key_pair::ec();
  const auto by_own = [&](const std::string& text) { return own.sign_raw(text); };
  for (const std::string more :
       {R"("jwk":{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"})", R"("jku":"https://evil.example/k")",
        R"("x5u":"https://evil.example/c")", R"("x5c":["MIIB"])", R"("kid":"../../../../dev/null")",
        R"("kid":"x' UNION SELECT 'secret' --")", R"("kid":"/proc/self/environ")", R"("kid":"| id")"}) {
    all.push_back({"ES256 of its own key with " + more,
                   signing::token(R"({"alg":"ES256",)" + more + "}", claims(), by_own)});
    all.push_back({"HS256 of an empty key with " + more,
                   signing::token(R"({"alg":"HS256",)" + more + "}", claims(),
                                  [](const std::string& text) { return signing::hmac("", text); })});
  }
  return all;
}

std::vector<attack> form_attacks() {
  const std::string good = hs_token(hs_header(), claims());
  const std::size_t first = good.find('.'), second = good.rfind('.');
  const std::string header = good.substr(0, first), body = good.substr(first + 1, second - first - 1);
  const std::string signature = good.substr(second + 1);
  std::vector<attack> all;
  for (const std::string more :
       {R"(,"crit":["exp"])", R"(,"crit":[])", R"(,"crit":["b64"],"b64":false)", R"(,"b64":false)",
        R"(,"b64":true)", R"(,"enc":"A128GCM")", R"(,"zip":"DEF")", R"(,"cty":"JWT")",
        R"(,"alg":"HS256")", R"(,"\u0061lg":"none")", R"(,"typ":"JWT")", R"(,"x":"\ud800")",
        ",\"x\":\"\xFF\"", ",\"x\":\"\xC0\x80\""}) {
    all.push_back({"header with " + more, hs_token(hs_header(more), claims())});
  }
  for (const std::string typ : {"\"JWE\"", "\"dpop+jwt\"", "\"logout+jwt\"", "\"\"", "null", "1"}) {
    all.push_back({"typ " + typ, hs_token("{\"alg\":\"HS256\",\"typ\":" + typ + "}", claims())});
  }
  all.push_back({"deep header", hs_token(hs_header(",\"x\":" + std::string(500, '[') +
                                                   std::string(500, ']')), claims())});
  all.push_back({"header with garbage behind", hs_token(hs_header() + "{}", claims())});
  all.push_back({"header is a list", hs_token("[" + hs_header() + "]", claims())});
  all.push_back({"header is empty", hs_token("", claims())});
  all.push_back({"JWE", header + "." + body + "." + signature + ".AAAA.AAAA"});
  all.push_back({"JWE with direct key", encode_base64url(R"({"alg":"dir","enc":"A256GCM"})") +
                                            "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"});
  all.push_back({"a fourth part", good + ".AAAA"});
  all.push_back({"a dot behind", good + "."});
  all.push_back({"a dot before", "." + good});
  all.push_back({"nested", hs_token(hs_header(), good)});
  all.push_back({"nested and said so", hs_token(R"({"alg":"HS256","cty":"JWT"})", good)});
  all.push_back({"JSON form", R"({"protected":")" + header + R"(","payload":")" + body +
                                  R"(","signature":")" + signature + "\"}"});
  for (const std::string behind : {" ", "\n", "\r\n", "\t", "=", "==", ",", ";", "A", "x=1", "%00"}) {
    all.push_back({"garbage behind", good + behind});
  }
  all.push_back({"NUL behind", good + '\0'});
  all.push_back({"NUL and more behind", good + std::string("\0.AAAA", 6)});
  all.push_back({"space before", " " + good});
  all.push_back({"scheme before", "Bearer " + good});
  all.push_back({"padding of the header", header + "=." + body + "." + signature});
  all.push_back({"padding of the claims", header + "." + body + "=." + signature});
  all.push_back({"white space in the claims",
                 header + "." + body.substr(0, 8) + "\n" + body.substr(8) + "." + signature});
  // 32 bytes leave four bits in the last character, and they are not looked at by lenient decoders.
  std::string respelled = good;
  for (const char c : std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")) {
    if (c == good.back()) continue;
    respelled.back() = c;
    all.push_back({"signature respelled", respelled});
  }
  // Plain base64 spells two of the characters otherwise; some token has each of them in its
  // signature.
  for (const auto& spelled : {std::make_pair('-', '+'), std::make_pair('_', '/')}) {
    std::string token;
    std::size_t at = std::string::npos;
    for (int i = 0; at == std::string::npos; ++i) {
      token = hs_token(hs_header(), claims({}, ",\"i\":" + std::to_string(i)));
      at = token.find(spelled.first, token.rfind('.'));
    }
    token[at] = spelled.second;
    all.push_back({"the other alphabet", token});
  }
  all.push_back({"very long", hs_token(hs_header(), claims({}, ",\"x\":\"" + std::string(8000, 'x') +
                                                                   "\""))});
  all.push_back({"dots", std::string(8000, '.')});
  all.push_back({"a megabyte", std::string(1u << 20, 'A')});
  all.push_back({"nothing but dots", ".."});
  all.push_back({"a text", "token"});
  all.push_back({"non-ASCII", "\xC3\xA9.\xC3\xA9.\xC3\xA9"});
  return all;
}

std::vector<attack> claim_attacks() {
  std::vector<attack> all;
  const auto at = [](long long offset) { return std::to_string(now_seconds + offset); };
  const auto add = [&all](const std::string& name, const std::string& value,
                          errc expected = errc::unauthorized) {
    all.push_back({name + " " + value, with_claim(name, value), expected});
  };
  for (const std::string value : {"0", "-0", "0.0", "1e-300", "1", "1300819380"}) {
    add("exp", value, errc::token_expired);
  }
  add("exp", at(-60), errc::token_expired);
  add("exp", at(-61) + ".999", errc::token_expired);
  add("exp", "");
  for (const std::string& value :
       {"\"" + at(3600) + "\"", std::string("\"never\""), std::string("null"), std::string("true"),
        std::string("[]"), std::string("{}"), "[" + at(3600) + "]", std::string("-1"),
        "-" + at(3600), std::string("1e300"), std::string("1e400"), std::string("-1e400"),
        std::string("1e99999999999999999999"), at(3600) + "000", std::string("9223372036854775807"),
        std::string("9223372036854775808"), std::string("18446744073709551616"),
        std::string("NaN"), std::string("Infinity"), std::string("0x7fffffff")}) {
    add("exp", value);
  }
  for (const std::string name : {"nbf", "iat"}) {
    add(name, at(61));
    add(name, at(86'400 * 365 * 50LL));
    for (const std::string value : {"\"0\"", "null", "-1", "1e300", "true", "[]"}) add(name, value);
  }
  for (const std::string value : {"", "\"\"", "\"mail\"", "\"Chat\"", "\"chat \"", "\"chat\\u0000\"",
                                  "\"chat,mail\"", "[]", "[\"mail\"]", "[[\"chat\"]]", "null", "1",
                                  "true", "{\"chat\":1}", "[\"chat\",1]", "[null]"}) {
    add("aud", value);
  }
  for (const std::string value : {"", "\"\"", "\"https://id.example/\"", "\"https://ID.example\"",
                                  "\"https://id.example.evil\"", "null", "[\"https://id.example\"]"}) {
    add("iss", value);
  }
  for (const std::string& value :
       {std::string(), std::string("\"\""), std::string("null"), std::string("7"),
        std::string("[\"ada\"]"), std::string("{\"name\":\"ada\"}"), std::string("\"ada\\u0000\""),
        std::string("\"\\u0000\""), std::string("\"ada\\nroot\""), std::string("\"ada\\u001b[2J\""),
        std::string("\"\\u202eada\""), std::string("\"anonymous\""), "\"" + std::string(129, 'a') + "\"",
        std::string("\"\xFF\""), std::string("\"\xED\xA0\x80\""), std::string("\"\xC0\x80\""),
        std::string("\"\\ud800\""), std::string("\"ada\0\"", 6)}) {
    add("sub", value);
  }
  for (const std::string more : {R"(,"sub":"root")", R"(,"exp":9999999999)", R"(,"\u0073ub":"root")",
                                 R"(,"aud":"chat")", R"(,"x":1,"x":1)"}) {
    all.push_back({"claims with " + more, hs_token(hs_header(), claims({}, more))});
  }
  all.push_back({"an expired one with exp twice",
                 hs_token(hs_header(), claims({{"exp", "1"}}, ",\"exp\":" + at(3600)))});
  all.push_back({"deep claims", hs_token(hs_header(), claims({}, ",\"x\":" + std::string(2000, '[') +
                                                                     std::string(2000, ']')))});
  all.push_back({"claims that never end",
                 hs_token(hs_header(), claims({}, ",\"x\":" + std::string(4000, '[')))});
  all.push_back({"claims with garbage behind", hs_token(hs_header(), claims() + "x")});
  all.push_back({"two claims", hs_token(hs_header(), claims() + claims())});
  all.push_back({"claims in a list", hs_token(hs_header(), "[" + claims() + "]")});
  all.push_back({"claims with a mark of order", hs_token(hs_header(), "\xEF\xBB\xBF" + claims())});
  all.push_back({"claims in UTF-16", hs_token(hs_header(), std::string("\xFF\xFE{\0}\0", 6))});
  all.push_back({"no claims", hs_token(hs_header(), "{}")});
  all.push_back({"claims of no bytes", hs_token(hs_header(), "")});
  // Old, and wrong otherwise too: the client is not to get a new one of the same kind.
  all.push_back({"old and for others",
                 hs_token(hs_header(), claims({{"exp", "1"}, {"aud", "\"mail\""}}))});
  all.push_back({"old and of others",
                 hs_token(hs_header(), claims({{"exp", "1"}, {"iss", "\"x\""}}))});
  all.push_back({"old and not signed by us",
                 signing::token(hs_header(), claims({{"exp", "1"}}),
                                [](const std::string& text) { return signing::hmac("x", text); })});
  return all;
}

void hold_off(const std::vector<attack>& attacks) {
  for (const attack& each : attacks) {
    CAPTURE(each.name);
    CAPTURE(each.token.substr(0, 300));
    const auto who = world::instance().with(each.keys, rules()).verify(each.token);
    CHECK_FALSE(who.has_value());
    if (who) continue;
    CHECK(who.error().code == each.expected);
    // Nobody is told which check it was.
    CHECK(who.error().message == (each.expected == errc::token_expired ? "The token has expired"
                                                                       : "The token is not valid"));
    CHECK(who.error().detail.rfind("JWT: ", 0) == 0u);
    const std::string part = each.token.substr(0, 20);
    CHECK((part.size() < 20 || who.error().detail.find(part) == std::string::npos));
  }
}

}  // namespace

TEST_CASE("jwt attacks: what they are made of is good") {
  const auto check = [](const std::string& token) {
    const auto who = world::instance().with("hre", rules()).verify(token);
    CAPTURE(token);
    REQUIRE(who.has_value());
    CHECK(who->name == "ada");
  };
  check(hs_token(hs_header(), claims()));
  check(rs_token(R"({"alg":"RS256"})"));
  check(es_token(R"({"alg":"ES256"})"));
  check(hs_token(hs_header(R"(,"kid":"../../etc/passwd","jku":"https://evil.example")"), claims()));
  check(with_claim("aud", R"(["mail","chat"])"));
  check(with_claim("exp", std::to_string(now_seconds - 59)));
  check(with_claim("exp", std::to_string(now_seconds) + ".5"));
  check(with_claim("nbf", std::to_string(now_seconds + 60)));
  check(with_claim("nbf", ""));
  check(with_claim("iat", ""));
  check(hs_token(hs_header(), claims({}, ",\"x\":[[[[[[[[[[]]]]]]]]]]")));
}

TEST_CASE("jwt attacks: on the signature and the key") { hold_off(signature_attacks()); }

TEST_CASE("jwt attacks: on the form") { hold_off(form_attacks()); }

TEST_CASE("jwt attacks: on the claims") { hold_off(claim_attacks()); }

TEST_CASE("jwt attacks: every single bit of a good token counts") {
  const std::string good = hs_token(hs_header(), claims());
  const jwt guard = world::instance().with("hre", rules());
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = good;
      other[i] = static_cast<char>(other[i] ^ (1 << bit));
      CHECK_FALSE(guard.verify(other).has_value());
    }
    CHECK_FALSE(guard.verify(good.substr(0, i)).has_value());
    CHECK_FALSE(guard.verify(good.substr(i + 1)).has_value());
  }
}
