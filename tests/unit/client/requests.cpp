// SPDX-License-Identifier: MIT
#include <agent_websocket/client/requests.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace agent_websocket;

namespace {

client_request request(const std::string& id) {
  client_request made;
  made.id = id;
  return made;
}

std::vector<std::string> ids(const client_requests& of) {
  std::vector<std::string> all;
  for (const client_request& each : of.open()) all.push_back(each.id);
  return all;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("client requests: read from a message, leniently") {
  json::document document;
  REQUIRE(document.parse(
      R"({"type":"human_feedback","seq":60,"id":"f1","ref":"q1","kind":"approval","content":"Run?",
          "tool":{"name":"delete_file","arguments":{"path":"a"}},"expires_at":"2026-01-01T00:00:00Z",
          "default":"reject","later":1})"));
  client_request read = client_request::of(document.root());
  CHECK(read.id == "f1");
  CHECK(read.ref == "q1");
  CHECK(read.kind == "approval");
  CHECK(read.content == "Run?");
  CHECK(read.tool_name == "delete_file");
  CHECK(read.tool_arguments == R"({"path":"a"})");
  CHECK(read.expires_at == "2026-01-01T00:00:00Z");
  CHECK(read.default_decision == "reject");
  CHECK(read.is_open);
  CHECK(read.json.find("\"later\":1") != std::string::npos);
  REQUIRE(document.parse(R"({"id":7,"tool":"x","expires_at":null})"));
  read = client_request::of(document.root());
  CHECK(read.id.empty());
  CHECK(read.tool_name.empty());
  CHECK(read.tool_arguments.empty());
}

TEST_CASE("client requests: one by its id, in order, and not more than there is room for") {
  client_requests open;
  CHECK(open.add(request("f1")));
  CHECK_FALSE(open.add(request("f1")));
  CHECK_FALSE(open.add(request("")));
  CHECK_FALSE(open.add(request("no id")));
  CHECK(open.add(request("f2")));
  CHECK(ids(open) == list{"f1", "f2"});
  CHECK(open.remove("f1"));
  CHECK_FALSE(open.remove("f1"));
  for (std::size_t i = 0; i < client_requests::max_open; ++i)
    CHECK(open.add(request("x" + std::to_string(i))));
  CHECK(open.open().size() == client_requests::max_open);
  CHECK(open.open().front().id == "x0");
}

TEST_CASE("client requests: what a welcome does not list is gone") {
  client_requests open;
  for (const char* id : {"f1", "f2", "f3"}) open.add(request(id));
  CHECK(open.may_be_open("f9"));
  CHECK(open.take_unlisted().empty());  // no welcome said anything
  CHECK(ids(open) == list{"f1", "f2", "f3"});
  open.begin_list();
  open.list("f2");
  open.list("f4");
  CHECK_FALSE(open.may_be_open("f1"));
  CHECK(open.may_be_open("f4"));
  CHECK(open.add(request("f4")));
  CHECK(open.take_unlisted() == list{"f1", "f3"});
  CHECK(ids(open) == list{"f2", "f4"});
  CHECK(open.may_be_open("f9"));
  open.begin_list();
  CHECK(open.take_all() == list{"f2", "f4"});
  CHECK(open.open().empty());
  CHECK(open.may_be_open("f9"));
}

TEST_CASE("client requests: decisions have names") {
  CHECK(to_string(client_decision::approve) == "approve");
  CHECK(to_string(client_decision::reject) == "reject");
  CHECK(to_string(client_decision::edit) == "edit");
  CHECK(to_string(client_decision::answer) == "answer");
}
