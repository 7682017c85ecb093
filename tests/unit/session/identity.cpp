// SPDX-License-Identifier: MIT
#include <agent_websocket/session/identity.hpp>

#include "core_fixture.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace agent_websocket;

TEST_CASE("identity: is read from the first record that a session makes") {
  for (const bool anonymous : {false, true}) {
    core_fixture talk;
    principal who;
    who.name = "ann \"a\" \xc3\xa9";
    who.is_anonymous = anonymous;
    talk.core.belong_to(who, "192.0.2.7");
    talk.keep_records();
    talk.core.notify("n", {}, {}, false, talk.at);
    talk.collect();
    const auto read = read_identity(talk.stored.at(0));
    REQUIRE(read);
    CHECK(read->id == talk.core.id());
    CHECK(read->epoch == "e1");
    CHECK(read->owner.name == who.name);
    CHECK(read->owner.is_anonymous == anonymous);
    CHECK(read->address == "192.0.2.7");
  }
}

TEST_CASE("identity: what may be missing") {
  const auto read =
      read_identity(R"({"kind":"session","id":"i","epoch":"e","owner":"","more":[1]})");
  REQUIRE(read);
  CHECK(read->owner.name.empty());
  CHECK_FALSE(read->owner.is_anonymous);
  CHECK(read->address.empty());
}

TEST_CASE("identity: other records are refused, in words") {
  for (const char* each :
       {R"({"kind":"query","id":"i","epoch":"e","owner":"o"})", R"({"id":"i"})", "[]", "7", "{}",
        R"({"kind":"session","epoch":"e","owner":"o"})",
        R"({"kind":"session","id":"i","owner":"o"})",
        R"({"kind":"session","id":"i","epoch":"e"})",
        R"({"kind":"session","id":1,"epoch":"e","owner":"o"})"}) {
    CAPTURE(std::string(each));
    const auto read = read_identity(each);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == errc::bad_message);
    CHECK(read.error().message == "The first record of the session does not say what it is");
  }
  for (const char* each : {"", "{", "\xff", "garbage"}) {
    const auto read = read_identity(each);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == errc::bad_json);
  }
}

TEST_CASE("identity: what a newer version has written is refused") {
  const auto of = [](const char* version) {
    return read_identity(R"({"kind":"session","id":"i","epoch":"e","owner":"o","v":)" +
                         std::string(version) + "}");
  };
  CHECK(of("1"));
  for (const char* each : {"2", "99"}) {
    const auto read = of(each);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == errc::bad_message);
    CHECK(read.error().message.find("newer version") != std::string::npos);
  }
}
