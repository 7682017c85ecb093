// SPDX-License-Identifier: MIT
//
// Requirement Store: keeps what a session must not lose, as records in the order of their
// appending, and knows which process may write them. Shipped models: memory_store, any_store,
// adapters::sqlite_store, adapters::redis_store.
//
// | expression                       | result | promise of the policy |
// |----------------------------------|--------|-------------------------------------------------------------------|
// | s.lasting()                      | bool   | whether anybody can read it who does not have it in
// memory anyhow | | s.load(session, done)            | void   | all that is known of the session;
// nothing when it is unknown      | | s.claim(session, known, done)    | void   | makes this
// process its holder, unless it has changed since `known`| | s.append(batch, done)            |
// void   | keeps the whole batch or nothing of it                            | | s.release(session,
// fence, done)  | void   | nobody holds it now; it stays kept                                | |
// s.erase(session, fence, done)    | void   | forgets the session | | s.check(done) | void   |
// whether it would answer now                                       |
//
// Each calls its done exactly once, now or later, on the executor, with the outcome; never after
// the store is gone. Calls for one session take effect in their order.
//
// A session is held by one process at a time. Each claim gives a new fence, higher than all before;
// what comes with another one fails with errc::moved and changes nothing, so that a process that
// was paused for longer than its lease does no harm. The first append of a session, with fence 1
// and first 0, makes it and holds it.
//
// Records are numbered from 0, `first` is the number of the batch's first one. A batch that is kept
// already is not kept again, and succeeds: after any other failure than moved and session_not_found
// the library gives the same batch again. With any other number than the next the append fails with
// errc::moved, for a session that is not there (any more) with errc::session_not_found.
//
// What has been appended is kept when its done says so: acknowledgements and the answers of the HTTP
// API wait for it.
//
// Promise of the library: called on the executor; records are JSON objects without line breaks; the
// next batch of a session comes after the outcome of the one before. When lasting() is false it
// calls nothing else.
#pragma once

#include <agent_websocket/base/detect.hpp>
#include <agent_websocket/base/result.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Tells the holders of one session apart: from 1, and one more with each claim.
using fence_number = std::uint64_t;

/// What a store knows of a session.
struct stored_session {
  std::vector<std::string> records;  ///< oldest first; none: it is unknown
  std::uint64_t next = 0;            ///< the number that the next record is to have
  fence_number fence = 0;            ///< of its holder, or of the last one
  /// Who holds it, when that is another process and it lives: its name among the processes that
  /// share the store.
  std::string holder;
};

/// Records to be kept together.
struct store_batch {
  std::string session;
  fence_number fence = 0;
  std::uint64_t first = 0;           ///< number of the first of the records
  std::vector<std::string> records;  ///< one or more
  bool replaces = false;             ///< all earlier ones are forgotten, in the same step
};

using store_handler = std::function<void(result<void>)>;
using load_handler = std::function<void(result<stored_session>)>;
/// Gets the new fence. Errors: busy (another process holds it and lives), moved (it has changed),
/// session_not_found.
using claim_handler = std::function<void(result<fence_number>)>;

namespace detail {
template <typename S>
using lasting_expression =
    std::enable_if_t<std::is_same_v<decltype(std::declval<const S&>().lasting()), bool>>;
template <typename S>
using load_expression =
    decltype(std::declval<S&>().load(std::string_view(), std::declval<load_handler>()));
template <typename S>
using claim_expression = decltype(std::declval<S&>().claim(
    std::string_view(), std::declval<const stored_session&>(), std::declval<claim_handler>()));
template <typename S>
using append_expression =
    decltype(std::declval<S&>().append(store_batch(), std::declval<store_handler>()));
template <typename S>
using release_expression = decltype(std::declval<S&>().release(std::string_view(), fence_number(),
                                                               std::declval<store_handler>()));
template <typename S>
using erase_expression = decltype(std::declval<S&>().erase(std::string_view(), fence_number(),
                                                           std::declval<store_handler>()));
template <typename S>
using check_expression = decltype(std::declval<S&>().check(std::declval<store_handler>()));
}  // namespace detail

template <typename S>
inline constexpr bool has_lasting_v = is_detected_v<detail::lasting_expression, S>;
template <typename S>
inline constexpr bool has_load_v = is_detected_v<detail::load_expression, S>;
template <typename S>
inline constexpr bool has_claim_v = is_detected_v<detail::claim_expression, S>;
template <typename S>
inline constexpr bool has_append_v = is_detected_v<detail::append_expression, S>;
template <typename S>
inline constexpr bool has_release_v = is_detected_v<detail::release_expression, S>;
template <typename S>
inline constexpr bool has_erase_v = is_detected_v<detail::erase_expression, S>;
template <typename S>
inline constexpr bool has_check_v = is_detected_v<detail::check_expression, S>;

/// True when S meets the requirement Store.
template <typename S>
inline constexpr bool is_store_v = has_lasting_v<S>&& has_load_v<S>&& has_claim_v<S>&&
    has_append_v<S>&& has_release_v<S>&& has_erase_v<S>&& has_check_v<S>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename S>
concept store_policy = is_store_v<S>;
#endif

/// Instantiated by everything that takes a Store, so that the first error line names the missing
/// member.
template <typename S>
constexpr bool require_store() {
  static_assert(has_lasting_v<S>, "Store needs: bool lasting() const");
  static_assert(has_load_v<S>, "Store needs: void load(std::string_view, load_handler)");
  static_assert(has_claim_v<S>,
                "Store needs: void claim(std::string_view, const stored_session&, claim_handler)");
  static_assert(has_append_v<S>, "Store needs: void append(store_batch, store_handler)");
  static_assert(has_release_v<S>,
                "Store needs: void release(std::string_view, fence_number, store_handler)");
  static_assert(has_erase_v<S>,
                "Store needs: void erase(std::string_view, fence_number, store_handler)");
  static_assert(has_check_v<S>, "Store needs: void check(store_handler)");
  return true;
}

}  // namespace agent_websocket
