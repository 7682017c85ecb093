// SPDX-License-Identifier: MIT
#include <agent_websocket/auth/jwt_token.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;

namespace {

std::string compact(const std::string& header, const std::string& claims = "{}",
                    const std::string& signature = "signature") {
  return encode_base64url(header) + "." + encode_base64url(claims) + "." +
         encode_base64url(signature);
}

/// The reason in the log; empty when the token was taken.
std::string refused(const std::string& text) {
  const auto token = jwt_token::parse(text);
  if (token) return "";
  CHECK(token.error().code == errc::unauthorized);
  CHECK(token.error().message == "The token is not valid");
  return token.error().detail;
}

}  // namespace

TEST_CASE("jwt_token: taken apart") {
  const std::string text = compact(R"({"typ":"JWT","alg":"HS256"})", R"({"sub":"ada"})", "abc");
  const auto token = jwt_token::parse(text);
  REQUIRE(token.has_value());
  CHECK(token->alg == "HS256");
  CHECK(token->claims == R"({"sub":"ada"})");
  CHECK(token->signature == "abc");
  CHECK(token->signing_input == text.substr(0, text.rfind('.')));
  CHECK(token->signing_input.data() == text.data());
}

TEST_CASE("jwt_token: the claims are not looked at") {
  for (const std::string claims : {"", "no JSON", "\xFF\xFE", "[1,2"}) {
    const auto token = jwt_token::parse(compact(R"({"alg":"HS256"})", claims));
    REQUIRE(token.has_value());
    CHECK(token->claims == claims);
  }
}

TEST_CASE("jwt_token: what a header may say beside alg") {
  for (const std::string header :
       {R"({"alg":"HS256"})", R"({"alg":"HS256","typ":"JWT"})", R"({"alg":"HS256","typ":"jwt"})",
        R"({"alg":"HS256","typ":"at+jwt"})", R"({"alg":"HS256","typ":"AT+JWT"})",
        R"({"alg":"HS256","typ":"application/at+jwt"})", R"({"alg":"HS256","typ":"application/JWT"})",
        R"({"alg":"HS256","kid":"../../../dev/null"})", R"({"alg":"HS256","kid":"' OR 1=1 --"})",
        R"({"alg":"HS256","kid":7})", R"({"alg":"HS256","jku":"https://evil.example/keys"})",
        R"({"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}})", R"({"alg":"HS256","x5c":["AAAA"]})",
        R"({"alg":"HS256","x5u":"https://evil.example/"})", " {\t\"alg\" : \"HS256\"\r\n}\n"}) {
    CAPTURE(header);
    CHECK(refused(compact(header)).empty());
  }
}

TEST_CASE("jwt_token: an alg is kept as it is spelled, to be known or not") {
  for (const std::string alg : {"none", "None", "", "HS256 ", "hs256", "HS512", "\xC3\xA9"}) {
    const auto token = jwt_token::parse(compact("{\"alg\":\"" + alg + "\"}"));
    REQUIRE(token.has_value());
    CHECK(token->alg == alg);
  }
  CHECK(jwt_token::parse(compact(R"({"alg":"\u0048S256"})"))->alg == "HS256");
  CHECK(jwt_token::parse(compact(R"({"alg":"HS256\u0000"})"))->alg == std::string("HS256\0", 6));
}

TEST_CASE("jwt_token: headers that are refused, each for its reason") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"{}", "JWT: alg is no text"},
      {R"({"ALG":"HS256"})", "JWT: alg is no text"},
      {R"({"alg":null})", "JWT: alg is no text"},
      {R"({"alg":["HS256"]})", "JWT: alg is no text"},
      {R"({"alg":256})", "JWT: alg is no text"},
      {R"({"alg":"HS256","typ":"JWE"})", "JWT: typ is neither JWT nor at+jwt"},
      {R"({"alg":"HS256","typ":""})", "JWT: typ is neither JWT nor at+jwt"},
      {R"({"alg":"HS256","typ":null})", "JWT: typ is neither JWT nor at+jwt"},
      {R"({"alg":"HS256","typ":["JWT"]})", "JWT: typ is neither JWT nor at+jwt"},
      {R"({"alg":"HS256","typ":"dpop+jwt"})", "JWT: typ is neither JWT nor at+jwt"},
      {R"({"alg":"HS256","typ":"secevent+jwt"})", "JWT: typ is neither JWT nor at+jwt"},
      {R"({"alg":"HS256","crit":["exp"]})", "JWT: it has critical extensions"},
      {R"({"alg":"HS256","crit":[]})", "JWT: it has critical extensions"},
      {R"({"alg":"HS256","crit":null})", "JWT: it has critical extensions"},
      {R"({"alg":"HS256","crit":["b64"],"b64":false})", "JWT: it has critical extensions"},
      {R"({"alg":"HS256","b64":false})", "JWT: b64 (RFC 7797) is not supported"},
      {R"({"alg":"HS256","b64":true})", "JWT: b64 (RFC 7797) is not supported"},
      {R"({"alg":"dir","enc":"A256GCM"})", "JWT: it is encrypted or compressed"},
      {R"({"alg":"HS256","zip":"DEF"})", "JWT: it is encrypted or compressed"},
      {R"({"alg":"HS256","cty":"JWT"})", "JWT: it holds another token"},
      {R"({"alg":"none","alg":"HS256"})", "JWT: the header: the same name twice"},
      {R"({"alg":"HS256","\u0061lg":"none"})", "JWT: the header: the same name twice"},
      {R"({"alg":"HS256","x":1,"y":2,"x":1})", "JWT: the header: the same name twice"},
      {R"("alg")", "JWT: the header: no JSON object"},
      {"[]", "JWT: the header: no JSON object"},
      {"null", "JWT: the header: no JSON object"},
      {"", "JWT: the header: Not valid JSON"},
      {R"({"alg":"HS256"}x)", "JWT: the header: Not valid JSON"},
      {R"({"alg":"HS256"}{"alg":"none"})", "JWT: the header: Not valid JSON"},
      {R"({"alg":"HS256",})", "JWT: the header: Not valid JSON"},
      {R"({'alg':'HS256'})", "JWT: the header: Not valid JSON"},
      {"{\"alg\":\"HS256\",\"x\":\"\xFF\"}", "JWT: the header: Not valid JSON"},
      {"{\"alg\":\"HS256\",\"x\":\"\xC0\xAF\"}", "JWT: the header: Not valid JSON"},
      {"{\"alg\":\"HS256\",\"x\":\"\\uD800\"}", "JWT: the header: Not valid JSON"},
      {"\xEF\xBB\xBF{\"alg\":\"HS256\"}", "JWT: the header: Not valid JSON"},
      {std::string("{\"alg\":\"HS256\"}\0", 16), "JWT: the header: Not valid JSON"},
      {R"({"alg":"HS256","x":)" + std::string(40, '[') + std::string(40, ']') + "}",
       "JWT: the header: Not valid JSON: it is nested too deeply"},
      {R"({"alg":"HS256","x":[0)" + std::string(5500, ',').replace(1, 0, "0") + "]}",
       "JWT: the header: Not valid JSON"},
  };
  for (const auto& row : table) {
    const std::string& header = row.first;
    const std::string& why = row.second;
    CAPTURE(header);
    const std::string told = refused(compact(header));
    CAPTURE(told);
    CHECK(told.rfind(why, 0) == 0u);
  }
}

TEST_CASE("jwt_token: too many values are refused") {
  std::string list = "[0";
  for (int i = 0; i < 2500; ++i) list += ",0";
  CHECK(refused(compact(R"({"alg":"HS256","x":)" + list + "]}"))
            .rfind("JWT: the header: Not valid JSON: it has too many values", 0) == 0u);
}

TEST_CASE("jwt_token: what is not three parts of base64url is refused") {
  const std::string header = encode_base64url(R"({"alg":"HS256"})");
  const std::string three = "JWT: not of three parts", part = "JWT: a part is not base64url";
  const std::vector<std::pair<std::string, std::string>> table{
      {"", three},
      {".", three},
      {header, three},
      {header + ".e30", three},
      {header + ".e30.c2ln.", three},
      {"." + header + ".e30.c2ln", three},
      {header + ".e30.c2ln.AAAA.AAAA", three},  // JWE
      {"....", three},
      {header + ".e30.", "JWT: not signed"},
      {"..", "JWT: not signed"},
      {".e30.c2ln", "JWT: the header: Not valid JSON"},
      {header + ".e30.c2ln ", part},
      {" " + header + ".e30.c2ln", part},
      {header + ".e30.c2ln\n", part},
      {header + ".e30.c2ln=", part},
      {header + "=.e30.c2ln", part},
      {header + ".e30=.c2ln", part},
      {header + ".e31.c2ln", part},  // bits behind the last byte
      {header + ".e30.c2l", part},
      {header + ".e30.c2ln+", part},
      {header + ".e30./2ln", part},
      {header + ".e30.c%32ln", part},
      {header + "." + header.substr(0, 5) + ".c2ln", part},
      {"Bearer " + header + ".e30.c2ln", part},
      {header + ".{}.c2ln", part},
      {header + std::string(".e30\0.c2ln", 10), part},
  };
  for (const auto& row : table) {
    const std::string& text = row.first;
    const std::string& why = row.second;
    CAPTURE(text);
    const std::string told = refused(text);
    CAPTURE(told);
    CHECK(told.rfind(why, 0) == 0u);
  }
  CHECK(refused(header + ".e30.c2ln").empty());
}

TEST_CASE("jwt_token: a text that is too long is not looked at") {
  const std::string front = compact(R"({"alg":"HS256"})", "{}", "");
  const std::string filled(max_jwt_bytes - front.size() - (max_jwt_bytes - front.size()) % 4, 'A');
  CHECK(refused(front + filled).empty());
  CHECK(refused(front + std::string(max_jwt_bytes, 'A')) == "JWT: longer than 8192 bytes");
  CHECK(refused(std::string(1 << 20, '.')) == "JWT: longer than 8192 bytes");
}
