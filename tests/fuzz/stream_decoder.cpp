// SPDX-License-Identifier: MIT
//
// A decoded answer is the same wherever its bytes are cut, and whether or not its chunks are taken
// without parsing; what comes of it keeps its promises. The first two bytes of an input choose the
// limits and where to cut.
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/stream_decoder.hpp>

#include "../unit/openrouter/answers.hpp"
#include "standalone.hpp"

#include <set>

namespace json = agent_websocket::json;
using agent_websocket::openrouter::answer_limits;
using agent_websocket::openrouter::outcome;
using agent_websocket::openrouter::tool_call;

namespace {

void check_array(const std::string& text, std::string_view input) {
  if (text.empty()) return;
  json::document parsed;
  json::parse_limits limits;
  limits.max_depth = 70;
  require(parsed.parse(text, limits).has_value(), "what is kept is JSON", input);
  require(parsed.root().is_array(), "it is an array", input);
}

void check_promises(const answers::decoded& seen, const answer_limits& limits,
                    std::string_view input) {
  const outcome& ended = seen.ended;
  require(seen.done, "it has ended", input);
  require(seen.begins <= 1 && seen.late == 0, "it begins once, before all else", input);
  require(seen.has_output == (seen.begins == 1), "what has output has begun", input);
  require(agent_websocket::is_utf8(seen.text) && agent_websocket::is_utf8(seen.reasoning),
          "text is UTF-8", input);
  require(seen.text.size() <= limits.max_text_bytes, "text is within its limit", input);
  require(seen.reasoning.size() <= limits.max_text_bytes, "reasoning too", input);
  check_array(ended.reasoning_details, input);
  check_array(ended.annotations, input);
  check_array(ended.images, input);
  require(ended.has_tool_calls == !ended.tool_calls.empty(), "has_tool_calls is right", input);
  require(!ended.has_tool_calls || seen.has_output, "calls are output", input);
  const bool cut = !ended.complete() || ended.finish_reason == "length";
  std::set<std::string> ids;
  json::document parsed;
  for (const tool_call& each : ended.tool_calls) {
    require(!each.id.empty() && ids.insert(each.id).second, "ids are unique", input);
    if (each.complete && cut) {
      require(parsed.parse(each.arguments).has_value(), "complete arguments parse", input);
    }
    require(each.complete || cut || ended.finish_reason == "content_filter",
            "only a cut leaves calls that are not complete", input);
  }
}

/// The same stream with chunks that no pattern fits.
std::string without_patterns(std::string_view stream) {
  constexpr std::string_view opening = "\ndata: {";
  std::string made;
  std::size_t blanks = 0;
  for (std::size_t at = 0;;) {
    const std::size_t found = stream.find(opening, at);
    if (found == std::string_view::npos) return made.append(stream.substr(at));
    made.append(stream.substr(at, found + opening.size() - at)).append(++blanks, ' ');
    at = found + opening.size();
  }
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  return {
      "data: ", "data: [DONE]\n\n", "\n", "\n\n", "\r\n", ": OPENROUTER PROCESSING\n\n", "event: error\n", "error: x\n",
      "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n", "data: {\"choices\":[{\"delta\":{\"content\":\"you\"}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"content\":\"<think>\"}}]}\n\n", "data: {\"choices\":[{\"delta\":{\"content\":\"</think>\"}}]}\n\n", "<think>", "</think>", "<",
      "data: {\"choices\":[{\"delta\":{\"content\":\"\xC3\xA4\\n\\ud83e\"}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\",\"index\":0}]}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"s\"}]}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"content\":\"x\",\"reasoning_details\":[]}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"content\":\"x\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"g\"}},{\"id\":\"a\"}]}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"annotations\":[{\"type\":\"file\"}],\"images\":[{\"n\":1},{\"n\":1}]}}]}\n\n",
      "data: {\"choices\":[{\"message\":{\"content\":\"all\",\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}}]}\n\n",
      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", "data: {\"choices\":[{\"finish_reason\":\"length\"}]}\n\n",
      "data: {\"choices\":[],\"usage\":{\"completion_tokens\":3,\"cost\":0.5}}\n\n",
      "data: {\"error\":{\"code\":502,\"message\":\"x\"}}\n\n", "{\"choices\":[{\"message\":{", "}}]}", "\"content\":\"Hi\"", ",",
      "\"tool_calls\":[{\"id\":\"a\"}]", "{", "}", "[", "]", "\"", "\\u", "\xEF\xBB\xBF", "null", " "};
}
// clang-format on

void fuzz(std::string_view input) {
  if (input.size() < 2) return;
  const auto choice = static_cast<unsigned char>(input[0]);
  const std::size_t at = static_cast<unsigned char>(input[1]);
  const std::string_view stream = input.substr(2);
  answer_limits limits;
  if (choice % 4 == 3) {
    limits.max_text_bytes = choice / 4;
    limits.max_image_bytes = choice / 8;
    limits.max_event_bytes = 64 + choice;
  }
  const auto decode = [&](std::string_view bytes, auto cut) {
    return answers::decode(bytes, cut, true, nullptr, limits);
  };
  const auto all = [&](std::size_t) { return stream.size(); };
  const answers::decoded whole = decode(stream, all);
  check_promises(whole, limits, input);
  const std::string expected = whole.summary();
  require(decode(stream, [](std::size_t) { return std::size_t{1}; }).summary() == expected,
          "byte by byte as whole", input);
  require(decode(stream, [&](std::size_t from) { return from == 0 ? at + 1 : stream.size(); })
                  .summary() == expected,
          "in two as whole", input);
  require(decode(stream, [&](std::size_t from) { return 1 + (from * 7 + at) % 23; }).summary() ==
              expected,
          "in pieces as whole", input);
  if (choice % 4 == 3) return;
  const std::string parsed = without_patterns(stream);
  const answers::decoded slow = decode(parsed, [&](std::size_t) { return parsed.size(); });
  require(slow.text == whole.text && slow.reasoning == whole.reasoning, "the same text", input);
  require(slow.ended.tool_calls == whole.ended.tool_calls, "the same calls", input);
  require(slow.ended.reasoning_details == whole.ended.reasoning_details, "the same details", input);
  require(slow.ended.annotations == whole.ended.annotations, "the same annotations", input);
  require(slow.ended.images == whole.ended.images, "the same images", input);
  require(slow.ended.finish_reason == whole.ended.finish_reason, "the same reason", input);
  require(slow.ended.usage.json == whole.ended.usage.json, "the same usage", input);
  require(slow.ended.complete() == whole.ended.complete(), "the same end", input);
}
