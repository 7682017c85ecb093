// SPDX-License-Identifier: MIT
#include <agent_websocket/server/server_notice.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

using namespace agent_websocket;

TEST_CASE("server_notice: is read as it was written") {
  std::string words("\"quotes\", \\, \xc3\xa4\n");
  for (int each = 0; each < 128; ++each) words += static_cast<char>(each);
  server_notice said;
  said.session = "s-1";
  said.said = {words, "topic \"x\"", R"({"a":[1,2,"x"]})", false};
  for (const bool lost : {false, true}) {
    said.said.may_be_lost = lost;
    const auto read = decode_notice(encode_notice(said));
    REQUIRE(read);
    CHECK(read->what == server_notice::kind::notify);
    CHECK(read->session == "s-1");
    CHECK(read->said.content == words);
    CHECK(read->said.topic == "topic \"x\"");
    CHECK(read->said.data == R"({"a":[1,2,"x"]})");
    CHECK(read->said.may_be_lost == lost);
    CHECK(read->reason.empty());
  }
  const auto all = decode_notice(encode_notice({}));
  REQUIRE(all);
  CHECK(all->session.empty());
  CHECK(all->said.content.empty());
  CHECK(all->said.data.empty());
  CHECK_FALSE(all->said.may_be_lost);

  server_notice end;
  end.what = server_notice::kind::disconnect;
  end.session = "s-2";
  end.reason = words;
  end.said.content = "not said";
  const auto read = decode_notice(encode_notice(end));
  REQUIRE(read);
  CHECK(read->what == server_notice::kind::disconnect);
  CHECK(read->session == "s-2");
  CHECK(read->reason == words);
  CHECK(read->said.content.empty());
}

TEST_CASE("server_notice: a large one") {
  server_notice said;
  said.said.content = std::string(1'000'000, '"');
  const auto read = decode_notice(encode_notice(said));
  REQUIRE(read);
  CHECK(read->said.content == said.said.content);
}

TEST_CASE("server_notice: what is none is known") {
  for (const char* each : {
           "",
           "nonsense",
           "null",
           "7",
           "[]",
           "{}",
           R"({"do":"notify"})",
           R"({"session":"s"})",
           R"({"do":"else","session":"s"})",
           R"({"do":"Notify","session":"s"})",
           R"({"do":1,"session":"s"})",
           R"({"do":"notify","session":7})",
           R"({"do":"notify","session":null})",
           R"({"do":"notify","session":"s")",
           R"({"do":"notify","session":"s"} x)",
       }) {
    CAPTURE(each);
    CHECK_FALSE(decode_notice(each));
  }
  server_notice said;
  said.session = "s";
  said.said.content = "words";
  const std::string whole = encode_notice(said);
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(decode_notice(std::string(whole.substr(0, size))));
}

TEST_CASE("server_notice: a member of another type is as if it was not there") {
  const auto read = decode_notice(
      R"({"do":"notify","session":"s","content":7,"topic":[],"data":{},"may_be_lost":"yes","new":1})");
  REQUIRE(read);
  CHECK(read->said.content.empty());
  CHECK(read->said.topic.empty());
  CHECK(read->said.data.empty());
  CHECK_FALSE(read->said.may_be_lost);
}

TEST_CASE("server_notice: an end names its session") {
  // Empty means all of them, and all of them are never to be ended.
  CHECK_FALSE(decode_notice(R"({"do":"disconnect","session":"","reason":"x"})"));
}
