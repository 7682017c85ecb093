// SPDX-License-Identifier: MIT
#include <agent_websocket/host/store.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace agent_websocket;

namespace {

options with_store(const std::string& text) {
  options chosen;
  chosen.store = text;
  return chosen;
}

}  // namespace

TEST_CASE("host store: memory is not lasting, and is shared with nobody") {
  asio::io_context context(1);
  CHECK(check_store(options()));
  const auto opened = open_store(context, options(), {});
  REQUIRE(opened);
  CHECK_FALSE(opened->store.lasting());
  CHECK(opened->exchange.name().empty());
}

TEST_CASE("host store: what is wrong is told with the variable, and without the password") {
  asio::io_context context(1);
  for (const std::string text :
       {"sqlite:/", "sqlite:/nowhere/at/all/s.db", "redis://user:sesame@host:99999",
        "redis://user:sesame@host/zero", "redis://user:sesame@host?what=1"}) {
    CAPTURE(text);
    const auto opened = open_store(context, with_store(text), {});
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == errc::bad_configuration);
    CHECK(opened.error().message.rfind("STORE: ", 0) == 0);
    CHECK(opened.error().message.find("sesame") == std::string::npos);
    const bool is_sqlite = text[0] == 's';  // whose file is looked at when it is opened
    CHECK(check_store(with_store(text)).has_value() == is_sqlite);
  }
}

TEST_CASE("host store: a Redis that is away is no error, and has a name for its process") {
  asio::io_context context(1);
  CHECK(check_store(with_store("redis://127.0.0.1:1")));
  const auto opened = open_store(context, with_store("redis://127.0.0.1:1"), {});
  REQUIRE(opened);
  CHECK(opened->store.lasting());
  CHECK_FALSE(opened->exchange.name().empty());
}
