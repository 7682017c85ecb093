// SPDX-License-Identifier: MIT
#include <agent_websocket/server/message_cost.hpp>

#include <agent_websocket/wire/decode.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace agent_websocket;

namespace {

wire::client_message decoded(const std::string& text) {
  json::document scratch;
  return wire::decode(text, scratch);
}

}  // namespace

TEST_CASE("begins_work: what makes the server or the model do something new") {
  for (const char* text :
       {R"({"content":"x"})", R"({"type":"query","content":"x"})",
        R"({"type":"command","op":"regenerate"})", R"({"type":"command","op":"set","data":{}})",
        R"({"type":"command","op":"clear"})", R"({"type":"command","op":"history"})",
        R"({"type":"command","op":"info"})", R"({"type":"command","op":"my_own"})",
        R"({"type":"human_feedback","rating":1})"}) {
    CAPTURE(text);
    CHECK(begins_work(decoded(text)));
  }
}

TEST_CASE("begins_work: what keeps, steers or ends what is there gets through") {
  for (const char* text :
       {R"({"type":"command","op":"ping"})", R"({"type":"command","op":"ack","seq":1})",
        R"({"type":"command","op":"hello"})",
        R"({"type":"command","op":"auth","auth":{"token":"t"}})",
        R"({"type":"command","content":"cancel"})", R"({"type":"command","op":"close"})",
        R"({"type":"command","op":"tool_result","ref":"t1","data":1})",
        R"({"type":"human_feedback","decision":"approve"})", "no JSON"}) {
    CAPTURE(text);
    CHECK_FALSE(begins_work(decoded(text)));
  }
}

TEST_CASE("id_of: what an answer refers to") {
  CHECK(id_of(decoded(R"({"content":"x","id":"q1"})")) == "q1");
  CHECK(id_of(decoded(R"({"type":"command","op":"clear","id":"c1"})")) == "c1");
  CHECK(id_of(decoded(R"({"type":"human_feedback","rating":1,"id":"f1"})")) == "f1");
  CHECK(id_of(decoded(R"({"content":7,"id":"b1"})")) == "b1");
  CHECK(id_of(decoded("no JSON")).empty());
}

TEST_CASE("message_cost: what the model has to answer") {
  CHECK(asks_model(wire::query{}));
  wire::command command;
  command.op = "regenerate";
  CHECK(asks_model(command));
  command.op = "history";
  CHECK_FALSE(asks_model(command));
  CHECK_FALSE(asks_model(wire::human_feedback{}));
  CHECK_FALSE(asks_model(wire::rejection{}));
}

TEST_CASE("message_cost: what is done once for an id") {
  for (const char* text :
       {R"({"content":"x"})", R"({"type":"command","op":"regenerate"})",
        R"({"type":"command","op":"set","data":{}})", R"({"type":"human_feedback","rating":1})"}) {
    CHECK(is_done_once(decoded(text)));
  }
  for (const char* text : {R"({"type":"command","op":"history"})", R"({"type":"command","op":"clear"})",
                           R"({"type":"command","op":"my_own"})", R"({"type":"command","op":"ping"})",
                           R"({"type":"human_feedback","decision":"approve"})", "{"}) {
    CHECK_FALSE(is_done_once(decoded(text)));
  }
}
