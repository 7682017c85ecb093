// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/decode.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

using agent_websocket::errc;
using agent_websocket::to_string;
using agent_websocket::json::document;
using namespace std::chrono_literals;
namespace wire = agent_websocket::wire;

namespace {

wire::client_message decoded(std::string_view text) {
  document scratch;
  return wire::decode(text, scratch);
}

template <typename Message>
Message as(std::string_view text) {
  auto message = decoded(text);
  if (const auto* rejected = std::get_if<wire::rejection>(&message)) {
    FAIL("rejected: " << text << ": " << rejected->why.message);
  }
  REQUIRE(std::holds_alternative<Message>(message));
  return std::get<Message>(std::move(message));
}
wire::query query(std::string_view text) { return as<wire::query>(text); }
wire::command command(std::string_view text) { return as<wire::command>(text); }
wire::human_feedback feedback(std::string_view text) { return as<wire::human_feedback>(text); }

/// The code of the rejection, or "taken".
std::string verdict(std::string_view text) {
  const auto message = decoded(text);
  const auto* rejected = std::get_if<wire::rejection>(&message);
  if (rejected == nullptr) return "taken";
  CHECK_FALSE(rejected->why.message.empty());
  CHECK(agent_websocket::is_utf8(rejected->why.message));
  return to_string(rejected->why.code);
}
std::string words(std::string_view text) {
  const auto message = decoded(text);
  const auto* rejected = std::get_if<wire::rejection>(&message);
  return rejected == nullptr ? "taken" : rejected->why.message;
}
std::string refers_to(std::string_view text) {
  const auto message = decoded(text);
  const auto* rejected = std::get_if<wire::rejection>(&message);
  return rejected == nullptr ? "taken" : rejected->ref;
}

std::string repeated(std::string_view what, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += what;
  return text;
}

bool mentions(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("decode: the plain client's query") {
  const auto asked = query(R"({"type":"query","content":"Tell me about WebSocket technology.",)"
                           R"("timestamp":"2026-01-01T00:00:00Z"})");
  CHECK(asked.content == "Tell me about WebSocket technology.");
  CHECK(asked.id.empty());
  CHECK(asked.parts.empty());
  CHECK_FALSE(asked.stream.has_value());
  CHECK(asked.priority == 5);
  CHECK(asked.overlap == wire::overlap::queue);
  CHECK_FALSE(asked.timeout.has_value());
}

TEST_CASE("decode: a missing type means query") {
  CHECK(query(R"({"content":"x"})").content == "x");
}

TEST_CASE("decode: a query with everything") {
  const auto asked =
      query(R"({"type":"query","id":"q1","content":"What is Asio?","stream":true,"priority":7,)"
            R"("overlap":"interrupt","timeout_ms":120000,"model":"openai/gpt-4o-mini",)"
            R"("meta":{"tab":2}})");
  CHECK(asked.id == "q1");
  CHECK(asked.content == "What is Asio?");
  CHECK(asked.stream == true);
  CHECK(asked.priority == 7);
  CHECK(asked.overlap == wire::overlap::interrupt);
  CHECK(asked.timeout == 120s);
  CHECK(asked.model == "openai/gpt-4o-mini");
  CHECK(asked.meta == R"({"tab":2})");
}

TEST_CASE("decode: stream false is not the same as no stream") {
  CHECK(query(R"({"content":"x","stream":false})").stream == false);
}

TEST_CASE("decode: each overlap") {
  CHECK(query(R"({"content":"x","overlap":"queue"})").overlap == wire::overlap::queue);
  CHECK(query(R"({"content":"x","overlap":"reject"})").overlap == wire::overlap::reject);
  CHECK(query(R"({"content":"x","overlap":"interrupt"})").overlap == wire::overlap::interrupt);
  CHECK(query(R"({"content":"x","overlap":"latest"})").overlap == wire::overlap::latest);
}

TEST_CASE("decode: the limits of each number") {
  CHECK(query(R"({"content":"x","priority":0})").priority == 0);
  CHECK(query(R"({"content":"x","priority":9})").priority == 9);
  CHECK(query(R"({"content":"x","timeout_ms":1})").timeout == 1ms);
  CHECK(query(R"({"content":"x","timeout_ms":86400000})").timeout == 24h);
  CHECK(feedback(R"({"type":"human_feedback","rating":-100})").rating == -100.0);
  CHECK(feedback(R"({"type":"human_feedback","rating":100})").rating == 100.0);
  CHECK(feedback(R"({"type":"human_feedback","rating":0})").rating == 0.0);
  CHECK(feedback(R"({"type":"human_feedback","rating":0.5})").rating == 0.5);
  CHECK(command(R"({"type":"command","op":"history","limit":1})").limit == 1);
  CHECK(command(R"({"type":"command","op":"history","limit":1000})").limit == 1000);
  CHECK(command(R"({"type":"command","op":"history","before_seq":0})").before_seq == 0);
}

TEST_CASE("decode: content as parts, with their text for people") {
  const auto asked =
      query(R"({"content":[{"type":"text","text":"Look:"},{"type":"image_url",)"
            R"("image_url":{"url":"https://h/i.png"}},)"
            R"({"type":"file","file":{"filename":"a.pdf",)"
            R"("file_data":"data:application/pdf;base64,AA=="}},)"
            R"({"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}},{"type":"text",)"
            R"("text":"what?"}]})");
  CHECK(asked.content == "Look:\nwhat?");
  CHECK(asked.parts.substr(0, 30) == R"([{"type":"text","text":"Look:")");
  CHECK(mentions(asked.parts, R"({"type":"image_url","image_url":{"url":"https://h/i.png"}})"));
  CHECK(mentions(asked.parts, R"("format":"wav")"));
}

TEST_CASE("decode: parts keep numbers, escapes and unknown members as they were sent") {
  const auto asked =
      query(R"({"content":[{"type":"text","text":"\u00e9\n","cache_control":{"n":1.50,)"
            R"("big":123456789012345678901}}]})");
  CHECK(asked.content == "\xC3\xA9\n");
  CHECK(mentions(asked.parts, R"("n":1.50)"));
  CHECK(mentions(asked.parts, R"("big":123456789012345678901)"));
}

TEST_CASE("decode: commands") {
  const auto cancel = command(R"({"type":"command","op":"cancel","id":"c1","ref":"q1"})");
  CHECK(cancel.op == "cancel");
  CHECK(cancel.id == "c1");
  CHECK(cancel.ref == "q1");
  const auto set =
      command(R"({"type":"command","op":"set","id":"s1","data":{"temperature":0.2, "x":[1]}})");
  CHECK(set.data == R"({"temperature":0.2,"x":[1]})");
  const auto own =
      command(R"({"type":"command","op":"roll","content":"two dice","data":7,"meta":{"a":1}})");
  CHECK(own.op == "roll");
  CHECK(own.content == "two dice");
  CHECK(own.data == "7");
  CHECK(own.meta == R"({"a":1})");
}

TEST_CASE("decode: a regenerate says like a query whether it is to be streamed") {
  CHECK(command(R"({"type":"command","op":"regenerate","stream":true})").stream == true);
  CHECK(command(R"({"type":"command","op":"regenerate","stream":false})").stream == false);
  CHECK_FALSE(command(R"({"type":"command","op":"regenerate"})").stream.has_value());
  CHECK(verdict(R"({"type":"command","op":"regenerate","stream":"yes"})") == "bad_message");
}

TEST_CASE("decode: a bare command names its op in content") {
  CHECK(command(R"({"type":"command","content":"cancel"})").op == "cancel");
  CHECK(command(R"({"type":"command","content":"  cancel\n"})").op == "cancel");
  CHECK(command(R"({"type":"command","content":"cancel"})").content.empty());
  CHECK(command(R"({"type":"command","op":"","content":"help"})").op == "help");
}

TEST_CASE("decode: hello") {
  const auto hello = command(
      R"({"type":"command","op":"hello","v":1,"client":"js/1.0","auth":{"token":"t"},)"
      R"("session_id":"f81d4fae-7dec-41d0-a765-00a0c91e6bf6","resume":{"token":"r","epoch":"e",)"
      R"("last_seq":41},)"
      R"("outbox":["q1","q2"],"caps":["delta","feedback"]})");
  CHECK(hello.op == "hello");
  CHECK(hello.version == 1);
  CHECK(hello.client == "js/1.0");
  CHECK(hello.resume_session == "f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
  CHECK(hello.caps == std::vector<std::string>{"delta", "feedback"});
  REQUIRE(hello.resume.has_value());
  CHECK(hello.resume->token == "r");
  CHECK(hello.resume->epoch == "e");
  CHECK(hello.resume->last_seq == 41u);
  CHECK(hello.outbox == std::vector<std::string>{"q1", "q2"});
  CHECK(hello.from == 0u);
}

TEST_CASE("decode: tools of a client, in a hello and in a query") {
  const auto hello = command(
      R"({"type":"command","op":"hello","tools":[{"name":"beep","parameters":{"type":"object"}},)"
      R"({"type":"function","function":{"name":"now","description":"d"}}]})");
  REQUIRE(hello.tools.size() == 2u);
  CHECK(hello.tools[0].name == "beep");
  CHECK(hello.tools[0].parameters == R"({"type":"object"})");
  CHECK(hello.tools[1].name == "now");
  CHECK(hello.tools[1].description == "d");
  CHECK(query(R"({"content":"x","tools":[{"name":"beep"}]})").tools.at(0).name == "beep");
  CHECK(query(R"({"content":"x"})").tools.empty());
  CHECK(command(R"({"type":"command","op":"hello"})").tools.empty());
  CHECK(command(R"({"type":"command","op":"roll","tools":7})").tools.empty());
  CHECK(verdict(R"({"type":"command","op":"hello","tools":{}})") == "bad_message");
  CHECK(verdict(R"({"content":"x","tools":[{}]})") == "bad_message");
}

TEST_CASE("decode: the result of a client's tool") {
  const auto result = [](const char* more) {
    return command(R"({"type":"command","op":"tool_result","ref":"t_1")" + std::string(more) + "}");
  };
  CHECK(result(R"(,"data":{"ok": true})").data == R"({"ok":true})");
  CHECK(result(R"(,"data":"x")").data == R"("x")");
  CHECK(result(R"(,"data":false)").data == "false");
  CHECK(result(R"(,"data":null)").data == "null");
  CHECK(result(R"(,"content":"words")").content == "words");
  CHECK(result(R"(,"error":"no luck")").failure == "no luck");
  CHECK(result(R"(,"data":1)").failure.empty());
  CHECK(result(R"(,"data":1,"error":null)").failure.empty());
  CHECK(result(R"(,"data":1)").ref == "t_1");
  for (const char* bad : {R"({"type":"command","op":"tool_result","ref":"t_1"})",
                          R"({"type":"command","op":"tool_result","ref":"t_1","error":""})",
                          R"({"type":"command","op":"tool_result","ref":"t_1","error":{"a":1}})",
                          R"({"type":"command","op":"tool_result","ref":"t 1","data":1})",
                          R"({"type":"command","op":"tool_result","data":1})"}) {
    CAPTURE(std::string(bad));
    CHECK(verdict(bad) == "bad_message");
  }
  CHECK(mentions(words(R"({"type":"command","op":"tool_result","data":1})"), "`ref`"));
  // Of other commands null is nothing.
  CHECK(command(R"({"type":"command","op":"roll","data":null})").data.empty());
}

TEST_CASE("decode: a hello that wants nothing back") {
  const auto hello = command(R"({"type":"command","op":"hello"})");
  CHECK_FALSE(hello.resume.has_value());
  CHECK(hello.resume_session.empty());
  CHECK(hello.outbox.empty());
  CHECK_FALSE(hello.ack.has_value());
  const auto with_null =
      command(R"({"type":"command","op":"hello","session_id":null,"resume":null,"outbox":null})");
  CHECK_FALSE(with_null.resume.has_value());
  CHECK(with_null.outbox.empty());
}

TEST_CASE("decode: a resume from the first message on is one like any other") {
  const auto hello = command(
      R"({"type":"command","op":"hello","session_id":"s","resume":{"token":"r","epoch":"e","last_seq":0}})");
  REQUIRE(hello.resume.has_value());
  CHECK(hello.resume->last_seq == 0u);
}

TEST_CASE("decode: resume and outbox are read of a hello only") {
  const auto other = command(
      R"({"type":"command","op":"roll","resume":"no object","outbox":{"no":"array"},"seq":"none"})");
  CHECK_FALSE(other.resume.has_value());
  CHECK(other.outbox.empty());
  CHECK_FALSE(other.ack.has_value());
}

TEST_CASE("decode: an outbox has at most 1000 ids") {
  const auto with = [](std::size_t count) {
    return R"({"type":"command","op":"hello","outbox":["q")" + repeated(R"(,"q")", count - 1) +
           "]}";
  };
  CHECK(command(with(1000)).outbox.size() == 1000u);
  CHECK(verdict(with(1001)) == "bad_message");
  CHECK(mentions(words(with(1001)), "`outbox`"));
}

TEST_CASE("decode: any message may say what its client has") {
  CHECK(query(R"({"content":"x","ack":57})").ack == 57u);
  CHECK(command(R"({"type":"command","op":"ping","ack":57})").ack == 57u);
  CHECK(command(R"({"type":"command","op":"hello","ack":57})").ack == 57u);
  CHECK(command(R"({"type":"command","content":"help","ack":0})").ack == 0u);
  CHECK(feedback(R"({"type":"human_feedback","rating":1,"ack":57})").ack == 57u);
  CHECK_FALSE(query(R"({"content":"x"})").ack.has_value());
  CHECK_FALSE(query(R"({"content":"x","ack":null})").ack.has_value());
  CHECK_FALSE(command(R"({"type":"command","op":"ping"})").ack.has_value());
  CHECK_FALSE(feedback(R"({"type":"human_feedback","rating":1})").ack.has_value());
}

TEST_CASE("decode: the command ack says it as seq") {
  const auto ack = command(R"({"type":"command","op":"ack","seq":57})");
  CHECK(ack.op == "ack");
  CHECK(ack.ack == 57u);
  CHECK(command(R"({"type":"command","op":"ack","seq":0})").ack == 0u);
  CHECK(command(R"({"type":"command","op":"ack","seq":9007199254740992})").ack ==
        9'007'199'254'740'992u);
  CHECK(verdict(R"({"type":"command","op":"ack","seq":-1})") == "bad_message");
  CHECK(verdict(R"({"type":"command","op":"ack","seq":"57"})") == "bad_message");
  CHECK(mentions(words(R"({"type":"command","op":"ack","seq":1.5})"), "`seq`"));
}

TEST_CASE("decode: what a hello says of itself is bounded and never cut inside a character") {
  const std::string name = "a" + repeated("\xC3\xA9", 200);
  const auto hello = command(R"({"type":"command","op":"hello","client":")" + name + R"("})");
  CHECK(hello.client.size() == 99u);
  CHECK(agent_websocket::is_utf8(hello.client));
  const auto many =
      command(R"({"type":"command","op":"hello","caps":["x")" + repeated(R"(,"y")", 5000) + "]}");
  CHECK(many.caps.size() <= 32u);
}

TEST_CASE("decode: feedback") {
  const auto judged = feedback(
      R"({"type":"human_feedback","id":"f2","ref":"q1","rating":1,"content":"clear answer",)"
      R"("correction":"42"})");
  CHECK(judged.id == "f2");
  CHECK(judged.ref == "q1");
  CHECK(judged.rating == 1.0);
  CHECK(judged.content == "clear answer");
  CHECK(judged.correction == "42");
  CHECK(judged.decision.empty());
  for (const char* decision : {"approve", "reject", "edit", "answer"}) {
    const auto decided = feedback(R"({"type":"human_feedback","ref":"f1","decision":")" +
                                  std::string(decision) + R"(","data":{"path":"notes.txt"}})");
    CHECK(decided.decision == decision);
    CHECK(decided.data == R"({"path":"notes.txt"})");
  }
  CHECK(feedback(R"({"type":"human_feedback","correction":"No: 42"})").correction == "No: 42");
  CHECK(feedback(R"({"type":"human_feedback","content":"good"})").content == "good");
}

TEST_CASE("decode: unknown fields are ignored, null is absent, the last of two members counts") {
  CHECK(query(R"({"content":"x","colour":"red","seq":"no number","idx":{},"type":"query"})")
            .content == "x");
  const auto asked =
      query(R"({"id":null,"content":"x","stream":null,"priority":null,"overlap":null,)"
            R"("timeout_ms":null,"model":null,"meta":null})");
  CHECK(asked.id.empty());
  CHECK(asked.priority == 5);
  CHECK_FALSE(asked.stream.has_value());
  CHECK(asked.meta.empty());
  CHECK(query(R"({"content":"first","content":"last"})").content == "last");
}

TEST_CASE("decode: any text goes through unchanged") {
  const auto asked = query(
      R"({"content":"\" \\ \/ \b\f\n\r\t \u0000 \ud83e\udd80 </script> \u2028 日本 \u007f"})");
  using namespace std::string_view_literals;
  CHECK(asked.content ==
        "\" \\ / \b\f\n\r\t \0 \xF0\x9F\xA6\x80 </script> \xE2\x80\xA8 日本 \x7F"sv);
}

TEST_CASE("decode: ids have 1 to 64 characters out of a small set") {
  const auto with_id = [](std::string_view id) {
    return verdict(R"({"content":"x","id":")" + std::string(id) + R"("})");
  };
  CHECK(with_id("a") == "taken");
  CHECK(with_id("AZaz09_.:-") == "taken");
  CHECK(with_id(repeated("x", 64)) == "taken");
  CHECK(with_id(repeated("x", 65)) == "bad_message");
  CHECK(with_id("") == "bad_message");
  CHECK(with_id("a b") == "bad_message");
  CHECK(with_id("a/b") == "bad_message");
  CHECK(with_id("\xC3\xA9") == "bad_message");
  CHECK(with_id(R"(a\u0000)") == "bad_message");
  CHECK(verdict(R"({"type":"command","op":"cancel","ref":"a b"})") == "bad_message");
  CHECK(verdict(R"({"type":"human_feedback","rating":1,"ref":""})") == "bad_message");
}

TEST_CASE("decode: meta has at most 4 KiB") {
  const auto with_meta = [](std::size_t bytes) {  // {"a":"xxx"} has 8 bytes around the text
    return R"({"id":"q1","content":"x","meta":{"a":")" + repeated("x", bytes - 8) + R"("}})";
  };
  CHECK(query(with_meta(4096)).meta.size() == 4096u);
  CHECK(verdict(with_meta(4097)) == "bad_message");
  CHECK(mentions(words(with_meta(4097)), "`meta`"));
  CHECK(mentions(words(with_meta(4097)), "4096"));
  CHECK(refers_to(with_meta(4097)) == "q1");
  CHECK(verdict(R"({"type":"command","op":"x","meta":{"a":")" + repeated("x", 5000) + R"("}})") ==
        "bad_message");
  CHECK(verdict(R"({"content":"x","meta":[1]})") == "bad_message");
  CHECK(verdict(R"({"content":"x","meta":"text"})") == "bad_message");
  CHECK(query(R"({"content":"x","meta":{}})").meta == "{}");
}

TEST_CASE("decode: a missing or empty content is told in the protocol's words") {
  for (const std::string text : {
           R"({})",
           R"({"type":"query"})",
           R"({"type":"query","content":""})",
           R"({"type":"query","content":" \t\r\n "})",
           R"({"type":"query","content":null})",
           R"({"type":"query","content":[]})",
           R"({"type":"command"})",
           R"({"type":"command","content":""})",
           R"({"type":"command","content":"  "})",
           R"({"type":"command","op":""})",
       }) {
    CAPTURE(text);
    CHECK(verdict(text) == "bad_message");
    CHECK(words(text) == "Message content is required");
  }
}

TEST_CASE("decode: texts that are no messages, each with its code") {
  struct row {
    std::string text;
    std::string code;
  };
  const row rows[] = {
      // not JSON
      {"", "bad_json"},
      {" ", "bad_json"},
      {"hello", "bad_json"},
      {"{", "bad_json"},
      {"}", "bad_json"},
      {"{}{}", "bad_json"},
      {"{} x", "bad_json"},
      {R"({"content":"x"},)", "bad_json"},
      {R"({"content":"x",})", "bad_json"},
      {R"({content:"x"})", "bad_json"},
      {R"({'content':'x'})", "bad_json"},
      {R"({"content":"x" // comment
})",
       "bad_json"},
      {R"({"content":x})", "bad_json"},
      {R"({"content":NaN})", "bad_json"},
      {R"({"content":"x","priority":01})", "bad_json"},
      {R"({"content":"x","priority":+1})", "bad_json"},
      {R"({"content":"x","priority":0x1})", "bad_json"},
      {R"({"content":"x","priority":.5})", "bad_json"},
      {R"({"content":"x)", "bad_json"},
      {R"({"content":"\x"})", "bad_json"},
      {R"({"content":"\u12"})", "bad_json"},
      {R"({"content":"\ud800"})", "bad_json"},
      {R"({"content":"\udc00"})", "bad_json"},
      {"{\"content\":\"line\nbreak\"}", "bad_json"},
      {"{\"content\":\"\xFF\"}", "bad_json"},
      {"{\"content\":\"\xC0\x80\"}", "bad_json"},
      {"{\"content\":\"\xED\xA0\x80\"}", "bad_json"},
      {"{\"content\":\"\xF4\x90\x80\x80\"}", "bad_json"},
      {"\xEF\xBB\xBF{\"content\":\"x\"}", "bad_json"},
      // JSON, but no object
      {"null", "bad_message"},
      {"true", "bad_message"},
      {"7", "bad_message"},
      {R"("query")", "bad_message"},
      {"[]", "bad_message"},
      {R"([{"type":"query","content":"x"}])", "bad_message"},
      // type
      {R"({"type":"","content":"x"})", "unknown_type"},
      {R"({"type":"Query","content":"x"})", "unknown_type"},
      {R"({"type":"query ","content":"x"})", "unknown_type"},
      {R"({"type":"queries","content":"x"})", "unknown_type"},
      {R"({"type":"hello","content":"x"})", "unknown_type"},
      {R"({"type":"response","content":"x"})", "unknown_type"},
      {R"({"type":"notification","content":"x"})", "unknown_type"},
      {R"({"type":"status","content":"x"})", "unknown_type"},
      {R"({"type":"error","content":"x"})", "unknown_type"},
      {R"({"type":1,"content":"x"})", "bad_message"},
      {R"({"type":["query"],"content":"x"})", "bad_message"},
      {R"({"type":{},"content":"x"})", "bad_message"},
      {R"({"type":true,"content":"x"})", "bad_message"},
      // query
      {R"({"content":7})", "bad_message"},
      {R"({"content":true})", "bad_message"},
      {R"({"content":{}})", "bad_message"},
      {R"({"content":{"text":"x"}})", "bad_message"},
      {R"({"content":"x","id":7})", "bad_message"},
      {R"({"content":"x","id":{}})", "bad_message"},
      {R"({"content":"x","stream":"true"})", "bad_message"},
      {R"({"content":"x","stream":1})", "bad_message"},
      {R"({"content":"x","priority":-1})", "bad_message"},
      {R"({"content":"x","priority":10})", "bad_message"},
      {R"({"content":"x","priority":4.5})", "bad_message"},
      {R"({"content":"x","priority":"5"})", "bad_message"},
      {R"({"content":"x","priority":1e300})", "bad_message"},
      {R"({"content":"x","overlap":"maybe"})", "bad_message"},
      {R"({"content":"x","overlap":"QUEUE"})", "bad_message"},
      {R"({"content":"x","overlap":2})", "bad_message"},
      {R"({"content":"x","timeout_ms":0})", "bad_message"},
      {R"({"content":"x","timeout_ms":-5})", "bad_message"},
      {R"({"content":"x","timeout_ms":1.5})", "bad_message"},
      {R"({"content":"x","timeout_ms":86400001})", "bad_message"},
      {R"({"content":"x","timeout_ms":99999999999999999999})", "bad_message"},
      {R"({"content":"x","timeout_ms":"1000"})", "bad_message"},
      {R"({"content":"x","model":7})", "bad_message"},
      {R"({"content":"x","model":[]})", "bad_message"},
      {R"({"content":"x","meta":7})", "bad_message"},
      // content parts
      {R"({"content":["x"]})", "bad_message"},
      {R"({"content":[null]})", "bad_message"},
      {R"({"content":[{}]})", "bad_message"},
      {R"({"content":[[]]})", "bad_message"},
      {R"({"content":[{"type":"text"}]})", "bad_message"},
      {R"({"content":[{"type":"text","text":7}]})", "bad_message"},
      {R"({"content":[{"type":"image_url"}]})", "bad_message"},
      {R"({"content":[{"type":"image_url","image_url":"https://h/i.png"}]})", "bad_message"},
      {R"({"content":[{"type":"image_url","image_url":{}}]})", "bad_message"},
      {R"({"content":[{"type":"file"}]})", "bad_message"},
      {R"({"content":[{"type":"file","file":"x"}]})", "bad_message"},
      {R"({"content":[{"type":"input_audio","input_audio":{"data":"AA=="}}]})", "bad_message"},
      {R"({"content":[{"type":"input_audio","input_audio":{"format":"wav"}}]})", "bad_message"},
      {R"({"content":[{"type":"hologram","hologram":{}}]})", "bad_message"},
      {R"({"content":[{"type":"text","text":"good"},{"type":"text"}]})", "bad_message"},
      // command
      {R"({"type":"command","op":7})", "bad_message"},
      {R"({"type":"command","op":["cancel"]})", "bad_message"},
      {R"({"type":"command","content":7})", "bad_message"},
      {R"({"type":"command","op":"cancel","ref":7})", "bad_message"},
      {R"({"type":"command","op":"cancel","id":""})", "bad_message"},
      {R"({"type":"command","op":"hello","v":"1"})", "bad_message"},
      {R"({"type":"command","op":"hello","v":-1})", "bad_message"},
      {R"({"type":"command","op":"hello","caps":"delta"})", "bad_message"},
      {R"({"type":"command","op":"hello","caps":[1]})", "bad_message"},
      {R"({"type":"command","op":"hello","client":7})", "bad_message"},
      {R"({"type":"command","op":"hello","session_id":7})", "bad_message"},
      {R"({"type":"command","op":"hello","session_id":"a b"})", "bad_message"},
      {R"({"type":"command","op":"hello","resume":"r"})", "bad_message"},
      {R"({"type":"command","op":"hello","resume":{}})", "bad_message"},
      {R"({"type":"command","op":"hello","resume":{"token":"r","epoch":"e","last_seq":0}})",
       "bad_message"},
      {R"({"type":"command","op":"hello","resume":{"token":"r","epoch":"e"}})", "bad_message"},
      {R"({"type":"command","op":"hello","resume":{"token":"r","last_seq":1}})", "bad_message"},
      {R"({"type":"command","op":"hello","resume":{"epoch":"e","last_seq":1}})", "bad_message"},
      {R"({"type":"command","op":"hello","resume":{"token":"r","epoch":"e","last_seq":-1}})",
       "bad_message"},
      {R"({"type":"command","op":"hello","outbox":"q1"})", "bad_message"},
      {R"({"type":"command","op":"hello","outbox":[1]})", "bad_message"},
      {R"({"type":"command","op":"hello","outbox":["a b"]})", "bad_message"},
      {R"({"content":"x","ack":-1})", "bad_message"},
      {R"({"content":"x","ack":"1"})", "bad_message"},
      {R"({"content":"x","ack":9007199254740993})", "bad_message"},
      {R"({"type":"command","op":"ping","ack":1.5})", "bad_message"},
      {R"({"type":"human_feedback","rating":1,"ack":{}})", "bad_message"},
      {R"({"type":"command","op":"history","limit":0})", "bad_message"},
      {R"({"type":"command","op":"history","limit":1001})", "bad_message"},
      {R"({"type":"command","op":"history","limit":"all"})", "bad_message"},
      {R"({"type":"command","op":"history","before_seq":-1})", "bad_message"},
      // feedback
      {R"({"type":"human_feedback"})", "bad_message"},
      {R"({"type":"human_feedback","ref":"q1"})", "bad_message"},
      {R"({"type":"human_feedback","content":" "})", "bad_message"},
      {R"({"type":"human_feedback","content":7})", "bad_message"},
      {R"({"type":"human_feedback","rating":"good"})", "bad_message"},
      {R"({"type":"human_feedback","rating":true})", "bad_message"},
      {R"({"type":"human_feedback","rating":101})", "bad_message"},
      {R"({"type":"human_feedback","rating":-100.5})", "bad_message"},
      {R"({"type":"human_feedback","rating":1e300})", "bad_message"},
      {R"({"type":"human_feedback","correction":["x"]})", "bad_message"},
      {R"({"type":"human_feedback","decision":"yes"})", "bad_message"},
      {R"({"type":"human_feedback","decision":1})", "bad_message"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    CHECK(verdict(each.text) == each.code);
  }
}

TEST_CASE("decode: the rejection names the field and says what would be right") {
  CHECK(mentions(words(R"({"content":"x","priority":10})"), "`priority`"));
  CHECK(mentions(words(R"({"content":"x","priority":10})"), "0 to 9"));
  CHECK(mentions(words(R"({"content":"x","overlap":"maybe"})"), "reject"));
  CHECK(mentions(words(R"({"content":"x","stream":1})"), "true or false"));
  CHECK(mentions(words(R"({"type":"response"})"), "query, command or human_feedback"));
  CHECK(
      mentions(words(R"({"content":[{"type":"text","text":"a"},{"type":"text"}]})"), "content[1]"));
  CHECK(mentions(words("{\"content\":}"), "byte 11"));
}

TEST_CASE("decode: a rejection refers to the id, when that could be read") {
  CHECK(refers_to(R"({"id":"q7","content":""})") == "q7");
  CHECK(refers_to(R"({"id":"q7","type":"what"})") == "q7");
  CHECK(refers_to(R"({"id":"q7","type":"status"})") == "q7");
  CHECK(refers_to(R"({"id":"q7","type":5})") == "q7");
  CHECK(refers_to(R"({"type":"command","id":"c7"})") == "c7");
  CHECK(refers_to(R"({"type":"human_feedback","id":"f7"})") == "f7");
  CHECK(refers_to(R"({"content":"x","priority":99,"id":"q7"})") == "q7");
  CHECK(refers_to(R"({"id":"q7","content":)") == "");
  CHECK(refers_to(R"({"id":7,"content":""})") == "");
  CHECK(refers_to(R"({"id":"not legal","content":"x"})") == "");
  CHECK(refers_to(R"(["q7"])") == "");
}

TEST_CASE("decode: nesting and numbers of values are bounded") {
  const auto nested = [](std::size_t depth) {
    return R"({"content":"x","meta":{"a":)" + repeated("[", depth) + repeated("]", depth) + "}}";
  };
  CHECK(verdict(nested(40)) == "taken");
  CHECK(verdict(nested(wire::max_depth - 2)) == "taken");  // inside of the message and of meta
  CHECK(verdict(nested(wire::max_depth - 1)) == "bad_json");
  document scratch;
  const auto deep = wire::decode(nested(wire::max_depth), scratch);
  CHECK(std::get<wire::rejection>(deep).why.message.find(
            "nested too deeply, at most 64 levels are allowed") != std::string::npos);
  CHECK(verdict(nested(1000)) == "bad_json");
  CHECK(verdict(nested(500'000)) == "bad_json");
  CHECK(verdict(repeated("[", 1'000'000)) == "bad_json");
  CHECK(verdict(repeated(R"({"a":)", 200'000)) == "bad_json");
  CHECK(verdict(R"({"content":"x","extra":[0)" + repeated(",0", 1'000'000) + "]}") == "bad_json");
}

TEST_CASE("decode: a message that was cut anywhere is rejected") {
  for (const std::string_view whole :
       {std::string_view(
            R"({"type":"query","id":"q1","content":"é \u00e9 日","stream":true,"meta":{"a":[1,)"
            R"({}]}})"),
        std::string_view(R"({"type":"command","op":"hello","caps":["delta"],"v":1,"outbox":["q1"],)"
                         R"("session_id":"s","resume":{"token":"t","epoch":"e","last_seq":0}})"),
        std::string_view(
            R"({"type":"human_feedback","ref":"q1","rating":-1.5e0,"correction":"no"})")}) {
    REQUIRE(verdict(whole) == "taken");
    for (std::size_t length = 0; length < whole.size(); ++length) {
      CAPTURE(length);
      CHECK(verdict(whole.substr(0, length)) == "bad_json");
    }
  }
}

TEST_CASE("decode: whatever bytes come, the answer is a message or a rejection") {
  const std::string seeds[] = {
      R"({"type":"query","id":"q1","content":[{"type":"text","text":"a"}],"meta":{"k":[1,2]}})",
      R"({"type":"command","op":"set","data":{"temperature":0.2},"meta":{}})",
      R"({"type":"human_feedback","ref":"r_1","rating":1,"decision":"edit","data":[1]})"};
  std::mt19937 random(7);
  document scratch;
  std::size_t taken = 0, rejected = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seeds[random() % 3];
    for (std::uint32_t changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, 1 + random() % 5); break;
        case 2: text.insert(at, 1, "{}[]\",:\\u0e-"[random() % 12]); break;
        default: text[at] = "{}[]\",:0"[random() % 8]; break;
      }
      if (text.empty()) text = "x";
    }
    const auto message = wire::decode(text, scratch);
    if (const auto* refused = std::get_if<wire::rejection>(&message)) {
      ++rejected;
      const bool named = refused->why.code == errc::bad_json ||
                         refused->why.code == errc::bad_message ||
                         refused->why.code == errc::unknown_type;
      REQUIRE(named);
      REQUIRE(agent_websocket::is_utf8(refused->why.message));
      REQUIRE(refused->why.message.size() < 300u);
    } else {
      ++taken;
    }
  }
  CHECK(taken > 100u);
  CHECK(rejected > 10'000u);
}

TEST_CASE("decode: nothing refers to the scratch document afterwards") {
  document scratch;
  const auto first = wire::decode(
      R"({"id":"q1","content":"a text that is long enough to be on the heap","meta":{"a":1}})",
      scratch);
  wire::decode(R"({"id":"zz","content":"another text, which overwrites the first one entirely"})",
               scratch);
  const auto& asked = std::get<wire::query>(first);
  CHECK(asked.id == "q1");
  CHECK(asked.content == "a text that is long enough to be on the heap");
  CHECK(asked.meta == R"({"a":1})");
}

TEST_CASE("decode: a model's name has at most 200 bytes") {
  CHECK(query(R"({"content":"x","model":")" + repeated("m", 200) + R"("})").model.size() == 200u);
  CHECK(verdict(R"({"content":"x","model":")" + repeated("m", 201) + R"("})") == "bad_message");
}

TEST_CASE("decode: the token of hello and auth") {
  document scratch;
  const auto token = [&](const std::string& text) -> std::string {
    const auto message = agent_websocket::wire::decode(text, scratch);
    if (const auto* wrong = std::get_if<agent_websocket::wire::rejection>(&message)) return "! " + wrong->why.message;
    return std::get<agent_websocket::wire::command>(message).token;
  };
  CHECK(token(R"({"type":"command","op":"hello"})").empty());
  CHECK(token(R"({"type":"command","op":"hello","auth":{"token":"t"}})") == "t");
  CHECK(token(R"({"type":"command","op":"auth","auth":{"token":"t"}})") == "t");
  CHECK(token(R"({"type":"command","op":"auth"})") ==
        "! An auth command needs its token as `auth.token`");
  const std::string longest(8192, 'x');
  CHECK(token(R"({"type":"command","op":"auth","auth":{"token":")" + longest + R"("}})") == longest);
  for (const std::string& wrong :
       {std::string("7"), std::string("{}"), std::string(R"("secret-token")"),
        std::string(R"({"token":""})"), std::string(R"({"token":["secret-token"]})"),
        R"({"token":"secret-token)" + longest + R"("})"}) {
    for (const char* op : {"hello", "auth"}) {
      const std::string words =
          token(R"({"type":"command","op":")" + std::string(op) + R"(","auth":)" + wrong + "}");
      CAPTURE(words);
      CHECK(words.find("`auth` must be an object with a string `token`") != std::string::npos);
      CHECK(words.find("secret-token") == std::string::npos);
    }
  }
}
