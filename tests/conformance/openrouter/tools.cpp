// SPDX-License-Identifier: MIT
//
// Tool calls out of streams and whole messages, with the defects that servers have been seen to
// have, and back into the next request; and the reasoning that has to go back with them.
#include "bench.hpp"

#include <agent_websocket/json/reader.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace upstream;
using openrouter::assistant_message;
using openrouter::chat_message;
using openrouter::tool_call;

namespace {

std::string fragments(const std::string& entries) {
  return delta(R"({"role":"assistant","content":null,"tool_calls":[)" + entries + "]}");
}
/// `text` as the JSON string that it is in a chunk.
std::string quoted(std::string_view text) {
  std::string json = "\"";
  agent_websocket::json::append_escaped(json, text);
  return json + '"';
}
/// The beginning of a call: id, type, name, arguments.
std::string begin(int index, const std::string& id, const std::string& name,
                  const std::string& arguments = "") {
  return R"({"index":)" + std::to_string(index) + R"(,"id":")" + id +
         R"(","type":"function","function":{"name":")" + name + R"(","arguments":)" +
         quoted(arguments) + "}}";
}
/// A fragment of its arguments.
std::string more(int index, const std::string& arguments) {
  return R"({"index":)" + std::to_string(index) + R"(,"function":{"arguments":)" +
         quoted(arguments) + "}}";
}
/// A call without index.
std::string bare(const std::string& id, const std::string& name, const std::string& arguments) {
  return "{" + (id.empty() ? "" : R"("id":")" + id + "\",") +
         R"("type":"function","function":{"name":")" + name + R"(","arguments":)" +
         quoted(arguments) + "}}";
}

const std::string counted = chunk("", ",\"usage\":" + usage_object);
const std::string called = finish("tool_calls") + counted + done;

/// The calls of a stream that ends well.
std::string calls_of(const std::string& bytes) {
  const recorder told = read(bytes);
  CHECK(told.complete());
  CHECK(told.text.empty());
  CHECK(told.ended->has_tool_calls == !told.ended->tool_calls.empty());
  return told.calls();
}

/// A whole message with that "tool_calls".
recorder read_message(const std::string& calls, const std::string& reason = "tool_calls") {
  return read(R"({"id":"gen-1","choices":[{"index":0,"finish_reason":")" + reason +
              R"(","message":{"role":"assistant","content":null,"tool_calls":)" + calls + "}}]}");
}

/// The body that is sent with these messages in the history.
std::string body_with(std::vector<chat_message> history) {
  exchange one;
  one.asked.messages = std::move(history);
  one.http.reply_with(http_script().head(200).body(answer()).complete());
  one.run();
  REQUIRE(one.requests() == 1);
  return one.http.last().request.body;
}

}  // namespace

TEST_CASE("T35: two calls, fragments interleaved") {
  const recorder told = read(ping + fragments(begin(0, "call_a", "weather")) +
                             fragments(begin(1, "call_b", "clock")) + fragments(more(0, "{\"ci")) +
                             fragments(more(1, "{\"zo")) + fragments(more(0, "ty\":\"")) +
                             fragments(more(1, "ne\":") + "," + more(0, "Paris\"}")) +
                             fragments(more(1, "\"UTC\"}")) + called);
  CHECK(told.complete());
  CHECK(told.calls() == "call_a weather {\"city\":\"Paris\"}\ncall_b clock {\"zone\":\"UTC\"}\n");
  CHECK(told.ended->has_tool_calls);
  CHECK(told.ended->finish_reason == "tool_calls");
  CHECK(told.begun);
}

TEST_CASE("T36: a whole call in one delta, with the reason stop") {
  for (const char* reason : {"stop", "", "tool_calls"}) {
    CAPTURE(reason);
    const recorder told =
        read(fragments(R"({"id":"call_x","index":0,"type":"function","function":)"
                       R"({"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}})") +
             finish(reason) + done);
    CHECK(told.complete());
    CHECK(told.ended->has_tool_calls);
    CHECK(told.calls() == "call_x get_weather {\"city\":\"Paris\"}\n");
  }
}

TEST_CASE("T36: calls and DONE, no finish reason") {
  const recorder told = read(fragments(begin(0, "a", "f", "{}")) + done);
  CHECK(told.complete());
  CHECK(told.ended->finish_reason == "tool_calls");
  CHECK(told.calls() == "a f {}\n");
}

TEST_CASE("T36: the reason twice is no second set of calls") {
  CHECK(calls_of(fragments(begin(0, "a", "f", "{}")) + finish("tool_calls") +
                 chunk(choice(R"({"role":"assistant","content":""})", "\"tool_calls\""),
                       ",\"usage\":" + usage_object) +
                 done) == "a f {}\n");
}

TEST_CASE("T36: text before the calls") {
  const recorder told = read(content("Let me see.") + fragments(begin(0, "a", "f", "{}")) + called);
  CHECK(told.complete());
  CHECK(told.text == "Let me see.");
  CHECK(told.calls() == "a f {}\n");
}

TEST_CASE("T38: no index") {
  const std::string both = "a f {\"x\":1}\nb g {\"y\":2}\n";
  // By the id.
  CHECK(calls_of(fragments(bare("a", "f", "{\"x\":1}")) + fragments(bare("b", "g", "{\"y\":2}")) +
                 called) == both);
  CHECK(calls_of(fragments(bare("a", "f", "{\"x\"")) +
                 fragments(R"({"id":"a","function":{"arguments":":1}"}})") +
                 fragments(bare("b", "g", "")) +
                 fragments(R"({"id":"b","function":{"arguments":"{\"y\":2}"}})") + called) == both);
  // Without an id the latest goes on.
  CHECK(calls_of(fragments(bare("a", "f", "{\"x\"")) +
                 fragments(R"({"function":{"arguments":":1}"}})") + called) == "a f {\"x\":1}\n");
  // A null is no index.
  CHECK(calls_of(fragments(R"({"index":null,"id":"a","function":{"name":"f","arguments":"{}"}})") +
                 called) == "a f {}\n");
}

TEST_CASE("T38: neither index nor id: a name behind complete arguments begins a call") {
  const auto told =
      read(fragments(bare("", "f", "{\"x\":1}")) + fragments(bare("", "g", "{\"y\"")) +
           fragments(R"({"function":{"arguments":":2}"}})") + called);
  REQUIRE(told.ended->tool_calls.size() == 2);
  CHECK(told.ended->tool_calls[0].name == "f");
  CHECK(told.ended->tool_calls[0].arguments == "{\"x\":1}");
  CHECK(told.ended->tool_calls[1].name == "g");
  CHECK(told.ended->tool_calls[1].arguments == "{\"y\":2}");
  CHECK(told.ended->tool_calls[0].id != told.ended->tool_calls[1].id);
}

TEST_CASE("T38: no index: the entries of one array are consecutive calls") {
  CHECK(calls_of(fragments(bare("a", "f", "{\"x\":1}") + "," + bare("b", "f", "{\"x\":1}")) +
                 called) == "a f {\"x\":1}\nb f {\"x\":1}\n");
  const recorder told = read(
      fragments(bare("", "f", "{\"x\"") + "," + bare("", "g", "{\"y\"")) +
      fragments(R"({"function":{"arguments":":1}"}},{"function":{"arguments":":2}"}})") + called);
  REQUIRE(told.ended->tool_calls.size() == 2);
  CHECK(told.ended->tool_calls[0].arguments == "{\"x\":1}");
  CHECK(told.ended->tool_calls[1].arguments == "{\"y\":2}");
}

TEST_CASE("T39: index 0 for all, different ids") {
  const std::string both = "a f {\"x\":1}\nb g {\"y\":2}\n";
  CHECK(calls_of(fragments(begin(0, "a", "f", "{\"x\":1}")) +
                 fragments(begin(0, "b", "g", "{\"y\":2}")) + called) == both);
  CHECK(
      calls_of(fragments(begin(0, "a", "f", "{\"x\":1}") + "," + begin(0, "b", "g", "{\"y\":2}")) +
               called) == both);
  // The same tool twice, and the second in pieces.
  CHECK(calls_of(fragments(begin(0, "a", "f", "{\"x\":1}")) + fragments(begin(0, "b", "f")) +
                 fragments(more(0, "{\"x\"")) + fragments(more(0, ":2}")) + called) ==
        "a f {\"x\":1}\nb f {\"x\":2}\n");
}

TEST_CASE("T40: arguments that are none") {
  for (const char* none :
       {R"(,"arguments":null)", R"(,"arguments":"")", R"(,"arguments":" \n\t ")", ""}) {
    CAPTURE(none);
    CHECK(calls_of(fragments(std::string(R"({"index":0,"id":"a","function":{"name":"f")") + none +
                             "}}") +
                   called) == "a f {}\n");
  }
  // They append nothing.
  CHECK(calls_of(fragments(begin(0, "a", "f", "{\"x\"")) +
                 fragments(R"({"index":0,"function":{"arguments":null}})") +
                 fragments(R"({"index":0,"function":{}})") + fragments(R"({"index":0})") +
                 fragments(more(0, "")) + fragments(more(0, ":1}")) + called) == "a f {\"x\":1}\n");
}

TEST_CASE("T40: arguments as an object") {
  CHECK(
      calls_of(fragments(R"({"index":0,"id":"a","function":{"name":"f","arguments":{"x":[1]}}})") +
               called) == "a f {\"x\":[1]}\n");
  CHECK(calls_of(fragments(R"({"index":0,"id":"a","function":{"name":"f","arguments":{}}})") +
                 called) == "a f {}\n");
}

TEST_CASE("T41: a blank fragment behind complete arguments") {
  const std::string whole = fragments(begin(0, "a", "f", "{\"x\":1}"));
  for (const std::string& blank :
       {more(0, " \n"), std::string(R"({"function":{"arguments":" \n"}})"),
        begin(0, "a", "f", " \n"), begin(0, "a", "f", "")}) {
    CAPTURE(blank);
    const recorder told = read(whole + fragments(blank) + called);
    REQUIRE(told.ended->tool_calls.size() == 1);
    agent_websocket::json::document arguments;
    REQUIRE(arguments.parse(told.ended->tool_calls[0].arguments));
    CHECK(arguments.root()["x"].integer() == 1);
  }
}

TEST_CASE("tools: a name or id in every fragment is set once") {
  CHECK(calls_of(fragments(begin(0, "a", "f", "{\"x\"")) + fragments(begin(0, "a", "f", ":1")) +
                 fragments(begin(0, "a", "f", "}")) + called) == "a f {\"x\":1}\n");
}

TEST_CASE("tools: a name of \"null\", of null, of nothing is none") {
  for (const char* name : {R"("null")", "null", R"("")"}) {
    CAPTURE(name);
    const std::string again = std::string(R"({"index":0,"id":)") + name +
                              R"(,"function":{"name":)" + name + R"(,"arguments":":1}"}})";
    CHECK(calls_of(fragments(begin(0, "a", "f", "{\"x\"")) + fragments(again) + called) ==
          "a f {\"x\":1}\n");
  }
}

TEST_CASE("tools: a name that comes later than the id") {
  CHECK(
      calls_of(fragments(R"({"index":0,"id":"a","type":"function","function":{"arguments":""}})") +
               fragments(R"({"index":0,"function":{"name":"f"}})") +
               fragments(more(0, "{\"x\":1}")) + called) == "a f {\"x\":1}\n");
}

TEST_CASE("T42: cut in the middle of arguments") {
  const std::string whole = fragments(begin(0, "a", "f", "{\"x\":1}"));
  const std::string half = fragments(begin(1, "b", "g", "{\"y\":\"lo"));
  const std::string expected = "a f {\"x\":1}\nb g {\"y\":\"lo CUT\n";
  const recorder told = read(whole + half + finish("length") + counted + done);
  CHECK(told.complete());
  CHECK(told.ended->finish_reason == "length");
  CHECK(told.calls() == expected);
  // By an error, by the end of the bytes.
  const recorder failed = read(whole + half + frame(R"({"error":{"code":502,"message":"x"}})"));
  CHECK(failed.code() == errc::provider_error);
  CHECK(failed.calls() == expected);
  for (const ending how : {ending::closed, ending::lost}) {
    const recorder lost = read(whole + half, how);
    CHECK(lost.code() == errc::truncated);
    CHECK(lost.calls() == expected);
  }
  // Arguments that had not begun are cut off too.
  const recorder empty = read(fragments(begin(0, "a", "f")) + finish("length") + done);
  REQUIRE(empty.ended->tool_calls.size() == 1);
  CHECK(!empty.ended->tool_calls[0].complete);
}

TEST_CASE("T43: a whole message: no arguments, ids that are empty or the same") {
  for (const char* id : {"\"\"", "null", "\"same\""}) {
    CAPTURE(id);
    const std::string call =
        std::string(R"({"id":)") + id + R"(,"type":"function","function":{"name":"f"}})";
    const recorder told = read_message("[" + call + "," + call + "]");
    CHECK(told.complete());
    REQUIRE(told.ended->tool_calls.size() == 2);
    const tool_call& first = told.ended->tool_calls[0];
    const tool_call& second = told.ended->tool_calls[1];
    CHECK(first.arguments == "{}");
    CHECK(second.arguments == "{}");
    CHECK(!first.id.empty());
    CHECK(!second.id.empty());
    CHECK(first.id != second.id);
    CHECK(first.name == "f");
    CHECK(second.name == "f");
  }
  // Some with the index, as in streams.
  CHECK(
      read_message("[" + begin(0, "a", "f", "{}") + "," + begin(1, "b", "g", "{}") + "]").calls() ==
      "a f {}\nb g {}\n");
  CHECK(read_message("[]", "stop").code() == errc::empty_response);
}

TEST_CASE("T43: ids that a stream gives twice") {
  const recorder told = read(fragments(begin(0, "same", "f", "{\"x\":1}")) +
                             fragments(begin(1, "same", "g", "{\"y\":2}")) + called);
  REQUIRE(told.ended->tool_calls.size() == 2);
  CHECK(told.ended->tool_calls[0].id != told.ended->tool_calls[1].id);
  CHECK(told.ended->tool_calls[0].arguments == "{\"x\":1}");
  CHECK(told.ended->tool_calls[1].arguments == "{\"y\":2}");
}

TEST_CASE("T44: the history of a tool loop") {
  // Keys in an odd order, blanks, escapes: nothing of it may change.
  const std::string arguments = "{ \"z\": 1.0,\"a\" :\"\\u00e9\\/\", \"n\":1e2 }\n";
  const recorder told =
      read(fragments(begin(0, "call_1", "f", "")) + fragments(more(0, arguments.substr(0, 9))) +
           fragments(more(0, arguments.substr(9))) + called);
  REQUIRE(told.ended->tool_calls.size() == 1);
  CHECK(told.ended->tool_calls[0].arguments == arguments);

  assistant_message said;
  said.tool_calls = told.ended->tool_calls;
  const std::string body =
      body_with({chat_message::user("Hi"), chat_message::assistant(said),
                 chat_message::tool_result("call_1", "{\"ok\": true}\n<done>")});
  CHECK(body.find(R"("content":null)") != std::string::npos);
  CHECK(body.find(R"("content":"")") == std::string::npos);
  agent_websocket::json::document parsed;
  REQUIRE(parsed.parse(body));
  const auto messages = parsed.root()["messages"];
  CHECK(messages[1]["role"].string() == "assistant");
  CHECK(messages[1]["content"].is_null());
  const auto call = messages[1]["tool_calls"][0];
  CHECK(call["id"].string() == "call_1");
  CHECK(call["type"].string() == "function");
  CHECK(call["function"]["name"].string() == "f");
  CHECK(call["function"]["arguments"].string() == std::string_view(arguments));
  CHECK(messages[2]["role"].string() == "tool");
  CHECK(messages[2]["tool_call_id"].string() == "call_1");
  CHECK(messages[2]["content"].string() == "{\"ok\": true}\n<done>");

  said.text = "Let me see.";
  CHECK(body_with({chat_message::user("Hi"), chat_message::assistant(said),
                   chat_message::tool_result("call_1", "")})
            .find(R"("content":"Let me see.")") != std::string::npos);
}

// ---- reasoning that goes back

TEST_CASE("reasoning details: fragments are merged by type and index") {
  const auto details = [](const std::string& entries) {
    return delta(R"({"role":"assistant","content":"","reasoning_details":[)" + entries + "]}");
  };
  const recorder told = read(
      details(
          R"({"type":"reasoning.text","text":"Let ","format":"anthropic-claude-v1","index":0})") +
      details(R"({"type":"reasoning.text","text":"me see","format":null,"index":0})") +
      details(R"({"type":"reasoning.summary","summary":"S","format":"openai-responses-v1",)"
              R"("index":1,"id":null},{"type":"reasoning.encrypted","data":"AB","index":1})") +
      details(R"({"type":"reasoning.encrypted","data":"CD","id":"rs_1","index":1},)"
              R"({"type":"reasoning.summary","summary":"T","index":1})") +
      content("x") +
      // The signature comes last, when content has begun, and alone.
      details(R"({"type":"reasoning.text","signature":"sig","format":"","index":0})") +
      delta(R"({"content":"y","reasoning_details":[]})") + finish("stop") + done);
  CHECK(told.complete());
  CHECK(told.text == "xy");
  CHECK(told.reasoning.find("Let me see") == 0);
  agent_websocket::json::document parsed;
  REQUIRE(parsed.parse(told.ended->reasoning_details));
  const auto root = parsed.root();
  REQUIRE(root.size() == 3);
  CHECK(root[0]["type"].string() == "reasoning.text");
  CHECK(root[0]["text"].string() == "Let me see");
  CHECK(root[0]["signature"].string() == "sig");
  CHECK(root[0]["format"].string() == "anthropic-claude-v1");
  CHECK(root[0]["index"].integer() == 0);
  CHECK(root[1]["type"].string() == "reasoning.summary");
  CHECK(root[1]["summary"].string() == "ST");
  CHECK(root[1]["format"].string() == "openai-responses-v1");
  CHECK(root[2]["type"].string() == "reasoning.encrypted");
  CHECK(root[2]["data"].string() == "ABCD");
  CHECK(root[2]["id"].string() == "rs_1");
}

TEST_CASE("reasoning details: without an index") {
  const auto details = [](const std::string& entries) {
    return delta(R"({"content":"","reasoning_details":[)" + entries + "]}");
  };
  const recorder told =
      read(details(R"({"type":"reasoning.text","text":"a","id":"1"})") +
           details(R"({"type":"reasoning.text","text":"b","id":"1"})") +
           details(R"({"type":"reasoning.text","text":"c","id":"2"})") +
           details(R"({"type":"reasoning.encrypted","data":"d","id":"2"})") + answer("x"));
  agent_websocket::json::document parsed;
  REQUIRE(parsed.parse(told.ended->reasoning_details));
  const auto root = parsed.root();
  REQUIRE(root.size() == 3);
  CHECK(root[0]["text"].string() == "ab");
  CHECK(root[1]["text"].string() == "c");
  CHECK(root[2]["data"].string() == "d");
}

TEST_CASE("reasoning details: none, empty, and unknown ones") {
  CHECK(read(answer("x")).ended->reasoning_details.empty());
  CHECK(read(delta(R"({"content":"","reasoning_details":null})") + answer("x"))
            .ended->reasoning_details.empty());
  CHECK(read(delta(R"({"content":"","reasoning_details":[]})") + answer("x"))
            .ended->reasoning_details == "[]");
  const std::string unknown = R"({"type":"reasoning.tomorrow","x":{"y":[1.50]},"index":0})";
  CHECK(read(delta(R"({"reasoning_details":[)" + unknown + "]}") + answer("x"))
            .ended->reasoning_details == "[" + unknown + "]");
}

TEST_CASE("reasoning details: go back as they are, the empty array too") {
  for (const char* details :
       {"[]", R"([{"type":"reasoning.text","text":"a\u00e9 ","signature":"s=="}])"}) {
    assistant_message said;
    said.text = "x";
    said.reasoning_details = details;
    said.annotations = R"([{"type":"file","file":{"hash":"h"}}])";
    const std::string body = body_with(
        {chat_message::user("Hi"), chat_message::assistant(said), chat_message::user("And?")});
    CHECK(body.find(std::string("\"reasoning_details\":") + details) != std::string::npos);
    CHECK(body.find("\"annotations\":" + said.annotations) != std::string::npos);
  }
  assistant_message plain;
  plain.text = "x";
  const std::string body = body_with({chat_message::user("Hi"), chat_message::assistant(plain)});
  CHECK(body.find("reasoning_details") == std::string::npos);
  CHECK(body.find("annotations") == std::string::npos);
  CHECK(body.find("tool_calls") == std::string::npos);
}
