// SPDX-License-Identifier: MIT
#include <agent_websocket/auth/static_tokens.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;

namespace {

const std::string ada = "0123456789abcdef";  // the shortest that is long enough

static_tokens made_of(const std::string& list) {
  auto made = static_tokens::parse(list);
  CHECK_MESSAGE(made.has_value(), list);
  return made ? *made : static_tokens();
}

/// The words of the refusal.
std::string refused(const std::string& list) {
  const auto made = static_tokens::parse(list);
  CHECK_FALSE_MESSAGE(made.has_value(), list);
  if (made) return "";
  CHECK(made.error().code == errc::bad_configuration);
  return made.error().message;
}

/// Whose token it is; empty when it is nobody's.
std::string owner(const static_tokens& of, std::string_view token) {
  std::string name;
  int calls = 0;
  credentials shown;
  shown.token = token;
  of.authenticate(shown, [&](const result<principal>& who) {
    ++calls;
    if (!who) {
      CHECK(who.error().code == errc::unauthorized);
      return;
    }
    name = who->name;
    CHECK_FALSE(who->is_anonymous);
    CHECK_FALSE(who->expires_at.has_value());
  });
  CHECK(calls == 1);
  return name;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("static_tokens: is an Authenticator that does not let everybody in") {
  CHECK(is_authenticator_v<static_tokens>);
  CHECK_FALSE(lets_everybody_in(static_tokens()));
}

TEST_CASE("static_tokens: each token has its user") {
  const auto tokens = made_of("ada:" + ada + ", bob@example.com:the-token-of-bob:1");
  CHECK(tokens.size() == 2u);
  CHECK(owner(tokens, ada) == "ada");
  CHECK(owner(tokens, "the-token-of-bob:1") == "bob@example.com");
  for (const std::string wrong :
       {"", "0123456789abcde", "0123456789abcdefg", "0123456789abcdeF", "ada", "ada:0123456789abcdef",
        " 0123456789abcdef", "the-token-of-bob"}) {
    CAPTURE(wrong);
    CHECK(owner(tokens, wrong).empty());
  }
  CHECK(owner(tokens, ada + std::string(1, '\0')).empty());
}

TEST_CASE("static_tokens: words for the client do not tell users from nobodies") {
  const auto tokens = made_of("ada:" + ada);
  const auto nothing = tokens.verify("");
  const auto wrong = tokens.verify("ada");
  CHECK(nothing.error().message == "Authentication is required");
  CHECK(wrong.error().message == "The token is not valid");
}

TEST_CASE("static_tokens: a token may be given by its digest") {
  // echo -n abc | sha256sum
  const std::string digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const auto tokens = made_of("ada:sha256:" + digest);
  CHECK(owner(tokens, "abc") == "ada");
  CHECK(owner(tokens, digest).empty());  // the digest itself opens nothing
  CHECK(owner(tokens, "sha256:" + digest).empty());
  const auto capitals =
      made_of("ada:sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
  CHECK(owner(capitals, "abc") == "ada");
}

TEST_CASE("static_tokens: a user may have several tokens, so that one can follow another") {
  const auto tokens = made_of("ada:" + ada + ",ada:fedcba9876543210");
  CHECK(owner(tokens, ada) == "ada");
  CHECK(owner(tokens, "fedcba9876543210") == "ada");
}

TEST_CASE("static_tokens: nobody") {
  for (const std::string list : {"", " ", ",", " , ,,"}) {
    CAPTURE(list);
    const auto tokens = made_of(list);
    CHECK(tokens.empty());
    CHECK(owner(tokens, "").empty());
    CHECK(owner(tokens, ada).empty());
  }
}

TEST_CASE("static_tokens: what is wrong is told by its place, and never shown") {
  const std::string secret = "s3cr3t-s3cr3t-s3cr3t";
  const std::vector<std::pair<std::string, std::string>> table{
      {secret, "entry 1 has no colon between user and token"},
      {"ada:" + ada + "," + secret, "entry 2 has no colon between user and token"},
      {"ada:" + ada + ",,  ," + secret, "entry 2 has no colon between user and token"},
      {":" + secret, "entry 1 has a user name that is not 1 to 128 letters"},
      {"a b:" + secret, "entry 1 has a user name that is not"},
      {"caf\xC3\xA9:" + secret, "entry 1 has a user name that is not"},
      {"a/b:" + secret, "entry 1 has a user name that is not"},
      {"a\"b:" + secret, "entry 1 has a user name that is not"},
      {"a\nb:" + secret, "entry 1 has a user name that is not"},
      {std::string(129, 'a') + ":" + secret, "entry 1 has a user name that is not"},
      {"anonymous:" + secret, "entry 1 has the user name that is kept for those who show nothing"},
      {"ada:", "entry 1 has no token"},
      {"s3cr3t:ada", "entry 1 has a token of fewer than 16 characters"},
      {"ada:s3cr3t-s3cr3t-s", "entry 1 has a token of fewer than 16 characters"},
      {"ada:s3cr3t s3cr3t s3cr3t", "entry 1 has a token that is not of visible ASCII characters"},
      {"ada:s3cr3t-s3cr3t-\xC3\xA9\xC3\xA9", "entry 1 has a token that is not of visible ASCII"},
      {"ada:" + secret + ",bob:" + secret, "entry 2 has the token of an entry before it"},
      {"ada:" + secret + ",ada:" + secret, "entry 2 has the token of an entry before it"},
      {"ada:sha256:s3cr3t", "entry 1 has no 64 hexadecimal digits behind sha256:"},
      {"ada:sha256:", "entry 1 has no 64 hexadecimal digits behind sha256:"},
      {"ada:sha256:" + std::string(63, 'a') + "g", "entry 1 has no 64 hexadecimal digits"},
      {"ada:sha256:" + std::string(65, 'a'), "entry 1 has no 64 hexadecimal digits"},
  };
  for (const auto& row : table) {
    const std::string& list = row.first;
    const std::string& words = row.second;
    const std::string told = refused(list);
    CAPTURE(told);
    CHECK(told.rfind(words, 0) == 0u);
    CHECK_FALSE(mentions(told, "s3cr3t"));
  }
}

TEST_CASE("static_tokens: a token and its digest are the same token") {
  CHECK(refused("ada:0123456789abcdef,bob:sha256:"
                "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f") ==
        "entry 2 has the token of an entry before it");
}

TEST_CASE("static_tokens: the longest user name, and all its characters") {
  CHECK(owner(made_of(std::string(128, 'a') + ":" + ada), ada) == std::string(128, 'a'));
  CHECK(owner(made_of("Az09_.@+-:" + ada), ada) == "Az09_.@+-");
}

TEST_CASE("static_tokens: entries one by one") {
  static_tokens tokens;
  CHECK(tokens.add("ada", ada).has_value());
  const auto again = tokens.add("bob", ada);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().message == "has the token of an entry before it");
  CHECK(tokens.size() == 1u);
}
