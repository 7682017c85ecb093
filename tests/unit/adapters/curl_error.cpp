// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/curl_error.hpp>

#include <doctest/doctest.h>

#include <ostream>

using agent_websocket::condition;
using agent_websocket::errc;
using agent_websocket::adapters::curl_failure;

TEST_CASE("curl_error: each code has one meaning") {
  struct row {
    CURLcode code;
    errc expected;
  };
  const row rows[] = {
      {CURLE_COULDNT_RESOLVE_HOST, errc::connection_failed},
      {CURLE_COULDNT_CONNECT, errc::connection_failed},
      {CURLE_GOT_NOTHING, errc::connection_failed},
      {CURLE_SEND_ERROR, errc::connection_failed},
      {CURLE_RECV_ERROR, errc::connection_failed},
      {CURLE_SSL_CONNECT_ERROR, errc::connection_failed},
      {CURLE_PEER_FAILED_VERIFICATION, errc::connection_failed},
      {CURLE_SSL_CACERT_BADFILE, errc::connection_failed},
      {CURLE_FAILED_INIT, errc::connection_failed},
      {CURLE_WRITE_ERROR, errc::connection_failed},
      {CURLE_OPERATION_TIMEDOUT, errc::timeout_connect},
      {CURLE_PARTIAL_FILE, errc::protocol_error},
      {CURLE_WEIRD_SERVER_REPLY, errc::protocol_error},
      {CURLE_UNSUPPORTED_PROTOCOL, errc::protocol_error},
      {CURLE_URL_MALFORMAT, errc::protocol_error},
  };
  for (const row& each : rows) {
    CAPTURE(static_cast<int>(each.code));
    for (const bool head_done : {false, true}) {
      CHECK(curl_failure(each.code, head_done) == each.expected);
    }
  }
}

TEST_CASE("curl_error: some depend on whether the head was complete") {
  CHECK_FALSE(curl_failure(CURLE_OK, true));
  CHECK(curl_failure(CURLE_OK, false) == errc::protocol_error);
  CHECK(curl_failure(CURLE_OUT_OF_MEMORY, false) == errc::too_large);
  CHECK(curl_failure(CURLE_OUT_OF_MEMORY, true) == errc::connection_failed);
}

TEST_CASE("curl_error: what the network did can be tried again") {
  CHECK(curl_failure(CURLE_COULDNT_CONNECT, false) == condition::retryable);
  CHECK(curl_failure(CURLE_OPERATION_TIMEDOUT, false) == condition::retryable);
  CHECK(curl_failure(CURLE_URL_MALFORMAT, false) != condition::retryable);
}
