// SPDX-License-Identifier: MIT
//
// Runs the scripts of this folder (see its README.md) on the C++ client: the transport, the clock
// and the dice are the library's mocks, nothing waits and nothing is sent anywhere.
#include <agent_websocket/client/client.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_client_transport.hpp>
#include <agent_websocket/wire/decode.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace agent_websocket;

/// Why a line does not hold.
struct breach : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void require(bool holds, const std::string& otherwise) {
  if (!holds) throw breach(otherwise);
}

bool equal(json::value a, json::value b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_number()) return a.number() == b.number();
  if (a.is_array()) {
    bool same = a.size() == b.size();
    for (std::size_t i = 0; same && i < a.size(); ++i) same = equal(a[i], b[i]);
    return same;
  }
  if (a.is_object()) {
    bool same = a.size() == b.size();
    a.for_each_member(
        [&](std::string_view name, json::value member) { same = same && equal(member, b[name]); });
    return same;
  }
  return json::to_text(a) == json::to_text(b);
}

/// Whether `found` has all that `wanted` names.
bool matches(json::value wanted, json::value found) {
  if (wanted.is_null()) return !found.exists();
  if (wanted.string() == "*") return found.exists();
  if (!wanted.is_object()) return equal(wanted, found);
  bool all = found.is_object();
  wanted.for_each_member([&](std::string_view name, json::value member) {
    all = all && matches(member, found[name]);
  });
  return all;
}

/// The application of the client under test.
class application final : public client_sink {
 public:
  void on_reset() override {
    ++resets;
    thoughts.clear();
  }
  void on_stopped(std::uint16_t code, std::string_view) override { stopped.push_back(code); }
  void on_answer(const client_answer& answer) override {
    if (answer.own) require(ended.insert(answer.id).second, "a second end of " + answer.id);
  }
  void on_text(const std::string& id, text_change change, std::string_view piece) override {
    if (change == text_change::rewritten) texts[id].clear();
    texts[id] += piece;
  }

  void on_reasoning(const std::string& id, text_change change, std::string_view piece) override {
    require(change == text_change::appended || change == text_change::rewritten,
            "it was told of reasoning that is none");
    if (change == text_change::rewritten) thoughts[id].clear();
    thoughts[id] += piece;
  }
  void on_feedback_request(const client_request& request) override {
    std::string text;
    json::writer w(text);
    w.begin_object().member("told", "request").member("open", request.is_open);
    w.member("id", request.id).member("ref", request.ref).member("kind", request.kind);
    w.member("content", request.content);
    if (!request.tool_name.empty()) {
      w.key("tool").begin_object().member("name", request.tool_name);
      w.member_raw("arguments", request.tool_arguments).end_object();
    }
    add_if(w, "expires_at", request.expires_at);
    add_if(w, "default", request.default_decision);
    w.end_object();
    told.push_back(text);
  }
  void on_feedback_resolved(const client_resolution& what) override {
    std::string text;
    json::writer w(text);
    w.begin_object().member("told", "resolved").member("id", what.id);
    add_if(w, "decision", what.decision);
    add_if(w, "reason", what.reason);
    w.end_object();
    told.push_back(text);
  }
  void on_tool(const client_tool_progress& what) override {
    std::string text;
    json::writer w(text);
    w.begin_object().member("told", "tool").member("ref", what.ref);
    w.key("tool").begin_object().member("call", what.call).member("name", what.name);
    w.member_raw("arguments", what.arguments).member("state", what.state);
    add_if(w, "error", what.error);
    w.end_object().end_object();
    told.push_back(text);
  }
  void on_tool_call(const client_tool_call& call) override {
    std::string text;
    json::writer w(text);
    w.begin_object().member("told", "call").member("id", call.id).member("ref", call.ref);
    w.member("name", call.name).member_raw("arguments", call.arguments).end_object();
    told.push_back(text);
  }

  static void add_if(json::writer& w, std::string_view name, const std::string& value) {
    if (!value.empty()) w.member(name, value);
  }

  int resets = 0;
  std::vector<std::uint16_t> stopped;
  std::set<std::string> ended;
  std::map<std::string, std::string> texts, thoughts;
  std::deque<std::string> told;  // of requests and tools, as a line of a script names it
};

/// One case: a client and the world around it.
class world {
 public:
  explicit world(json::value settings)
      : client_(transport_, scheduler_, application_, options_of(settings)) {}

  void run(json::value line) {
    if (const auto wanted = line["do"].string()) return act(*wanted, line);
    if (line["expect"]) return expect(line);
    if (line["accept"]) return transport_.accept();
    if (line["refuse"]) return transport_.refuse(static_cast<int>(number(line["refuse"])));
    if (const json::value sent = line["send"])
      return transport_.receive(sent.is_string() ? std::string(*sent.string())
                                                 : json::to_text(sent));
    if (line["cut"]) {
      return transport_.disconnect(static_cast<std::uint16_t>(number(line["cut"])),
                                   line["reason"].string().value_or(""));
    }
    if (line["advance"]) {
      scheduler_.advance(std::chrono::milliseconds(number(line["advance"])));
      return transport_.run();
    }
    if (const auto state = line["state"].string()) {
      const std::string is(to_string(client_.state()));
      return require(is == *state, "the state is " + is);
    }
    if (line["answer"]) return check_answer(line);
    if (line["notifications"]) return check_notifications(line["notifications"]);
    if (line["reasoning"]) return check_reasoning(line);
    if (line["requests"]) return check_requests(line["requests"]);
    if (line["told"]) return check_told(line);
    throw breach("an unknown verb");
  }

 private:
  client_options options_of(json::value settings) {
    client_options options;
    options.random = random_source([] { return std::uint64_t{1} << 63; });  // 0.5
    if (const json::value caps = settings["caps"]) {
      options.caps.clear();
      caps.for_each_element(
          [&](json::value each) { options.caps.emplace_back(each.string().value_or("")); });
    }
    settings["tools"].for_each_element([&](json::value each) {
      options.tools.push_back({std::string(each["name"].string().value_or("")),
                               std::string(each["description"].string().value_or("")),
                               each["parameters"] ? json::to_text(each["parameters"]) : ""});
    });
    const json::value auth = settings["auth"];
    const auto add = [this](json::value each) { tokens_.emplace_back(each.string().value_or("")); };
    if (auth.is_array()) {
      auth.for_each_element(add);
    } else if (auth) {
      add(auth);
    }
    if (!tokens_.empty()) {
      options.token = [this](const client_token_handler& done) {
        const std::string token = tokens_.front();
        if (tokens_.size() > 1) tokens_.pop_front();
        done(token);
      };
    }
    return options;
  }

  static std::int64_t number(json::value of) {
    require(of.integer().has_value(), "a number is missing");
    return *of.integer();
  }

  void act(std::string_view what, json::value line) {
    if (what == "start") return client_.start();
    if (what == "stop") return client_.stop();
    if (what == "decide") return decide(line);
    if (what == "tool_result") return answer_call(line);
    // The rest of the line is the message, without what is for the runner.
    std::string text;
    json::writer w(text);
    w.begin_object().member("type", what == "feedback" ? "human_feedback" : what);
    line.for_each_member([&](std::string_view name, json::value member) {
      if (name == "do" || name == "refused" || name == "repeat") return;
      w.key_escaped(name);
      if (name == "content" && line["repeat"]) {
        std::string all;
        for (std::int64_t i = 0; i < number(line["repeat"]); ++i) all += *member.string();
        w.value(all);
      } else {
        json::print(w, member);
      }
    });
    w.end_object();
    if (what == "cancel") {
      client_.cancel(line["ref"].string().value_or(""));
      return;
    }
    json::document scratch;
    auto message = wire::decode(text, scratch);
    result<std::string> outcome = error(errc::bad_message);
    if (auto* const asked = std::get_if<wire::query>(&message)) {
      outcome = client_.query(std::move(*asked));
    } else if (auto* const said = std::get_if<wire::human_feedback>(&message)) {
      outcome = client_.feedback(std::move(*said));
    } else {
      throw breach("an unknown act, or a wrong message");
    }
    const bool refused = line["refused"].boolean().value_or(false);
    require(outcome.has_value() != refused,
            outcome ? "it was not refused" : "it was refused: " + outcome.error().message);
    require(outcome || outcome.error().code == errc::queue_full, "refused for another reason");
  }

  void decide(json::value line) {
    const std::string_view name = line["decision"].string().value_or("");
    client_decision decision = client_decision::approve;
    for (const client_decision each : {client_decision::approve, client_decision::reject,
                                       client_decision::edit, client_decision::answer}) {
      if (to_string(each) == name) decision = each;
    }
    const auto outcome = client_.decide(line["ref"].string().value_or(""), decision,
                                        std::string(line["content"].string().value_or("")),
                                        line["data"] ? json::to_text(line["data"]) : "");
    const bool refused = line["refused"].boolean().value_or(false);
    require(outcome.has_value() != refused, outcome ? "it was not refused" : "it was refused");
  }

  void answer_call(json::value line) {
    const std::string_view call = line["ref"].string().value_or("");
    const auto words = line["error"].string();
    const auto outcome = words ? client_.tool_error(call, std::string(*words))
                               : client_.tool_result(call, json::to_text(line["data"]));
    const bool refused = line["refused"].boolean().value_or(false);
    require(outcome.has_value() != refused, outcome ? "it was not refused" : "it was refused");
    require(outcome || outcome.error().code == errc::not_found, "refused for another reason");
  }

  void gather() {
    for (std::string& each : transport_.take_sent()) frames_.push_back(std::move(each));
    for (; looked_at_ < transport_.connections().size(); ++looked_at_) {
      ++attempts_;
      closed_.push_back(false);
    }
    for (std::size_t i = 0; i < closed_.size(); ++i) {
      if (closed_[i] || !transport_.connections()[i].closed_with) continue;
      closed_[i] = true;
      closes_.push_back(transport_.connections()[i].closed_with->first);
    }
  }

  void expect(json::value line) {
    gather();
    const json::value wanted = line["expect"];
    if (wanted.string() == "connect") {
      require(attempts_ > 0, "there is no attempt");
      --attempts_;
    } else if (wanted.string() == "close") {
      require(!closes_.empty(), "it was not closed");
      const std::uint16_t code = closes_.front();
      closes_.pop_front();
      require(!line["code"] || number(line["code"]) == code,
              "it was closed with " + std::to_string(code));
    } else if (wanted.string() == "nothing") {
      require(frames_.empty(), frames_.empty() ? "" : "it sent " + frames_.front());
      require(attempts_ == 0, "it attempted to connect");
      require(closes_.empty(), "it closed");
    } else {
      require(wanted.is_object(), "an unknown expectation");
      require(!frames_.empty(), "nothing was sent");
      const std::string frame = frames_.front();
      frames_.pop_front();
      json::document document;
      require(document.parse(frame).has_value(), "no JSON: " + frame);
      require(matches(wanted, document.root()), "it sent " + frame);
    }
  }

  void check_answer(json::value line) {
    const std::string id(line["answer"].string().value_or(""));
    const client_answer* const answer = client_.transcript().find(id);
    require(answer != nullptr, "it does not know that answer");
    if (const json::value text = line["text"])
      require(answer->text() == text.string(), "the text is \"" + answer->text() + "\"");
    if (const json::value status = line["status"]) {
      const std::string is(answer->status ? to_string(*answer->status) : "null");
      require(is == status.string().value_or("null"), "the status is " + is);
      const bool has_ended = application_.ended.count(id) == 1;
      require(!answer->own || has_ended == !status.is_null(), "the application knows otherwise");
    }
    if (const json::value code = line["code"]) {
      require(answer->failure.has_value(), "there is no code");
      require(answer->failure->code == code.string(), "the code is " + answer->failure->code);
    }
  }

  void check_reasoning(json::value line) {
    const std::string id(line["reasoning"].string().value_or(""));
    const client_answer* const answer = client_.transcript().find(id);
    require(answer != nullptr, "it does not know that answer");
    const std::string& text = answer->reasoning.text();
    require(text == line["text"].string(), "the reasoning is \"" + text + "\"");
    require(application_.thoughts[id] == text, "the application has another one");
  }

  void check_requests(json::value wanted) {
    std::string has;
    json::writer w(has);
    w.begin_array();
    for (const client_request& each : client_.requests()) w.value(each.id);
    w.end_array();
    require(has == json::to_text(wanted), "they are " + has);
  }

  void check_notifications(json::value wanted) {
    std::string has;
    json::writer w(has);
    w.begin_array();
    for (const client_notice& each : client_.transcript().notifications()) w.value(each.content);
    w.end_array();
    require(has == json::to_text(wanted), "they are " + has);
  }

  void check_told(json::value line) {
    const std::string_view what = line["told"].string().value_or("");
    if (what == "nothing") {
      require(application_.resets == 0, "it was told of a reset");
      require(application_.stopped.empty(), "it was told of a stop");
      require(application_.told.empty(),
              application_.told.empty() ? "" : "it was told " + application_.told.front());
    } else if (what == "request" || what == "resolved" || what == "tool" || what == "call") {
      auto& told = application_.told;
      json::document document;
      const auto found = std::find_if(told.begin(), told.end(), [&](const std::string& each) {
        return document.parse(each) && document.root()["told"].string() == what;
      });
      require(found != told.end(), "it was not told");
      const std::string text = *found;
      told.erase(found);
      require(matches(line, document.root()), "it was told " + text);
    } else if (what == "reset") {
      require(application_.resets == 1, "resets: " + std::to_string(application_.resets));
      application_.resets = 0;
    } else {
      require(what == "stopped", "an unknown event");
      require(application_.stopped.size() == 1,
              "stops: " + std::to_string(application_.stopped.size()));
      require(!line["code"] || number(line["code"]) == application_.stopped[0],
              "the code is " + std::to_string(application_.stopped[0]));
      application_.stopped.clear();
    }
  }

  testing::mock_client_transport transport_;
  testing::manual_scheduler scheduler_;
  application application_;
  std::deque<std::string> tokens_;
  basic_client<testing::mock_client_transport, testing::manual_scheduler> client_;
  std::deque<std::string> frames_;
  std::deque<std::uint16_t> closes_;
  std::vector<bool> closed_;  // by connection
  std::size_t looked_at_ = 0;
  int attempts_ = 0;
};

/// Runs all cases of one file; after a line that does not hold the rest of its case is left out.
std::size_t run_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::unique_ptr<world> current;
  json::document document;
  std::string line, words;
  std::size_t cases = 0;
  bool broken = true;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string where = path.filename().string() + ":" + std::to_string(number) + ": ";
    if (!document.parse(line) || !document.root().is_object()) {
      FAIL_CHECK(where << "not a JSON object");
      continue;
    }
    if (document.root()["case"]) {
      words = std::string(document.root()["case"].string().value_or(""));
      current = std::make_unique<world>(document.root());
      broken = false;
      ++cases;
      continue;
    }
    if (broken) continue;
    try {
      current->run(document.root());
    } catch (const std::exception& failure) {
      broken = true;
      FAIL_CHECK(where << std::string(failure.what()) << "\n  in \"" << words
                       << "\": " << line.substr(0, 400));
    }
  }
  return cases;
}

}  // namespace

TEST_CASE("conformance: every script holds for the C++ client") {
  std::vector<std::filesystem::path> scripts;
  const auto folder = std::filesystem::path(AGENT_WEBSOCKET_TESTS_DIR) / "conformance";
  for (const auto& each : std::filesystem::directory_iterator(folder)) {
    if (each.path().extension() == ".ndjson") scripts.push_back(each.path());
  }
  std::sort(scripts.begin(), scripts.end());
  REQUIRE_FALSE(scripts.empty());
  std::size_t cases = 0;
  for (const auto& each : scripts) {
    const std::size_t count = run_file(each);
    CHECK_MESSAGE(count > 0, each.filename().string() << " has no case");
    cases += count;
  }
  MESSAGE(cases << " cases in " << scripts.size() << " scripts");
}

TEST_CASE("conformance: the runner sees what does not hold") {
  const auto verdict = [](const std::vector<std::string>& lines) {
    json::document document;
    REQUIRE(document.parse(R"({"case":"x"})"));
    world subject(document.root());
    for (const std::string& line : lines) {
      REQUIRE(document.parse(line));
      try {
        subject.run(document.root());
      } catch (const std::exception& failure) {
        return std::string(failure.what());
      }
    }
    return std::string();
  };
  const std::vector<std::string> begin = {R"({"do":"start"})", R"({"expect":"connect"})",
                                          R"({"accept":true})"};
  const auto after = [&](const std::string& line) {
    std::vector<std::string> lines = begin;
    lines.push_back(line);
    return verdict(lines);
  };
  CHECK(verdict(begin) == "");
  CHECK(after(R"({"expect":{"op":"hello","v":1,"resume":null,"caps":["delta"],"client":"*"}})") ==
        "");
  CHECK(after(R"({"expect":{"op":"hello","v":2}})") != "");
  CHECK(after(R"({"expect":{"op":"hello","caps":["delta","tools"]}})") != "");
  CHECK(after(R"({"expect":{"op":"hello","caps":[]}})") != "");
  CHECK(after(R"({"expect":{"op":"hello","resume":"*"}})") != "");
  CHECK(after(R"({"expect":{"op":"hello","v":null}})") != "");
  CHECK(after(R"({"expect":"nothing"})") != "");
  CHECK(after(R"({"expect":"connect"})") != "");
  CHECK(after(R"({"expect":"close"})") != "");
  CHECK(after(R"({"state":"catching_up"})") == "");
  CHECK(after(R"({"state":"live"})") != "");
  CHECK(after(R"({"answer":"q1","text":""})") != "");
  CHECK(after(R"({"notifications":[]})") == "");
  CHECK(after(R"({"notifications":["a"]})") != "");
  CHECK(after(R"({"told":"nothing"})") == "");
  CHECK(after(R"({"told":"reset"})") != "");
  CHECK(after(R"({"told":"stopped"})") != "");
  CHECK(after(R"({"accept":true})") != "");
  CHECK(after(R"({"wonder":true})") == "an unknown verb");
  CHECK(after(R"({"do":"query","id":"q1","content":"a","refused":true})") != "");
  CHECK(after(R"({"do":"query","id":"q1","content":"a"})") == "");
}
