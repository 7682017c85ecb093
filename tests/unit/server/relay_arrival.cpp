// SPDX-License-Identifier: MIT
#include <agent_websocket/server/relay_arrival.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace agent_websocket;

namespace {

/// As a client says it.
wire::command hello_of(std::string_view text) {
  json::document scratch;
  wire::client_message message = wire::decode(text, scratch);
  auto* const command = std::get_if<wire::command>(&message);
  REQUIRE(command != nullptr);
  command->from = 7;
  return std::move(*command);
}

constexpr std::string_view plain =
    R"({"type":"command","op":"hello","v":1,"session_id":"s","resume":{"token":"t","epoch":"e","last_seq":5}})";

}  // namespace

TEST_CASE("relay_arrival: carries all that a session is told of a hello") {
  const auto said = hello_of(
      R"({"type":"command","op":"hello","v":1,"id":"h1","client":"name/1 \"ä\"","caps":["delta","reasoning","x"],)"
      R"("tools":[{"name":"one","description":"words\n","parameters":{"type":"object","properties":{"a":{"type":"string"}}}},{"name":"two"}],)"
      R"("session_id":"s1","resume":{"token":"secret_-","epoch":"e1","last_seq":9007199254740991},"outbox":["q1","q2"]})");
  principal owner;
  owner.name = "somebody \" with \xc3\xa4\n";
  const auto read = decode_arrival(encode_arrival(owner, said));
  REQUIRE(read);
  CHECK(read->owner.name == owner.name);
  CHECK_FALSE(read->owner.is_anonymous);
  CHECK(read->hello.op == "hello");
  CHECK(read->hello.id == "h1");
  CHECK(read->hello.client == said.client);
  CHECK(read->hello.caps == said.caps);
  REQUIRE(read->hello.tools.size() == 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(read->hello.tools[i].name == said.tools[i].name);
    CHECK(read->hello.tools[i].description == said.tools[i].description);
    CHECK(read->hello.tools[i].parameters == said.tools[i].parameters);
  }
  CHECK(read->hello.resume_session == "s1");
  REQUIRE(read->hello.resume);
  CHECK(read->hello.resume->token == "secret_-");
  CHECK(read->hello.resume->epoch == "e1");
  CHECK(read->hello.resume->last_seq == 9007199254740991u);
  CHECK(read->hello.outbox == std::vector<std::string>{"q1", "q2"});
  // Whose socket it is there is not for the other server.
  CHECK(read->hello.from == 0u);
}

TEST_CASE("relay_arrival: does not carry the token of the user") {
  const auto said = hello_of(
      R"({"type":"command","op":"hello","v":1,"auth":{"token":"of-the-user"},"session_id":"s","resume":{"token":"t","epoch":"e","last_seq":0}})");
  CHECK(said.token == "of-the-user");
  CHECK(encode_arrival({}, said).find("of-the-user") == std::string::npos);
}

TEST_CASE("relay_arrival: a name in any bytes and nobody's name") {
  principal owner;
  owner.name.clear();
  owner.is_anonymous = true;
  auto read = decode_arrival(encode_arrival(owner, hello_of(plain)));
  REQUIRE(read);
  CHECK(read->owner.name.empty());
  CHECK(read->owner.is_anonymous);
  CHECK(read->hello.id.empty());
  CHECK(read->hello.outbox.empty());
  CHECK(read->hello.tools.empty());
  for (int each = 1; each < 128; ++each) owner.name += static_cast<char>(each);
  owner.name += std::string("\0x", 2);
  read = decode_arrival(encode_arrival(owner, hello_of(plain)));
  REQUIRE(read);
  CHECK(read->owner.name == owner.name);
}

TEST_CASE("relay_arrival: as much as a hello may have") {
  auto said = hello_of(plain);
  for (int i = 0; i < 1000; ++i) said.outbox.push_back("query-" + std::to_string(i));
  for (int i = 0; i < 32; ++i) said.caps.push_back("cap" + std::to_string(i));
  for (int i = 0; i < 64; ++i) {
    wire::declared_tool tool;
    tool.name = "tool" + std::to_string(i);
    tool.description = std::string(1000, '"');
    tool.parameters = R"({"type":"object"})";
    said.tools.push_back(tool);
  }
  const auto read = decode_arrival(encode_arrival({}, said));
  REQUIRE(read);
  CHECK(read->hello.outbox == said.outbox);
  CHECK(read->hello.caps == said.caps);
  CHECK(read->hello.tools.size() == 64u);
  CHECK(read->hello.tools[63].description == said.tools[63].description);
}

TEST_CASE("relay_arrival: what is none is known") {
  const std::string none[] = {
      "",
      "nonsense",
      "null",
      "[]",
      "{}",
      R"({"owner":"o","id":"i"})",
      R"({"owner":"o","hello":"{}"})",
      R"({"id":"i","hello":"{}"})",
      R"({"owner":1,"id":"i","hello":"{}"})",
      R"({"owner":"o","id":1,"hello":"{}"})",
      R"({"owner":"o","id":"i","hello":{"type":"command","op":"hello"}})",
      R"({"owner":"o","id":"i","hello":"nonsense"})",
      R"({"owner":"o","id":"i","hello":"{\"type\":\"command\",\"op\":\"ping\"}"})",
      R"({"owner":"o","id":"i","hello":"{\"content\":\"a query\"}"})",
      R"({"owner":"o","id":"i","hello":"{\"type\":\"command\",\"op\":\"hello\",\"caps\":7}"})",
      R"({"owner":"o","id":"i","hello":"{\"type\":\"command\",\"op\":\"hello\",\"resume\":{\"token\":\"t\"}}"})",
      std::string(100'000, '['),
      encode_arrival({}, hello_of(plain)) + "}",
  };
  for (const std::string& each : none) {
    CAPTURE(each.substr(0, 120));
    CHECK_FALSE(decode_arrival(each));
  }
  const std::string whole = encode_arrival({}, hello_of(plain));
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(decode_arrival(std::string(whole.substr(0, size))));
}
