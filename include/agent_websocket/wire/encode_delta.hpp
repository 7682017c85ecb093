// SPDX-License-Identifier: MIT
//
// A piece of an answer -> the text of one WebSocket frame, as encode.hpp does it for all other
// messages. Kept apart because it is the hot path: one such frame is sent for every token.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/escape.hpp>
#include <agent_websocket/wire/frame_text.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace wire {

namespace detail {

template <typename Text>
void write_delta(Text& to, const response_delta& m, std::string_view timestamp) {
  to.put(R"({"type":"response","stream":")");
  to.put_string(m.stream);
  if (m.snapshot) {
    to.put(R"(","phase":"snapshot","idx":)");
  } else if (m.reasoning) {
    to.put(R"(","phase":"reasoning","idx":)");
  } else {
    to.put(R"(","phase":"delta","idx":)");
  }
  to.put(m.idx);
  to.put(R"(,"n":)");
  to.put(m.n);
  to.put(R"(,"content":")");
  to.put_string(m.content);
  to.put(R"(",)");
  if (m.snapshot) to.put(R"("replay":true,)");
  to.put(R"("timestamp":")");
  to.put(timestamp);
  to.put(R"("})");
}

}  // namespace detail

/// Sent for every token, so names are written together with what stands between them.
void encode(std::string& out, const response_delta& m, std::string_view timestamp);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const response_delta& m,
                                   std::string_view timestamp) {
  // With numbers and a timestamp, more than all that stands around the texts.
  constexpr std::size_t names = 192, max_timestamp = 32;
  const std::size_t texts = m.stream.size() + m.content.size();
  if (texts > (detail::short_text::room - names) / json::max_escaped_bytes ||
      timestamp.size() > max_timestamp) {
    detail::long_text text{out};
    return detail::write_delta(text, m, timestamp);
  }
  detail::short_text text;
  detail::write_delta(text, m, timestamp);
  text.append_to(out);
}

#endif

}  // namespace wire
}  // namespace agent_websocket
