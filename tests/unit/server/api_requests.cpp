// SPDX-License-Identifier: MIT
#include <agent_websocket/server/api_requests.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using agent_websocket::errc;
using agent_websocket::read_addressed_notice;
using agent_websocket::read_notice;
using agent_websocket::read_page_request;

namespace {

template <typename Read>
void check_refused(const Read& read, errc code, std::string_view words) {
  REQUIRE_FALSE(read);
  CHECK(read.error().code == code);
  CAPTURE(read.error().message);
  CHECK(read.error().message.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("api_requests: a notice") {
  const auto said = read_notice(
      R"({"content":"Build failed","topic":"build","data":{"n":1.50,"l":[null]},"volatile":true})");
  REQUIRE(said);
  CHECK(said->content == "Build failed");
  CHECK(said->topic == "build");
  CHECK(said->data == R"({"n":1.50,"l":[null]})");
  CHECK(said->may_be_lost);
  const auto plain = read_notice(R"({"content":"x","topic":null,"data":null,"volatile":null})");
  REQUIRE(plain);
  CHECK(plain->topic.empty());
  CHECK(plain->data.empty());
  CHECK_FALSE(plain->may_be_lost);
  const auto data = read_notice(R"({"data":0})");
  REQUIRE(data);
  CHECK(data->content.empty());
  CHECK(data->data == "0");
}

TEST_CASE("api_requests: what is no notice, and why") {
  check_refused(read_notice(""), errc::bad_message, "body is missing");
  check_refused(read_notice("{"), errc::bad_json, "at byte");
  check_refused(read_notice("[]"), errc::bad_message, "`body` must be a JSON object, not an array");
  check_refused(read_notice("\"x\""), errc::bad_message, "not a string");
  check_refused(read_notice("{}"), errc::bad_message, "`content`");
  check_refused(read_notice(R"({"content":""})"), errc::bad_message, "not empty");
  check_refused(read_notice(R"({"topic":"x"})"), errc::bad_message, "`content`");
  check_refused(read_notice(R"({"content":7})"), errc::bad_message, "`content` must be a string, not a number");
  check_refused(read_notice(R"({"content":"x","topic":[]})"), errc::bad_message, "`topic`");
  check_refused(read_notice(R"({"content":"x","volatile":"yes"})"), errc::bad_message,
                "`volatile` must be true or false, not a string");
  check_refused(read_notice(R"({"content":"x","volatil":true})"), errc::bad_message, "`volatil`");
  check_refused(read_notice(R"({"content":"x","topic":")" + std::string(201, 't') + "\"}"),
                errc::bad_message, "201 bytes; at most 200");
  CHECK(read_notice(R"({"content":"x","topic":")" + std::string(200, 't') + "\"}"));
  const auto long_name = read_notice("{\"" + std::string(5000, 'n') + "\":1}");
  REQUIRE_FALSE(long_name);
  CHECK(long_name.error().message.size() < 200u);
  check_refused(read_notice(std::string(100, '[') + std::string(100, ']')), errc::bad_json, "deep");
}

TEST_CASE("api_requests: the original's call, its message in each form") {
  const auto read = [](const std::string& message) {
    return read_addressed_notice(R"({"sessionId":"s-1","agent":"x","message":)" + message + "}");
  };
  const auto text = read(R"("hello")");
  REQUIRE(text);
  CHECK(text->session_id == "s-1");
  CHECK(text->said.content == "hello");
  CHECK(text->said.data.empty());
  const auto object = read(R"({"content":"c","topic":"t","data":[1],"volatile":true,"other":1})");
  REQUIRE(object);
  CHECK(object->said.content == "c");
  CHECK(object->said.topic == "t");
  CHECK(object->said.data == "[1]");
  CHECK(object->said.may_be_lost);
  for (const std::string json : {R"({"build":812})", "[1,2]", "7", "true", "{}"}) {
    CAPTURE(json);
    const auto other = read(json);
    REQUIRE(other);
    CHECK(other->said.content.empty());
    CHECK(other->said.data == json);
  }
}

TEST_CASE("api_requests: the original's call, refused") {
  check_refused(read_addressed_notice(""), errc::bad_message, "body is missing");
  check_refused(read_addressed_notice("{]"), errc::bad_json, "Not valid JSON");
  check_refused(read_addressed_notice("7"), errc::bad_message, "object");
  check_refused(read_addressed_notice(R"({"message":"x"})"), errc::bad_message,
                "`sessionId` must be the id of a session, not nothing");
  check_refused(read_addressed_notice(R"({"sessionId":7,"message":"x"})"), errc::bad_message,
                "`sessionId`");
  check_refused(read_addressed_notice(R"({"sessionId":"s"})"), errc::bad_message, "`message`");
  check_refused(read_addressed_notice(R"({"sessionId":"s","message":null})"), errc::bad_message,
                "`message`");
  check_refused(read_addressed_notice(R"({"sessionId":"s","message":""})"), errc::bad_message,
                "`message` must not be empty");
  check_refused(read_addressed_notice(R"({"sessionId":"s","message":{"content":1}})"),
                errc::bad_message, "In `message`: `content`");
  check_refused(read_addressed_notice(R"({"sessionId":"s","message":{"topic":"t"}})"),
                errc::bad_message, "In `message`");
}

TEST_CASE("api_requests: pages") {
  const auto none = read_page_request("");
  REQUIRE(none);
  CHECK(none->limit == 100u);
  CHECK(none->after.empty());
  const auto both = read_page_request("limit=1000&cursor=f81d4fae-7dec");
  REQUIRE(both);
  CHECK(both->limit == 1000u);
  CHECK(both->after == "f81d4fae-7dec");
  CHECK(read_page_request("cursor="));
  for (const std::string_view wrong :
       {"limit=0", "limit=1001", "limit=", "limit", "limit=-1", "limit=+1", "limit=1x", "limit=1.5",
        "limit=99999999999999999999999"}) {
    CAPTURE(wrong);
    check_refused(read_page_request(wrong), errc::bad_message, "`limit` must be a whole number from 1 to 1000");
  }
  check_refused(read_page_request("cursor=a%20b"), errc::bad_message, "`cursor`");
  check_refused(read_page_request("cursor=" + std::string(65, 'a')), errc::bad_message, "`cursor`");
  check_refused(read_page_request("limt=5"), errc::bad_message, "`limt`");
  check_refused(read_page_request("limit=x&limit=5"), errc::bad_message, "`limit`");
}
