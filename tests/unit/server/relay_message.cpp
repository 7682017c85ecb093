// SPDX-License-Identifier: MIT
#include <agent_websocket/server/relay_message.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using namespace agent_websocket;

namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("relay_message: is a line, and a body behind it") {
  CHECK(encode_relay({relay_kind::text, 12, 3, "{}\n{}"}) == "t 12 3\n{}\n{}");
  CHECK(encode_relay({relay_kind::ping, 0, 0, {}}) == "p 0 0\n");
  CHECK(encode_relay({}) == "p 0 0\n");
}

TEST_CASE("relay_message: is read as it was written, with every kind, number and byte") {
  std::string every;
  for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
  for (const char kind : std::string_view("atklrfcpqn")) {
    for (const std::uint64_t number : {std::uint64_t(0), std::uint64_t(1), largest - 1, largest}) {
      for (const std::string& body : {std::string(), std::string("\n"), every + every,
                                      std::string(200'000, 'x')}) {
        const relay_message said{static_cast<relay_kind>(kind), number, largest - number, body};
        const std::string text = encode_relay(said);
        const auto read = decode_relay(text);
        REQUIRE(read);
        CHECK(read->kind == said.kind);
        CHECK(read->socket == number);
        CHECK(read->number == largest - number);
        CHECK(read->body == body);
      }
    }
  }
}

TEST_CASE("relay_message: what is none is known") {
  const std::string_view none[] = {
      "",
      "p",
      "\n",
      "p\n",
      "p 0\n",
      "p 0 0",          // no line
      "p 0 \n",         // no number
      "p  0 0\n",       // one space
      "p 0  0\n",       //
      " p 0 0\n",       //
      "p 0 0 \n",       //
      "p 0 0 0\n",      // of a later version
      "p 0 0\r\n",      //
      "p,0 0\n",        //
      "p 0,0\n",        //
      "P 0 0\n",        // kinds are lower case
      "b 0 0\n",        // of a later version
      "pp 0 0\n",       //
      "p -1 0\n",       // numbers have no sign
      "p 0 -1\n",       //
      "p +1 0\n",       //
      "p 0x1 0\n",      //
      "p 1e3 0\n",      //
      "p 1.0 0\n",      //
      "p 18446744073709551616 0\n",
      "p 0 18446744073709551616\n",
      "p 99999999999999999999999999999999999999 0\n",
      std::string_view("p 0\0 0\n", 7),
      std::string_view("\0 0 0\n", 6),
  };
  for (const std::string_view each : none) {
    CAPTURE(std::string(each));
    CHECK_FALSE(decode_relay(each));
  }
}

TEST_CASE("relay_message: every shorter text of a message is none, or has a shorter body") {
  const std::string whole = encode_relay({relay_kind::frame, 77, 88, "body"});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    // Without slack behind it, for a sanitizer.
    const std::string part(whole.substr(0, size));
    const auto read = decode_relay(part);
    CHECK(read.has_value() == (size >= 8));
    if (read) CHECK(read->body == std::string_view("body").substr(0, size - 8));
  }
}

TEST_CASE("relay_message: the number that a body begins with") {
  const auto number = [](std::string_view body) {
    return relay_message{relay_kind::took, 1, 0, body}.leading_number();
  };
  CHECK(number("16384") == 16384u);
  CHECK(number("4000 server_error") == 4000u);
  CHECK(number("18446744073709551615") == largest);
  for (const char* none : {"", " 1", "-1", "x", "18446744073709551616", "999999999999999999999999"})
    CHECK(number(none) == 0u);
}
