// SPDX-License-Identifier: MIT
//
// Reads JSON text (RFC 8259) into a flat, read-only document: one buffer, one vector of nodes, both reused from
// parse to parse, so that a steady stream of messages costs few allocations. What stands in it is read by value.hpp.
// A text of a kind that was seen before need not be parsed: see shapes.hpp.
// Only this header, tape_builder.hpp and text_stream.hpp name RapidJSON; it parses iteratively, in situ, with numbers
// left as text and encoding validated, because RapidJSON's other modes overflow the stack on deep nesting and crash on
// 26-byte numbers (CVE-2024-38517).
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/shapes.hpp>
#include <agent_websocket/json/tape_builder.hpp>
#include <agent_websocket/json/text_stream.hpp>
#include <agent_websocket/json/value.hpp>

#include <rapidjson/allocators.h>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace json {

/// Owns the text and the nodes of one parsed JSON value. Movable; used from one thread at a time.
class document {
 public:
  document() = default;
  /// `seen`, where not null, knows texts of the same senders and outlives the document.
  explicit document(shapes* seen) noexcept : seen_(seen) {}

  /// Parses `text`, replacing what was there. On failure (errc::bad_json; errc::too_large above max_bytes) the
  /// document is empty and the message says what is wrong and at which byte.
  result<void> parse(std::string_view text, const parse_limits& limits = {});

  /// The top value, absent before the first successful parse.
  value root() const noexcept { return tape_.nodes.empty() ? value() : value(&tape_, 0); }

 private:
  template <typename Stream, unsigned more_flags>
  rapidjson::ParseResult read(detail::tape_builder& builder) {
    constexpr unsigned flags =
        rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    alignas(std::max_align_t) char room[1024];  // for the reader's stack, a byte for each level; then the heap
    rapidjson::MemoryPoolAllocator<> allocator(room, sizeof room);
    rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, rapidjson::MemoryPoolAllocator<>> reader(
        &allocator);
    Stream stream(tape_.text.data());
    return reader.Parse<flags | more_flags>(stream, builder);
  }

  /// A text that stands in this document, and was written over when that was parsed.
  bool holds(std::string_view text) const noexcept;

  static error refuse(std::string why, std::size_t offset);

  /// What comes next in a stream of messages is often a bit longer.
  static constexpr std::size_t usual_bytes = 480;

  detail::tape tape_;
  shapes* seen_ = nullptr;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<void> document::parse(std::string_view text,
                                                    const parse_limits& limits) {
  struct all_or_nothing {
    detail::tape& made;
    bool is_whole = false;
    ~all_or_nothing() {
      if (!is_whole) made.nodes.clear();
    }
  } outcome{tape_};
  tape_.nodes.clear();
  if (text.size() > limits.max_bytes || text.size() > std::numeric_limits<std::int32_t>::max()) {
    return error(errc::too_large, "The JSON text is too large: " + std::to_string(text.size()) +
                                      " bytes, at most " + std::to_string(limits.max_bytes) +
                                      " are allowed");
  }
  tape_.text.reserve(std::max(text.size() + 8, usual_bytes));
  tape_.text.assign(text);
  const std::string_view copy(tape_.text.data(), text.size());
  // The validating parser looks up to 3 bytes past a truncated sequence, the others 8 at once.
  tape_.text.append(8, '\0');
  if (seen_ != nullptr && seen_->read(tape_, limits)) {
    outcome.is_whole = true;
    return {};
  }
  if (const std::size_t nul = copy.find('\0'); nul != std::string_view::npos) {
    return refuse("a NUL byte stands in the text", nul);
  }
  if (tape_.nodes.capacity() == 0)
    tape_.nodes.reserve(std::min<std::size_t>(copy.size() / 4 + 1, 64));
  const bool has_escapes = copy.find('\\') != std::string_view::npos;
  detail::tape_builder builder(tape_, limits, has_escapes);
  // Looking for bad bytes first, many at once, costs a tenth of having the parser look at each; it
  // then says where.
  const rapidjson::ParseResult parsed =
      is_utf8_text(copy)
          ? read<detail::text_stream, 0>(builder)
          : read<rapidjson::InsituStringStream, rapidjson::kParseValidateEncodingFlag>(builder);
  if (parsed.IsError()) {
    const std::string& refusal = builder.refusal();
    return refuse(refusal.empty() ? rapidjson::GetParseError_En(parsed.Code()) : refusal,
                  parsed.Offset());
  }
  outcome.is_whole = true;
  if (seen_ != nullptr && !has_escapes && !holds(text)) seen_->learn(text, tape_.nodes, limits);
  return {};
}

AGENT_WEBSOCKET_INLINE bool document::holds(std::string_view text) const noexcept {
  const std::less_equal<const char*> up_to;
  const char* const begin = tape_.text.data();
  return up_to(begin, text.data()) && up_to(text.data(), begin + tape_.text.size());
}

AGENT_WEBSOCKET_INLINE error document::refuse(std::string why, std::size_t offset) {
  while (!why.empty() && why.back() == '.') why.pop_back();
  return error(errc::bad_json,
               "Not valid JSON: " + why + " (at byte " + std::to_string(offset) + ")");
}

#endif

}  // namespace json
}  // namespace agent_websocket
