// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/authenticator.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>

using agent_websocket::allow_all;
using agent_websocket::authentication_handler;
using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::handshake;
using agent_websocket::is_authenticator_v;
using agent_websocket::principal;
using agent_websocket::require_authenticator;
using agent_websocket::result;

namespace {

/// The smallest Authenticator: nobody.
struct smallest {
  void authenticate(const handshake&, const authentication_handler& done) {
    done(error(errc::unauthorized));
  }
};

struct by_template {
  template <typename Done>
  void authenticate(const handshake&, Done&& done) {
    done(principal{"somebody"});
  }
};

struct nothing {};
struct no_authenticate : smallest {
  void authenticate(const handshake&, const authentication_handler&) = delete;
};
struct without_done {
  bool authenticate(const handshake&);
};
struct wants_a_token {
  void authenticate(const std::string&, const authentication_handler&);
};
struct changes_the_handshake {
  void authenticate(handshake&, const authentication_handler&);
};
class hidden {
  void authenticate(const handshake&, const authentication_handler&) {}

 public:
  void used(const handshake& h) { authenticate(h, {}); }
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
  CHECK_FALSE(is_authenticator_v<wants_a_token>);
  CHECK_FALSE(is_authenticator_v<changes_the_handshake>);
  CHECK_FALSE(is_authenticator_v<hidden>);
}

TEST_CASE("allow_all: everybody is the principal anonymous, told once") {
  const allow_all open;
  handshake arriving;
  arriving.request.target = "/ws?token=x";
  arriving.request.headers.add("Authorization", "Bearer wrong");
  int calls = 0;
  open.authenticate(arriving, [&](const result<principal>& who) {
    ++calls;
    REQUIRE(who.has_value());
    CHECK(who->name == "anonymous");
  });
  CHECK(calls == 1);
}
