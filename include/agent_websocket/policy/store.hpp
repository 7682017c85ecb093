// SPDX-License-Identifier: MIT
//
// Requirement Store: keeps what a session must not lose, as JSON records in the order of their appending. Shipped
// model: memory_store (bounded, gone with the process).
//
// | expression                    | result | promise of the policy                                                |
// |-------------------------------|--------|----------------------------------------------------------------------|
// | s.append(session, rec, done)  | void   | keeps rec behind the session's earlier ones                          |
// | s.load(session, done)         | void   | gives all records of the session, oldest first; none when unknown    |
// | s.erase(session, done)        | void   | forgets the session                                                  |
//
// Each calls its done exactly once, now or later, on the executor, with the outcome. Appends of one session are kept
// in the order of the calls. Promise of the library: called on the executor; records are whole JSON objects.
#pragma once

#include <agent_websocket/base/detect.hpp>
#include <agent_websocket/base/result.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {

using store_handler = std::function<void(result<void>)>;
using load_handler = std::function<void(result<std::vector<std::string>>)>;

/// Keeps records in memory, at most `max_records` and `max_bytes` a session; the oldest go first. The newest record
/// stays even when it alone is above `max_bytes`.
class memory_store {
 public:
  explicit memory_store(std::size_t max_records = 1024, std::size_t max_bytes = 1u << 20)
      : max_records_(max_records), max_bytes_(max_bytes) {}

  void append(std::string_view session, std::string record, const store_handler& done) {
    kept& of = sessions_[std::string(session)];
    of.bytes += record.size();
    of.records.push_back(std::move(record));
    while (of.records.size() > max_records_ || (of.bytes > max_bytes_ && of.records.size() > 1)) {
      of.bytes -= of.records.front().size();
      of.records.pop_front();
    }
    if (of.records.empty()) sessions_.erase(std::string(session));
    done({});
  }

  void load(std::string_view session, const load_handler& done) {
    const auto found = sessions_.find(std::string(session));
    if (found == sessions_.end()) return done(std::vector<std::string>());
    done(std::vector<std::string>(found->second.records.begin(), found->second.records.end()));
  }

  void erase(std::string_view session, const store_handler& done) {
    sessions_.erase(std::string(session));
    done({});
  }

  /// Sessions of which something is kept.
  std::size_t size() const noexcept { return sessions_.size(); }

 private:
  struct kept {
    std::deque<std::string> records;
    std::size_t bytes = 0;
  };
  std::size_t max_records_;
  std::size_t max_bytes_;
  std::unordered_map<std::string, kept> sessions_;
};

namespace detail {
template <typename S>
using append_expression = decltype(std::declval<S&>().append(std::string_view(), std::string(), std::declval<store_handler>()));
template <typename S>
using load_expression = decltype(std::declval<S&>().load(std::string_view(), std::declval<load_handler>()));
template <typename S>
using erase_expression = decltype(std::declval<S&>().erase(std::string_view(), std::declval<store_handler>()));
}  // namespace detail

template <typename S>
inline constexpr bool has_append_v = is_detected_v<detail::append_expression, S>;
template <typename S>
inline constexpr bool has_load_v = is_detected_v<detail::load_expression, S>;
template <typename S>
inline constexpr bool has_erase_v = is_detected_v<detail::erase_expression, S>;

/// True when S meets the requirement Store.
template <typename S>
inline constexpr bool is_store_v = has_append_v<S> && has_load_v<S> && has_erase_v<S>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename S>
concept store_policy = is_store_v<S>;
#endif

/// Instantiated by everything that takes a Store, so that the first error line names the missing member.
template <typename S>
constexpr bool require_store() {
  static_assert(has_append_v<S>, "Store needs: void append(std::string_view, std::string, store_handler)");
  static_assert(has_load_v<S>, "Store needs: void load(std::string_view, load_handler)");
  static_assert(has_erase_v<S>, "Store needs: void erase(std::string_view, store_handler)");
  return true;
}

}  // namespace agent_websocket
