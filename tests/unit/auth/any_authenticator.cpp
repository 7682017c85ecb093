// SPDX-License-Identifier: MIT
#include <agent_websocket/auth/any_authenticator.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;

namespace {

std::string outcome(any_authenticator& of, std::string_view token) {
  std::string told = "nothing";
  credentials shown;
  shown.token = token;
  shown.from = credential_source::header;
  of.authenticate(shown, [&](const result<principal>& who) {
    CHECK(told == "nothing");
    told = who ? who->name : std::string(to_string(who.error().code)) + ": " + who.error().message +
                                 ": " + who.error().detail;
  });
  return told;
}

/// Everybody is whom he says.
struct believer {
  void authenticate(const credentials& shown, const authentication_handler& done) {
    done(principal{std::string(shown.token)});
  }
};
struct open_believer : believer {
  bool lets_everybody_in() const { return true; }
};
/// Cannot be copied.
struct unique {
  std::unique_ptr<std::string> name;
  void authenticate(const credentials&, const authentication_handler& done) {
    done(principal{*name});
  }
};

}  // namespace

TEST_CASE("any_authenticator: is one itself, and can be moved") {
  CHECK(is_authenticator_v<any_authenticator>);
  CHECK(require_authenticator<any_authenticator>());
  any_authenticator one{believer()};
  any_authenticator other = std::move(one);
  CHECK(outcome(other, "ada") == "ada");
  other = any_authenticator(allow_all());
  CHECK(outcome(other, "ada") == "anonymous");
}

TEST_CASE("any_authenticator: holds a model, and says what the model says of itself") {
  any_authenticator nothing;
  CHECK(lets_everybody_in(nothing));
  CHECK(outcome(nothing, "x") == "anonymous");
  CHECK_FALSE(lets_everybody_in(any_authenticator(believer())));
  CHECK(lets_everybody_in(any_authenticator(open_believer())));
  any_authenticator moved(unique{std::make_unique<std::string>("eve")});
  CHECK(outcome(moved, "") == "eve");
  believer kept;
  any_authenticator copy = kept;
  CHECK(outcome(copy, "bob") == "bob");
}

TEST_CASE("any_authenticator: holds a function that answers now or later") {
  std::vector<authentication_handler> waiting;
  any_authenticator later = [&](const credentials& shown, authentication_handler done) {
    CHECK(shown.from == credential_source::header);
    waiting.push_back(std::move(done));
  };
  CHECK_FALSE(lets_everybody_in(later));
  std::string told;
  later.authenticate({"x", credential_source::header, nullptr},
                     [&](const result<principal>& who) { told += who->name; });
  CHECK(told.empty());
  waiting[0](principal{"ada"});
  CHECK(told == "ada");
  waiting[0](principal{"bob"});  // again
  auto copy = waiting[0];
  copy(principal{"eve"});
  CHECK(told == "ada");

  any_authenticator generic = [](const auto& shown, auto done) {
    done(principal{std::string(shown.token)});
    done(principal{"twice"});
  };
  CHECK(outcome(generic, "ada") == "ada");
  any_authenticator wrapped =
      std::function<void(const credentials&, const authentication_handler&)>(
          [](const credentials&, const authentication_handler& done) {
            done(error(errc::forbidden));
          });
  CHECK(outcome(wrapped, "ada") == "forbidden: This is not allowed: ");
}

TEST_CASE("any_authenticator: holds a function that decides at once") {
  any_authenticator at_once = [](const credentials& shown) -> result<principal> {
    if (shown.token == "good") return principal{"ada"};
    return error(errc::unauthorized);
  };
  CHECK_FALSE(lets_everybody_in(at_once));
  CHECK(outcome(at_once, "good") == "ada");
  CHECK(outcome(at_once, "bad") == "unauthorized: Authentication is required: ");
  any_authenticator refuses = [](const credentials&) { return error(errc::token_expired); };
  CHECK(outcome(refuses, "x") == "token_expired: The token has expired: ");
}

TEST_CASE("any_authenticator: one that throws has refused, in words without internals") {
  any_authenticator throws = [](const credentials&) -> result<principal> {
    throw std::runtime_error("password of the database is 123");
  };
  CHECK(outcome(throws, "x") ==
        "internal: Internal error: the authenticator threw: password of the database is 123");
  any_authenticator throws_a_number = [](const credentials&) -> result<principal> { throw 7; };
  CHECK(outcome(throws_a_number, "x") == "internal: Internal error: the authenticator threw");
  any_authenticator after_the_answer = [](const credentials&, const authentication_handler& done) {
    done(principal{"ada"});
    throw std::runtime_error("late");
  };
  CHECK(outcome(after_the_answer, "x") == "ada");
  any_authenticator empty = std::function<result<principal>(const credentials&)>();
  CHECK(outcome(empty, "x").rfind("internal: ", 0) == 0u);
}
