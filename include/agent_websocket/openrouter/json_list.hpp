// SPDX-License-Identifier: MIT
//
// Keeps the elements of arrays that come in pieces ("images" and "annotations" of OpenRouter's
// chunks) as the JSON text of one array. What comes twice is kept once, since servers repeat the
// last chunk. Bounded; knows nothing of what the elements are.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace openrouter {

class json_list {
 public:
  /// More elements than this are refused.
  static constexpr std::size_t max_elements = 1024;

  /// `max_bytes`: of all elements together.
  explicit json_list(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

  /// Takes the elements of an array; anything else is passed over. False when a limit is exceeded.
  bool add(const json::value& array);

  /// The array as JSON text; empty when it would be.
  std::string take();

 private:
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::vector<std::string> elements_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool json_list::add(const json::value& array) {
  bool fits = true;
  array.for_each_element([&](const json::value& each) {
    if (!fits) return;
    std::string text = json::to_text(each);
    if (std::find(elements_.begin(), elements_.end(), text) != elements_.end()) return;
    fits = elements_.size() < max_elements && text.size() <= max_bytes_ - bytes_;
    if (!fits) return;
    bytes_ += text.size();
    elements_.push_back(std::move(text));
  });
  return fits;
}

AGENT_WEBSOCKET_INLINE std::string json_list::take() {
  std::string text;
  if (elements_.empty()) return text;
  text.reserve(bytes_ + elements_.size() + 2);
  json::writer out(text);
  out.begin_array();
  for (const std::string& each : elements_) out.raw(each);
  out.end_array();
  elements_.clear();
  bytes_ = 0;
  return text;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
