// SPDX-License-Identifier: MIT
//
// Merges the fragments of "reasoning_details" (OpenRouter's docs, "Reasoning tokens") into the
// array that goes back to the model with the next request. It carries signatures: a provider
// refuses raw fragments, and blocks that were changed or left out. Not for people; what they see
// comes from answer_reader.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace openrouter {

/// The reasoning blocks of one answer.
class reasoning_details_accumulator {
 public:
  /// More blocks, or members of a block, than this are refused.
  static constexpr std::size_t max_entries = 1024;
  static constexpr std::size_t max_members = 64;

  /// `max_bytes`: of all blocks together.
  explicit reasoning_details_accumulator(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

  /// Takes the array of a chunk; anything but an array of objects is passed over. False when a
  /// limit is exceeded.
  bool add_fragments(const json::value& fragments);

  /// Takes the array of a whole message, as it is.
  bool add_whole(const json::value& details);

  /// The merged array as JSON text; empty when there was none, "[]" when it was empty.
  std::string take();

 private:
  struct member {
    std::string name;
    std::string content;  // text, or JSON text
    bool is_text = false;
  };

  struct entry {
    std::optional<std::int64_t> index;
    std::vector<member> members;

    member* find(std::string_view name);
    /// The text of a member, or an empty one: null, "" and nothing say the same.
    std::string_view word(std::string_view name);
  };

  static std::string_view word(const json::value& from);

  /// The block that the fragment belongs to; null: it begins one.
  entry* find(const json::value& fragment);

  bool merge(entry& to, const json::value& fragment);

  bool merge(entry& to, std::string_view name, const json::value& value);

  bool set(member& into, const json::value& value);

  bool count(std::size_t bytes) noexcept;

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::vector<entry> entries_;
  bool seen_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool reasoning_details_accumulator::add_fragments(
    const json::value& fragments) {
  seen_ = seen_ || fragments.is_array();
  bool fits = true;
  fragments.for_each_element([&](const json::value& each) {
    if (!fits || !each.is_object()) return;
    entry* to = find(each);
    if (to == nullptr) {
      fits = entries_.size() < max_entries;
      if (!fits) return;
      to = &entries_.emplace_back();
      to->index = each["index"].integer();
    }
    fits = merge(*to, each);
  });
  return fits;
}

AGENT_WEBSOCKET_INLINE bool reasoning_details_accumulator::add_whole(const json::value& details) {
  if (!details.is_array()) return true;
  seen_ = true;
  bool fits = true;
  details.for_each_element([&](const json::value& each) {
    if (!fits || !each.is_object()) return;
    fits = entries_.size() < max_entries && merge(entries_.emplace_back(), each);
  });
  return fits;
}

AGENT_WEBSOCKET_INLINE std::string reasoning_details_accumulator::take() {
  std::string text;
  if (!seen_) return text;
  json::writer out(text);
  out.begin_array();
  for (const entry& each : entries_) {
    out.begin_object();
    for (const member& one : each.members) {
      out.key_escaped(one.name);
      one.is_text ? out.value(one.content) : out.raw(one.content);
    }
    out.end_object();
  }
  out.end_array();
  entries_.clear();
  seen_ = false;
  return text;
}

AGENT_WEBSOCKET_INLINE reasoning_details_accumulator::member*
reasoning_details_accumulator::entry::find(std::string_view name) {
  const auto is = [name](const member& each) { return each.name == name; };
  const auto found = std::find_if(members.begin(), members.end(), is);
  return found == members.end() ? nullptr : &*found;
}

AGENT_WEBSOCKET_INLINE std::string_view reasoning_details_accumulator::entry::word(
    std::string_view name) {
  const member* const found = find(name);
  return found != nullptr && found->is_text ? std::string_view(found->content) : "";
}

AGENT_WEBSOCKET_INLINE std::string_view reasoning_details_accumulator::word(
    const json::value& from) {
  return from.string().value_or("");
}

AGENT_WEBSOCKET_INLINE reasoning_details_accumulator::entry* reasoning_details_accumulator::find(
    const json::value& fragment) {
  const std::string_view type = word(fragment["type"]);
  const auto latest = [this](auto&& holds) {
    const auto found = std::find_if(entries_.rbegin(), entries_.rend(), holds);
    return found == entries_.rend() ? nullptr : &*found;
  };
  if (const auto index = fragment["index"].integer()) {
    return latest([&](entry& each) { return each.index == index && each.word("type") == type; });
  }
  const bool signs = !word(fragment["signature"]).empty() && word(fragment["text"]).empty();
  if (signs) {
    entry* const signed_by_it = latest(
        [&](entry& each) { return each.word("type") == type && !each.word("text").empty(); });
    if (signed_by_it != nullptr && signed_by_it->word("signature").empty()) return signed_by_it;
  }
  if (entries_.empty()) return nullptr;
  entry& last = entries_.back();
  const bool same = last.word("type") == type && last.word("id") == word(fragment["id"]);
  return same ? &last : nullptr;
}

AGENT_WEBSOCKET_INLINE bool reasoning_details_accumulator::merge(entry& to,
                                                                 const json::value& fragment) {
  bool fits = true;
  fragment.for_each_member([&](std::string_view name, const json::value& value) {
    fits = fits && merge(to, name, value);
  });
  return fits;
}

AGENT_WEBSOCKET_INLINE bool reasoning_details_accumulator::merge(entry& to, std::string_view name,
                                                                 const json::value& value) {
  constexpr std::size_t punctuation = 6;  // "":"",
  const bool nothing = value.is_null() || value.string() == std::string_view();
  member* into = to.find(name);
  if (into == nullptr) {
    if (to.members.size() == max_members || !count(name.size() + punctuation)) return false;
    into = &to.members.emplace_back(member{std::string(name), "null", false});
    if (nothing) return set(*into, value);
  }
  if (nothing) return true;
  const bool grows = name == "text" || name == "summary" || name == "data";
  if (!grows || !into->is_text || !value.is_string()) return set(*into, value);
  if (!count(value.string()->size())) return false;
  into->content.append(*value.string());
  return true;
}

AGENT_WEBSOCKET_INLINE bool reasoning_details_accumulator::set(member& into,
                                                               const json::value& value) {
  const std::optional<std::string_view> text = value.string();
  std::string content = text ? std::string(*text) : json::to_text(value);
  if (content == into.content && into.is_text == text.has_value()) return true;
  if (!count(content.size())) return false;
  into.content = std::move(content);
  into.is_text = text.has_value();
  return true;
}

AGENT_WEBSOCKET_INLINE bool reasoning_details_accumulator::count(std::size_t bytes) noexcept {
  if (bytes > max_bytes_ - bytes_) return false;
  bytes_ += bytes;
  return true;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
