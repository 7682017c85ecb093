// SPDX-License-Identifier: MIT
//
// Tool calls put together from fragments. First the input says which calls a model made, how a
// server cuts them and which of the known defects it has: they come out as they went in. Then the
// input is taken for chunks, a line each: whatever they say, the calls keep their promises.
#include <agent_websocket/openrouter/tool_calls.hpp>

#include "standalone.hpp"

#include <algorithm>
#include <set>

namespace json = agent_websocket::json;
using agent_websocket::openrouter::tool_call;
using agent_websocket::openrouter::tool_call_accumulator;

namespace {

/// Numbers out of the input; zeros behind its end.
class choices {
 public:
  explicit choices(std::string_view bytes) : bytes_(bytes) {}
  std::size_t below(std::size_t limit) {
    if (at_ == bytes_.size()) return 0;
    return static_cast<unsigned char>(bytes_[at_++]) % limit;
  }
  bool chance() { return below(2) == 1; }
  std::string_view piece(std::size_t most) {
    const std::string_view found = bytes_.substr(at_, below(most + 1));
    at_ = std::min(bytes_.size(), at_ + found.size());
    return found;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

enum class server {
  plain,       // index always, id and name in the first fragment
  repeating,   // index, id and name in every fragment
  new_ids,     // index always, an id of its own in every fragment, name in the first
  late_names,  // index always, id first, the name with the second fragment
  only_ids,    // no index, the id in every fragment
  index_zero,  // one call behind the other, each with its id and the index 0
  nothing,     // one call behind the other, without index and id
  positions,   // no index, no id; fragments of all calls in each array
  whole,       // a whole message
  count,
};

struct fragment {
  std::size_t call = 0;
  std::size_t number = 0;  // of this call
  std::string arguments;
};

std::string write(server kind, const fragment& what, const tool_call& of, std::size_t serial) {
  const bool first = what.number == 0;
  const bool indexed = kind <= server::late_names;
  std::string text;
  json::writer out(text);
  out.begin_object();
  if (indexed) out.member("index", what.call);
  if (kind == server::index_zero) out.member("index", 0);
  const bool id_always = kind == server::repeating || kind == server::only_ids;
  if (kind == server::new_ids && !first) {
    out.member("id", "x" + std::to_string(serial));
  } else if (kind < server::nothing && (first || id_always)) {
    out.member("id", of.id);
  }
  out.key("function").begin_object();
  const std::size_t names = kind == server::late_names ? 1 : 0;
  if (what.number == names || kind == server::repeating) out.member("name", of.name);
  out.member("arguments", what.arguments).end_object().end_object();
  return text;
}

bool add(tool_call_accumulator& to, const std::string& array, bool whole, std::string_view input) {
  json::document parsed;
  require(parsed.parse(array).has_value(), "the target writes JSON", input);
  return whole ? to.add_whole(parsed.root()) : to.add_fragments(parsed.root());
}

void rebuild(std::string_view input) {
  choices choose(input);
  const auto kind = static_cast<server>(choose.below(static_cast<std::size_t>(server::count)));
  const bool in_turn = kind == server::index_zero || kind == server::nothing;
  std::vector<tool_call> calls(1 + choose.below(5));
  std::vector<std::vector<fragment>> cut(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    tool_call& call = calls[i];
    call.id = "id" + std::to_string(i);
    call.name = choose.chance() ? "f" : "g" + std::to_string(i);
    // Without arguments a call has no end that can be seen, so the next needs an id or an index.
    if (in_turn || kind == server::positions || choose.below(4) != 0) {
      json::writer out(call.arguments);
      out.begin_object().key("n").value(i).key("t");
      std::string plain;
      for (const char c : choose.piece(20)) plain.push_back(static_cast<char>(c & 0x7F));
      out.value(plain).key("o").begin_array().begin_object().end_object().end_array().end_object();
      call.arguments.append(choose.below(3), ' ');
    }
    std::string rest = call.arguments;
    const std::size_t least = kind == server::late_names ? 2 : 1;
    while (cut[i].size() < least || (kind != server::whole && !rest.empty())) {
      const bool last = kind == server::whole || choose.below(4) == 0;
      const std::size_t bytes = last ? rest.size() : choose.below(rest.size() + 1);
      cut[i].push_back({i, cut[i].size(), rest.substr(0, bytes)});
      rest.erase(0, bytes);
    }
    if (kind != server::whole && choose.chance()) {
      const char* const blanks[] = {"", " ", "\n\t "};
      cut[i].push_back({i, cut[i].size(), blanks[choose.below(3)]});
    }
    for (const fragment& each : cut[i]) {
      if (&each == &cut[i].front()) call.arguments.clear();
      call.arguments += each.arguments;
    }
    const bool blank = call.arguments.find_first_not_of(" \t\n") == std::string::npos;
    if (blank) call.arguments = "{}";
  }

  tool_call_accumulator accumulator(1u << 20);
  std::size_t serial = 0;
  const auto send = [&](const std::vector<fragment>& some) {
    std::string array;
    json::writer out(array);
    out.begin_array();
    for (const fragment& each : some) out.raw(write(kind, each, calls[each.call], ++serial));
    out.end_array();
    require(add(accumulator, array, kind == server::whole, input), "it fits", input);
  };
  if (kind == server::whole) {
    std::vector<fragment> all;
    for (const auto& each : cut) all.push_back(each.front());
    send(all);
  } else if (in_turn) {
    for (const auto& each : cut) {
      for (const fragment& one : each) send({one});
    }
  } else if (kind == server::positions) {
    std::size_t rounds = 0;
    for (const auto& each : cut) rounds = std::max(rounds, each.size());
    for (std::size_t round = 0; round < rounds; ++round) {
      std::vector<fragment> all;
      for (std::size_t i = 0; i < cut.size(); ++i) {
        all.push_back(round < cut[i].size() ? cut[i][round] : fragment{i, round, ""});
      }
      send(all);
    }
  } else {
    // In any order, but the first pieces in theirs, for that is the order of the calls.
    std::vector<fragment> waiting;
    std::vector<std::size_t> next(cut.size(), 1);
    for (const auto& each : cut) send({each.front()});
    for (;;) {
      std::vector<std::size_t> open;
      for (std::size_t i = 0; i < cut.size(); ++i) {
        if (next[i] < cut[i].size()) open.push_back(i);
      }
      if (open.empty()) break;
      const std::size_t i = open[choose.below(open.size())];
      waiting.push_back(cut[i][next[i]++]);
      if (choose.chance()) send(std::exchange(waiting, {}));
    }
    send(waiting);
  }

  const std::vector<tool_call> found = accumulator.take(false, "seed");
  require(found.size() == calls.size(), "as many calls as went in", input);
  for (std::size_t i = 0; i < found.size(); ++i) {
    require(found[i].name == calls[i].name, "the name is the same", input);
    require(found[i].arguments == calls[i].arguments, "the arguments are the same", input);
    require(found[i].complete, "the call is complete", input);
    const bool has_id = kind < server::nothing;
    if (has_id) require(found[i].id == calls[i].id, "the id is the same", input);
  }
}

void check_promises(std::string_view input) {
  const auto run = [input](bool cut) {
    tool_call_accumulator accumulator(200);
    json::document parsed;
    bool fits = true;
    std::size_t lines = 0;
    for (std::string_view rest = input; !rest.empty() && fits; ++lines) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      if (parsed.parse(rest.substr(0, end))) {
        const bool whole = lines % 8 == 7;
        fits =
            whole ? accumulator.add_whole(parsed.root()) : accumulator.add_fragments(parsed.root());
      }
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const bool none = accumulator.empty();
    std::vector<tool_call> calls = accumulator.take(cut, "seed");
    require(none == calls.empty(), "empty() says whether there are any", input);
    return calls;
  };
  const std::vector<tool_call> calls = run(false), cut = run(true);
  require(run(false) == calls, "the same again", input);
  require(calls.size() == cut.size(), "a cut takes no call away", input);
  require(calls.size() <= tool_call_accumulator::max_calls, "there are not too many", input);
  std::set<std::string> ids;
  std::size_t bytes = 0;
  json::document parsed;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    require(!calls[i].id.empty() && ids.insert(calls[i].id).second, "ids are unique", input);
    require(!calls[i].arguments.empty(), "there are arguments", input);
    require(calls[i].complete, "what was not cut is complete", input);
    require(calls[i].arguments == cut[i].arguments && calls[i].id == cut[i].id,
            "a cut changes nothing else", input);
    if (cut[i].complete) {
      require(parsed.parse(cut[i].arguments).has_value(), "complete arguments parse", input);
    }
    bytes += calls[i].name.size() + (calls[i].arguments == "{}" ? 0 : calls[i].arguments.size());
  }
  require(bytes <= 200, "the limit holds", input);
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  return {
      "[{", "}]", "},{", "\n", "[]", "\"index\":0", "\"index\":1", "\"index\":-1", "\"index\":0.0", ",",
      "\"id\":\"a\"", "\"id\":\"b\"", "\"id\":\"\"", "\"id\":null", "\"id\":\"null\"",
      "\"function\":{", "}", "\"name\":\"f\"", "\"name\":\"g\"", "\"name\":\"null\"", "\"name\":null",
      "\"arguments\":\"{\"", "\"arguments\":\"}\"", "\"arguments\":\"{}\"", "\"arguments\":\" \\n\"",
      "\"arguments\":{\"x\":1}", "\"arguments\":\"7\"", "\"arguments\":[]", "\"arguments\":\"\\\"\"",
      "[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]\n",
      "[{\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]\n",
      "[{\"function\":{\"arguments\":\"\\\"x\\\":1}\"}}]\n",
      "[{\"index\":1,\"function\":{\"name\":\"f\"}},{\"function\":{\"name\":\"f\",\"arguments\":\"1\"}}]\n"};
}
// clang-format on

void fuzz(std::string_view input) {
  rebuild(input);
  check_promises(input);
}
