// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_sign_in.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>

using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::adapters::is_redis_refusal;
using agent_websocket::adapters::redis_connection_settings;
using agent_websocket::adapters::redis_reader;
using agent_websocket::adapters::redis_reply;
using agent_websocket::adapters::redis_sign_in;

namespace {

std::string bytes_of(const redis_connection_settings& settings) {
  std::string all;
  for (const auto& each : redis_sign_in::commands(settings)) all += *each;
  return all;
}

redis_reply reply(const std::string& bytes) {
  redis_reader reader;
  reader.feed(bytes + "\r\n");
  auto read = reader.next();
  REQUIRE(read);
  REQUIRE(*read);
  return std::move(**read);
}

}  // namespace

TEST_CASE("redis sign-in: says who, then where, and asks for a sign of life at last") {
  redis_connection_settings settings;
  const std::string ping = "*1\r\n$4\r\nPING\r\n";
  CHECK(bytes_of(settings) == ping);
  settings.user = "me";
  CHECK(bytes_of(settings) == ping);  // nobody without a password
  settings.password = "secret";
  settings.database = 4;
  CHECK(bytes_of(settings) ==
        "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n4\r\n" + ping);
  settings.user.clear();
  settings.database = 0;
  CHECK(bytes_of(settings) == "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n" + ping);
}

TEST_CASE("redis sign-in: the first refusal counts, and is taken once") {
  redis_sign_in subject;
  CHECK(subject.take_refusal() == "");
  subject.judge(reply("+OK"), false);
  CHECK(subject.take_refusal() == "");
  subject.judge(reply("-WRONGPASS no such user"), false);
  subject.judge(reply("-NOAUTH Authentication required."), true);
  CHECK(subject.take_refusal() == "WRONGPASS no such user");
  CHECK(subject.take_refusal() == "");
}

TEST_CASE("redis sign-in: who may not PING is in, and no reply is no refusal") {
  redis_sign_in subject;
  subject.judge(reply("-NOPERM this user has no permissions to run the 'ping' command"), true);
  subject.judge(error(errc::connection_failed), true);
  CHECK(subject.take_refusal() == "");
  // Whoever may not SELECT would write into another database.
  subject.judge(reply("-NOPERM this user has no permissions to run the 'select' command"), false);
  CHECK(subject.take_refusal() ==
        "NOPERM this user has no permissions to run the 'select' command");
}

TEST_CASE("redis sign-in: words of Redis are told from those about a lost connection") {
  for (const char* const each :
       {"NOAUTH Authentication required.", "WRONGPASS", "DENIED Redis is running in protected mode",
        "LOADING Redis is loading", "NOPERM", "ERR invalid DB index", "MASTERDOWN Link is down"}) {
    CHECK(is_redis_refusal(each));
  }
  CHECK_FALSE(is_redis_refusal("no reply in time"));
  CHECK_FALSE(is_redis_refusal("Connection refused"));
  CHECK_FALSE(is_redis_refusal(""));
}
