// SPDX-License-Identifier: MIT
#include <agent_websocket/client/close_verdict.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using agent_websocket::after_close;
using agent_websocket::close_code_of;
using agent_websocket::errc;
using agent_websocket::verdict_of;

TEST_CASE("close verdict: by code and by range") {
  for (const int code :
       {1000, 1002, 1003, 1007, 1008, 1009, 4400, 4401, 4403, 4408, 4413, 4426, 4429, 4499}) {
    CAPTURE(code);
    CHECK(verdict_of(static_cast<std::uint16_t>(code)) == after_close::stop);
  }
  for (const int code : {4100, 4101, 4199})
    CHECK(verdict_of(static_cast<std::uint16_t>(code)) == after_close::renew);
  for (const int code : {0,    1001, 1004, 1005, 1006, 1010, 1011, 1012, 1013, 1015, 3000, 3999,
                         4000, 4001, 4002, 4003, 4004, 4005, 4099, 4200, 4399, 4500, 65535}) {
    CAPTURE(code);
    CHECK(verdict_of(static_cast<std::uint16_t>(code)) == after_close::resume);
  }
}

TEST_CASE("close verdict: of attempts that failed") {
  const auto code = [](int status) {
    return close_code_of(make_error_code(errc::connection_failed), status);
  };
  CHECK(code(401) == 4401);
  CHECK(code(403) == 4403);
  for (const int status : {400, 401, 403, 404, 426})
    CHECK(verdict_of(code(status)) == after_close::stop);
  CHECK(code(429) == 1013);
  CHECK(code(503) == 1013);
  for (const int status : {0, 200, 301, 402, 500, 502, 504}) CHECK(code(status) == 1006);
  CHECK(verdict_of(close_code_of(make_error_code(errc::bad_configuration), 0)) ==
        after_close::stop);
  CHECK(close_code_of(make_error_code(errc::unauthorized), 0) == 4401);
  CHECK(close_code_of(make_error_code(errc::forbidden), 0) == 4403);
  for (const errc each :
       {errc::timeout_connect, errc::connection_failed, errc::protocol_error, errc::cancelled}) {
    CHECK(close_code_of(make_error_code(each), 0) == 1006);
  }
}
