// SPDX-License-Identifier: MIT
#include <agent_websocket/session/feedback_requests.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

using agent_websocket::feedback_requests;

namespace {

feedback_requests::request asked(const std::string& id) {
  feedback_requests::request made;
  made.id = id;
  made.call = "call of " + id;
  return made;
}

}  // namespace

TEST_CASE("feedback_requests: open, found, closed, remembered") {
  feedback_requests all;
  CHECK(all.empty());
  CHECK(all.find("f_1") == nullptr);
  all.open(asked("f_1"));
  all.open(asked("f_2"));
  all.open(asked("f_3"));
  REQUIRE(all.find("f_2") != nullptr);
  CHECK(all.find("f_2")->call == "call of f_2");
  CHECK(all.find_former("f_2") == nullptr);
  CHECK(all.close("f_2", "approve", false).call == "call of f_2");
  CHECK(all.find("f_2") == nullptr);
  REQUIRE(all.all().size() == 2u);
  CHECK(all.all()[0].id == "f_1");
  CHECK(all.all()[1].id == "f_3");
  REQUIRE(all.find_former("f_2") != nullptr);
  CHECK(all.find_former("f_2")->decision == "approve");
  CHECK_FALSE(all.find_former("f_2")->expired);
  all.close("f_1", "reject", true);
  all.close("f_3", "edit", false);
  CHECK(all.empty());
  CHECK(all.find_former("f_1")->expired);
  CHECK(all.find_former("") == nullptr);
}

TEST_CASE("feedback_requests: what is not open cannot be closed") {
  feedback_requests all;
  CHECK(all.close("f_1", "approve", false).id.empty());
  CHECK(all.find_former("f_1") == nullptr);
}

TEST_CASE("feedback_requests: may be closed by the id that it has itself") {
  feedback_requests all;
  all.open(asked("a name that is too long to be stored in place"));
  const std::string& id = all.all().front().id;
  CHECK(all.close(id, "reject", false).id == "a name that is too long to be stored in place");
  CHECK(all.empty());
}

TEST_CASE("feedback_requests: remembers the last ones only") {
  feedback_requests all;
  for (std::size_t i = 0; i <= feedback_requests::max_former; ++i) {
    all.open(asked(std::to_string(i)));
    all.close(std::to_string(i), "approve", false);
  }
  CHECK(all.find_former("0") == nullptr);
  CHECK(all.find_former("1") != nullptr);
  CHECK(all.find_former(std::to_string(feedback_requests::max_former)) != nullptr);
}

TEST_CASE("feedback_requests: as it goes out") {
  feedback_requests::request made = asked("f_1");
  made.ref = "q";
  made.kind = "approval";
  made.content = "Run?";
  made.tool = "erase";
  made.arguments = R"({"a":1})";
  made.expires_at = "then";
  const auto said = made.to_wire();
  CHECK(said.id == "f_1");
  CHECK(said.ref == "q");
  CHECK(said.kind == "approval");
  CHECK(said.content == "Run?");
  CHECK(said.tool == "erase");
  CHECK(said.arguments == R"({"a":1})");
  CHECK(said.expires_at == "then");
  CHECK(said.default_decision == "reject");
  made.approved_by_default = true;
  CHECK(made.to_wire().default_decision == "approve");
}
