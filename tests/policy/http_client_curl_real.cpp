// SPDX-License-Identifier: MIT
#include "http_client_real.hpp"

#include <agent_websocket/adapters/curl_http_client.hpp>

using agent_websocket::adapters::curl_http_client;
using real_http::pace;

TEST_CASE("http_client: curl_http_client keeps the contract") {
  http_client_suite::run_all<real_http::fixture<curl_http_client, pace::step_by_step>>();
}

TEST_CASE("http_client: curl_http_client keeps the contract when all bytes come together") {
  http_client_suite::run_all<real_http::fixture<curl_http_client, pace::in_one_piece>>();
}
