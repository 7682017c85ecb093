// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/response.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::errc;
using agent_websocket::json::document;
using agent_websocket::openrouter::failure;
using agent_websocket::openrouter::outcome;
using agent_websocket::openrouter::read_usage;
using agent_websocket::openrouter::usage;

TEST_CASE("response: usage as sent, but for its words") {
  const std::string json =
      R"({"prompt_tokens":11,"completion_tokens":10,"total_tokens":21,"cost":0.00012,)"
      R"("completion_tokens_details":{"reasoning_tokens":11},"cost_details":null,"is_byok":false)";
  document parsed;
  REQUIRE(parsed.parse(json + R"(,"note":"RAW","list":["RAW"]})"));
  usage found;
  REQUIRE(read_usage(parsed.root(), found));
  CHECK(found.prompt_tokens == 11);
  CHECK(found.completion_tokens == 10);
  CHECK(found.total_tokens == 21);
  CHECK(found.cost == 0.00012);
  CHECK(found.json == json + "}");
}

TEST_CASE("response: names in usage are the upstream's, of any length") {
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string name = std::string(size, 'x') + R"(\":1},\"status\":\"failed\",\"u\":{\"z\n)";
    const std::string json = "{\"" + name + "\":2,\"" + name + "o\":{\"" + name + "\":3}}";
    document parsed, again;
    REQUIRE(parsed.parse(json));
    usage found;
    REQUIRE(read_usage(parsed.root(), found));
    REQUIRE(again.parse(found.json));
    CHECK(again.root().size() == 2);
    CHECK(found.json == json);
  }
}

TEST_CASE("response: usage that says less, or nothing, or nonsense") {
  document parsed;
  usage found;
  found.prompt_tokens = 1;
  found.json = "{}";
  for (const char* none : {"null", "[]", "\"x\"", "7"}) {
    REQUIRE(parsed.parse(none));
    CHECK(!read_usage(parsed.root(), found));
    CHECK(found.prompt_tokens == 1);
    CHECK(found.json == "{}");
  }
  REQUIRE(parsed.parse(
      R"({"prompt_tokens":-5,"completion_tokens":1.5,"total_tokens":"9","cost":null})"));
  REQUIRE(read_usage(parsed.root(), found));
  CHECK(!found.prompt_tokens);
  CHECK(!found.completion_tokens);
  CHECK(!found.total_tokens);
  CHECK(!found.cost);
}

TEST_CASE("response: an outcome is complete unless it failed") {
  outcome ended;
  CHECK(ended.complete());
  ended.failed = failure(errc::truncated);
  CHECK(!ended.complete());
}
