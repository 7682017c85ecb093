// SPDX-License-Identifier: MIT
#include "loopback/rfc6455_runner.hpp"
#include "loopback/tls_client.hpp"
#include "loopback/transport_bench.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace loopback;

namespace {

transport_bench::settings as_the_tables_have_it() {
  transport_bench::settings settings = transport_bench::local();
  settings.max_message_bytes = 65'536;
  settings.max_http_body_bytes = 1'000'000;
  return settings;
}

/// The same, and every client speaks TLS.
struct secure_bench : transport_bench {
  static settings secure() {
    static const served_certificate shown;
    settings chosen = as_the_tables_have_it();
    chosen.tls = shown.files();
    return chosen;
  }

  secure_bench() : transport_bench(secure()) {}

  tls_client client() {
    tls_client made(transport.port());
    REQUIRE(until(made, [&] { return made.is_established(); }));
    return made;
  }
  tls_client open() {
    tls_client made = client();
    made.send(upgrade_request());
    REQUIRE(until(made, [&] { return !take_head(made.in).empty(); }));
    return made;
  }
};

}  // namespace

TEST_CASE("rfc 6455 over tls: every row of frames, in pieces") {
  secure_bench b;
  check_frame_cases(b, {delivery::in_pieces});
}

TEST_CASE("rfc 6455 over tls: every row of handshakes") {
  secure_bench b;
  check_handshake_cases(b, {delivery::in_pieces});
}

TEST_CASE("rfc 6455 over tcp: every row of frames, whole, byte by byte and in pieces") {
  transport_bench b(as_the_tables_have_it());
  check_frame_cases(b);
}

TEST_CASE("rfc 6455 over tcp: every row of handshakes") {
  transport_bench b(as_the_tables_have_it());
  check_handshake_cases(b);
}

TEST_CASE("rfc 6455 over tcp: frames right behind the handshake, in one piece with it") {
  transport_bench b(as_the_tables_have_it());
  for (const bool whole : {true, false}) {
    raw_client client = b.client();
    deliver(b, client,
            upgrade_request() + client_frame(fin | ping, "p") + client_frame(fin | text, "early") +
                close_frame(1000),
            whole ? delivery::whole : delivery::byte_by_byte);
    REQUIRE(b.until(client, [&] { return client.ended; }));
    CHECK(take_head(client.in).substr(0, 12) == "HTTP/1.1 101");
    std::string answer;
    while (const auto frame = take_frame(client.in)) answer += words_of(*frame) + " ";
    CHECK(answer == "pong:p text:early close:1000 ");
  }
}
