// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/authenticator.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>

using agent_websocket::allow_all;
using agent_websocket::authentication_handler;
using agent_websocket::credential_source;
using agent_websocket::credentials;
using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::handshake;
using agent_websocket::has_lets_everybody_in_v;
using agent_websocket::is_authenticator_v;
using agent_websocket::lets_everybody_in;
using agent_websocket::principal;
using agent_websocket::require_authenticator;
using agent_websocket::result;

namespace {

/// The smallest Authenticator: nobody.
struct smallest {
  void authenticate(const credentials&, const authentication_handler& done) {
    done(error(errc::unauthorized));
  }
};

struct by_template {
  template <typename Done>
  void authenticate(const credentials&, Done&& done) {
    done(principal{"somebody"});
  }
};

struct nothing {};
struct no_authenticate : smallest {
  void authenticate(const credentials&, const authentication_handler&) = delete;
};
struct without_done {
  bool authenticate(const credentials&);
};
struct wants_a_handshake {
  void authenticate(const handshake&, const authentication_handler&);
};
struct wants_a_token {
  void authenticate(const std::string&, const authentication_handler&);
};
struct changes_the_credentials {
  void authenticate(credentials&, const authentication_handler&);
};
class hidden {
  void authenticate(const credentials&, const authentication_handler&) {}

 public:
  void used(const credentials& c) { authenticate(c, {}); }
};

}  // namespace

TEST_CASE("authenticator: models") {
  CHECK(is_authenticator_v<smallest>);
  CHECK(is_authenticator_v<by_template>);
  CHECK(is_authenticator_v<allow_all>);
  CHECK(require_authenticator<smallest>());
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
  CHECK(agent_websocket::authenticator_policy<smallest>);
  CHECK_FALSE(agent_websocket::authenticator_policy<nothing>);
#endif
}

TEST_CASE("authenticator: what is none") {
  CHECK_FALSE(is_authenticator_v<nothing>);
  CHECK_FALSE(is_authenticator_v<int>);
  CHECK_FALSE(is_authenticator_v<no_authenticate>);
  CHECK_FALSE(is_authenticator_v<without_done>);
  CHECK_FALSE(is_authenticator_v<wants_a_handshake>);
  CHECK_FALSE(is_authenticator_v<wants_a_token>);
  CHECK_FALSE(is_authenticator_v<changes_the_credentials>);
  CHECK_FALSE(is_authenticator_v<hidden>);
}

namespace {

struct says_no : smallest {
  bool lets_everybody_in() const { return false; }
};
struct says_what_it_is_told : smallest {
  bool open = false;
  bool lets_everybody_in() const { return open; }
};
struct not_const : smallest {
  bool lets_everybody_in() { return true; }
};
struct of_another_type : smallest {
  std::string lets_everybody_in() const { return "no"; }
};

}  // namespace

TEST_CASE("authenticator: whether it lets everybody in is its own to say, and no by default") {
  CHECK(lets_everybody_in(allow_all()));
  CHECK_FALSE(lets_everybody_in(smallest()));
  CHECK_FALSE(lets_everybody_in(says_no()));
  says_what_it_is_told told;
  CHECK_FALSE(lets_everybody_in(told));
  told.open = true;
  CHECK(lets_everybody_in(told));
  CHECK(has_lets_everybody_in_v<allow_all>);
  CHECK_FALSE(has_lets_everybody_in_v<smallest>);
  CHECK_FALSE(has_lets_everybody_in_v<not_const>);  // require_authenticator refuses these two
  CHECK_FALSE(has_lets_everybody_in_v<of_another_type>);
}

TEST_CASE("principal: somebody unless it is said that he is nobody") {
  CHECK_FALSE(principal{}.is_anonymous);
  CHECK_FALSE(principal{}.expires_at.has_value());
  const principal somebody{"ada"};
  CHECK(somebody.name == "ada");
  CHECK_FALSE(somebody.is_anonymous);
  CHECK(principal::anonymous().is_anonymous);
  CHECK(principal::anonymous().name == "anonymous");
}

TEST_CASE("allow_all: everybody is the principal anonymous, told once") {
  const allow_all open;
  handshake arriving;
  arriving.request.target = "/ws?token=x";
  int calls = 0;
  const auto ask = [&](const credentials& shown) {
    open.authenticate(shown, [&](const result<principal>& who) {
      ++calls;
      REQUIRE(who.has_value());
      CHECK(who->name == "anonymous");
      CHECK(who->is_anonymous);
      CHECK_FALSE(who->expires_at.has_value());
    });
  };
  ask({});
  CHECK(calls == 1);
  ask({"wrong", credential_source::header, &arriving});
  CHECK(calls == 2);
}
