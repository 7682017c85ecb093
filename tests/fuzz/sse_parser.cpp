// SPDX-License-Identifier: MIT
//
// The parser of server-sent events shows the same events wherever its bytes are cut, and the same
// as a plain reading of the standard, line by line, makes of the whole. The first two bytes of an
// input choose the limit, after how many events to stop, and where to cut.
#include <agent_websocket/http/sse_parser.hpp>

#include "standalone.hpp"

namespace http = agent_websocket::http;

namespace {

struct outcome {
  std::string events;  // all that was shown, one a line
  std::error_code failure;
  std::size_t comments = 0;
  std::uint64_t position = 0;

  bool operator==(const outcome& other) const {
    return events == other.events && failure == other.failure && comments == other.comments &&
           position == other.position;
  }
};

/// Feeds `stream` in pieces of `piece` bytes, the first of `first`.
outcome run(std::string_view stream, std::size_t first, std::size_t piece, std::size_t limit,
            std::size_t wanted) {
  outcome seen;
  http::sse_parser parser(limit);
  const auto on_event = [&](const http::sse_event& event) {
    require(event.data.size() <= limit, "an event is within the limit", stream);
    require(event.position <= stream.size(), "an event lies in the stream", stream);
    seen.events += std::to_string(event.position) + (event.is_error_field ? " error " : " ") +
                   (event.unterminated ? "unterminated " : "");
    seen.events.append(event.event_type).append("|").append(event.data).append("\n");
    return --wanted > 0;
  };
  for (std::size_t at = 0, size = first; at < stream.size(); at += size, size = piece) {
    // A copy of its own: views into it that are used after this turn are seen by the sanitizer.
    const std::string bytes(stream.substr(at, size));
    const std::error_code failure = parser.feed(bytes, on_event);
    if (!seen.failure) seen.failure = failure;
  }
  const std::error_code failure = parser.finish(on_event);
  if (!seen.failure) seen.failure = failure;
  seen.comments = parser.comments();
  seen.position = parser.position();
  return seen;
}

/// The stream by the letter of the standard, without limits.
outcome read_plainly(std::string_view stream) {
  outcome seen;
  std::string event_type, data;
  std::size_t data_at = 0;
  bool has_data = false;
  const auto show = [&](std::size_t at, const std::string& marks, std::string_view type,
                        std::string_view text) {
    seen.events += std::to_string(at) + " " + marks;
    seen.events.append(type).append("|").append(text).append("\n");
  };
  const auto dispatch = [&](const std::string& marks) {
    if (has_data) show(data_at, marks, event_type, data);
    has_data = false;
    data.clear();
    event_type.clear();
  };
  std::size_t at = stream.substr(0, 3) == "\xEF\xBB\xBF" ? 3 : 0;
  while (at < stream.size()) {
    const std::size_t end = stream.find_first_of("\r\n", at);
    const std::string_view line = stream.substr(at, end - at);
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (line.empty()) {
      dispatch("");
    } else if (colon == 0) {
      ++seen.comments;
    } else if (name == "data") {
      if (!has_data) data_at = at;
      data.append(has_data ? "\n" : "").append(value);
      has_data = true;
    } else if (name == "event") {
      event_type = value;
    } else if (name == "error" && !value.empty()) {
      show(at, "error ", name, value);
    }
    if (end == std::string_view::npos) break;
    at = end + (stream.substr(end, 2) == "\r\n" ? 2 : 1);
  }
  dispatch("unterminated ");
  seen.position = stream.size();
  return seen;
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  return {
      "data: ", "data:", "data", "event: x", "event:", "id: 1", "retry: 5", "error: e", "error:",
      ": comment", ":", "\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n", " ", "x", "[DONE]",
      "{\"a\":1}", "\xEF\xBB\xBF", "\xEF", "\xBB", "data: x\n\n"};
}
// clang-format on

void fuzz(std::string_view input) {
  if (input.size() < 2) return;
  const auto choice = static_cast<unsigned char>(input[0]);
  const std::size_t limit =
      choice < 128 ? http::sse_parser::default_max_event_bytes : choice - 127u;
  const std::size_t wanted = choice % 8 == 7 ? 1 + choice / 8 % 4 : std::size_t{1} << 30;
  const std::size_t cut = static_cast<unsigned char>(input[1]);
  const std::string_view stream = input.substr(2);

  const std::size_t all = stream.size() + 1;
  const outcome whole = run(stream, all, all, limit, wanted);
  require(whole.position == stream.size(), "every byte is counted", stream);
  if (choice < 128 && choice % 8 != 7) {
    require(read_plainly(stream) == whole, "as the standard has it", stream);
  }
  require(run(stream, 1, 1, limit, wanted) == whole, "byte by byte as whole", stream);
  require(run(stream, cut + 1, all, limit, wanted) == whole, "in two as whole", stream);
  require(run(stream, 1 + cut % 7, 1 + cut % 5, limit, wanted) == whole, "in pieces as whole",
          stream);
}
