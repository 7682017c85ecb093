// SPDX-License-Identifier: MIT
//
// Puts tool calls together from the fragments of a stream ("choices[].delta.tool_calls" of
// OpenRouter's API reference). Servers differ in what of index, id and name they send, repeat or
// leave out; the rules here take all that has been seen. Calls are given once, at the end: who ran
// a call as soon as its arguments parse would run it again for the blanks behind them.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/tool_call.hpp>

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

namespace detail {

bool is_blank(std::string_view text) noexcept;

/// Follows the brackets of a JSON text that arrives in pieces.
class bracket_counter {
 public:
  void feed(std::string_view text) noexcept;
  /// Only blanks have come.
  bool is_blank() const noexcept { return state_ == state::before; }
  /// An object or array has closed, and only blanks have come behind it.
  bool is_closed() const noexcept { return state_ == state::closed; }

 private:
  enum class state : std::uint8_t { before, inside, text, escape, closed, other };

  void take(char c) noexcept;

  std::size_t depth_ = 0;
  state state_ = state::before;
};

}  // namespace detail

/// The tool calls of one answer.
class tool_call_accumulator {
 public:
  /// More calls than this are refused.
  static constexpr std::size_t max_calls = 128;

  /// `max_bytes`: of all arguments, names and ids together.
  explicit tool_call_accumulator(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

  /// Takes the "tool_calls" of a chunk; anything but an array of objects is passed over. False when
  /// a limit is exceeded; what came before stays.
  bool add_fragments(const json::value& fragments);

  /// Takes the "tool_calls" of a whole message, in which each entry is a call.
  bool add_whole(const json::value& calls);

  /// True until something came that is a call, or will be.
  bool empty() const noexcept;

  /// The calls in the order of their indexes, or else in that in which they began. `cut`: the
  /// answer is not whole (finish reason length, an error, no end); then calls whose arguments do
  /// not parse are not complete. `seed` is what ids are made of, beside the call: the same in, the
  /// same out.
  std::vector<tool_call> take(bool cut, std::string_view seed);

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  struct call {
    tool_call made;
    std::optional<std::int64_t> index;
    std::size_t position = none;  // in an array without indexes
    std::uint64_t array = 0;      // the last one that had a piece of it
    detail::bracket_counter brackets;

    bool is_blank() const noexcept { return brackets.is_blank(); }
    bool empty() const noexcept { return made.id.empty() && made.name.empty() && is_blank(); }
  };

  /// One entry of an array, with what is no value taken for nothing.
  struct fragment {
    fragment(const json::value& entry, std::size_t at);
    static std::string_view word(const json::value& from);

    std::optional<std::int64_t> index;
    std::size_t position;
    std::string_view id, name;
    std::string arguments;
  };

  /// The call that the fragment goes on with; null: it begins one.
  call* find(const fragment& what);

  template <typename Condition>
  call* latest(Condition holds) {
    const auto found = std::find_if(calls_.rbegin(), calls_.rend(), holds);
    return found == calls_.rend() ? nullptr : &*found;
  }

  call* candidate(const fragment& what);

  /// Whether the candidate is the call meant, or only looks so: servers give every call the index
  /// 0, or the same id, or neither.
  bool continues(const call& of, const fragment& what) const;

  /// The arguments are whole JSON, as far as that can be told without parsing them every time.
  static bool is_closed(const call& of);

  bool append(call* to, const fragment& what);

  /// Stable. By hand, because there are few and std::stable_sort is much to compile.
  void sort_by_index();

  bool keep(std::string& in, std::string_view text);

  /// 9 letters and digits: the form that the strictest server (Mistral) takes back.
  void make_id(tool_call& of, std::string_view seed) const;

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t array_ = 0;
  std::vector<call> calls_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

AGENT_WEBSOCKET_INLINE void bracket_counter::feed(std::string_view text) noexcept {
  for (const char c : text) take(c);
}

AGENT_WEBSOCKET_INLINE void bracket_counter::take(char c) noexcept {
  switch (state_) {
    case state::escape: state_ = state::text; return;
    case state::text:
      if (c == '"') state_ = state::inside;
      if (c == '\\') state_ = state::escape;
      return;
    case state::before:
    case state::closed:
      if (detail::is_blank(std::string_view(&c, 1))) return;
      state_ = state_ == state::before && (c == '{' || c == '[') ? state::inside : state::other;
      depth_ = 1;
      return;
    case state::inside:
      if (c == '"') state_ = state::text;
      if (c == '{' || c == '[') ++depth_;
      if ((c == '}' || c == ']') && --depth_ == 0) state_ = state::closed;
      return;
    case state::other: return;
  }
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE bool tool_call_accumulator::add_fragments(const json::value& fragments) {
  ++array_;
  std::size_t position = 0;
  bool fits = true;
  fragments.for_each_element([&](const json::value& each) {
    if (!fits || !each.is_object()) return;
    const fragment what(each, fragments.size() > 1 ? position++ : none);
    fits = append(find(what), what);
  });
  return fits;
}

AGENT_WEBSOCKET_INLINE bool tool_call_accumulator::add_whole(const json::value& calls) {
  ++array_;
  bool fits = true;
  calls.for_each_element([&](const json::value& each) {
    if (fits && each.is_object()) fits = append(nullptr, fragment(each, none));
  });
  return fits;
}

AGENT_WEBSOCKET_INLINE bool tool_call_accumulator::empty() const noexcept {
  return std::all_of(calls_.begin(), calls_.end(), [](const call& each) { return each.empty(); });
}

AGENT_WEBSOCKET_INLINE std::vector<tool_call> tool_call_accumulator::take(bool cut,
                                                                          std::string_view seed) {
  const auto is_nothing = [](const call& each) { return each.empty(); };
  calls_.erase(std::remove_if(calls_.begin(), calls_.end(), is_nothing), calls_.end());
  if (std::all_of(calls_.begin(), calls_.end(), [](const call& each) { return each.index; }))
    sort_by_index();
  for (auto each = calls_.begin(); each != calls_.end(); ++each) {
    tool_call& made = each->made;
    made.complete = !cut || json::document().parse(made.arguments).has_value();
    if (each->is_blank()) made.arguments = "{}";
    const auto same = [&made](const call& other) { return other.made.id == made.id; };
    if (made.id.empty() || std::any_of(calls_.begin(), each, same)) make_id(made, seed);
  }
  std::vector<tool_call> taken;
  taken.reserve(calls_.size());
  for (call& each : calls_) taken.push_back(std::move(each.made));
  calls_.clear();
  return taken;
}

AGENT_WEBSOCKET_INLINE tool_call_accumulator::fragment::fragment(const json::value& entry,
                                                                 std::size_t at)
    : index(entry["index"].integer()),
      position(at),
      id(word(entry["id"])),
      name(word(entry["function"]["name"])) {
  const json::value given = entry["function"]["arguments"];
  if (given.size() != 0) arguments = json::to_text(given);
  if (const auto text = given.string()) arguments.assign(*text);
}

AGENT_WEBSOCKET_INLINE std::string_view tool_call_accumulator::fragment::word(
    const json::value& from) {
  const std::string_view text = from.string().value_or("");
  return text == "null" ? std::string_view() : text;
}

AGENT_WEBSOCKET_INLINE tool_call_accumulator::call* tool_call_accumulator::find(
    const fragment& what) {
  call* const found = candidate(what);
  return found != nullptr && continues(*found, what) ? found : nullptr;
}

AGENT_WEBSOCKET_INLINE tool_call_accumulator::call* tool_call_accumulator::candidate(
    const fragment& what) {
  if (calls_.empty()) return nullptr;
  call& last = calls_.back();
  const auto has_id = [&](const call& each) { return each.made.id == what.id; };
  if (what.index) {
    const auto at_index = [&](const call& each) { return each.index == what.index; };
    if (!what.id.empty()) {
      const auto both = [&](const call& each) { return at_index(each) && has_id(each); };
      if (call* const found = latest(both)) return found;
    }
    if (call* const found = latest(at_index)) return found;
    // Some count the fragments instead of the calls.
    const bool begins = !what.id.empty() || !what.name.empty() || is_closed(last);
    return begins ? nullptr : &last;
  }
  if (!what.id.empty()) {
    if (call* const found = latest(has_id)) return found;
    return last.made.id.empty() && what.name.empty() ? &last : nullptr;  // an id that comes late
  }
  if (what.position == none) return &last;
  const auto at_position = [&](const call& each) { return each.position == what.position; };
  if (call* const found = latest(at_position)) return found;
  return what.position < calls_.size() ? &calls_[what.position] : nullptr;
}

AGENT_WEBSOCKET_INLINE bool tool_call_accumulator::continues(const call& of,
                                                             const fragment& what) const {
  if (what.name.empty()) return true;
  const bool closed = is_closed(of);
  const bool same_id = !what.id.empty() && of.made.id == what.id;
  if (of.array == array_ && !(same_id && what.index)) {
    return !closed && !of.is_blank();  // one array names each call once
  }
  const bool other_name = !of.made.name.empty() && of.made.name != what.name;
  const bool other_id = !of.made.id.empty() && !what.id.empty() && !same_id;
  if (other_id) return !closed && !other_name;
  if (closed) {  // only blanks, or the same once more, can belong to it
    if (other_name) return false;
    const bool named = same_id || what.index;  // or else a call may begin just so
    const bool blank = detail::is_blank(what.arguments) && (named || !what.arguments.empty());
    return blank || (named && what.arguments == of.made.arguments);
  }
  return same_id || !other_name || !of.is_blank();
}

AGENT_WEBSOCKET_INLINE bool tool_call_accumulator::is_closed(const call& of) {
  if (of.brackets.is_closed()) return true;
  const std::string& text = of.made.arguments;
  constexpr std::size_t longest_scalar = 64;
  return text.size() <= longest_scalar && json::document().parse(text).has_value();
}

AGENT_WEBSOCKET_INLINE bool tool_call_accumulator::append(call* to, const fragment& what) {
  if (to == nullptr) {
    if (calls_.size() == max_calls) return false;
    to = &calls_.emplace_back();
  }
  to->array = array_;
  if (!to->index) to->index = what.index;
  if (to->position == none) to->position = what.position;
  if (to->made.id.empty() && !keep(to->made.id, what.id)) return false;
  if (to->made.name.empty() && !keep(to->made.name, what.name)) return false;
  if (what.arguments == to->made.arguments && is_closed(*to)) return true;  // the same again
  if (!keep(to->made.arguments, what.arguments)) return false;
  to->brackets.feed(what.arguments);
  return true;
}

AGENT_WEBSOCKET_INLINE void tool_call_accumulator::sort_by_index() {
  for (std::size_t sorted = 1; sorted < calls_.size(); ++sorted) {
    for (std::size_t i = sorted; i > 0 && *calls_[i].index < *calls_[i - 1].index; --i)
      std::swap(calls_[i], calls_[i - 1]);
  }
}

AGENT_WEBSOCKET_INLINE bool tool_call_accumulator::keep(std::string& in, std::string_view text) {
  if (text.size() > max_bytes_ - bytes_) return false;
  bytes_ += text.size();
  in.append(text);
  return true;
}

AGENT_WEBSOCKET_INLINE void tool_call_accumulator::make_id(tool_call& of,
                                                           std::string_view seed) const {
  std::uint64_t hash = 14'695'981'039'346'656'037u;  // FNV-1a
  const auto mix = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211u;
    hash = (hash ^ 0xFFu) * 1'099'511'628'211u;
  };
  mix(seed);
  mix(of.name);
  mix(of.arguments);
  const auto is_taken = [&](const call& each) {
    return &each.made != &of && each.made.id == of.id;
  };
  do {
    mix("again");
    of.id.clear();
    for (std::uint64_t rest = hash; of.id.size() < 9; rest /= 36) {
      of.id.push_back("0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36]);
    }
  } while (std::any_of(calls_.begin(), calls_.end(), is_taken));
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
