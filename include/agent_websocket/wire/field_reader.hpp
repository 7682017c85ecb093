// SPDX-License-Identifier: MIT
//
// Reads the members of one message of a client: each with its type and range, and the first that
// does not fit in words that say what would. null counts as absent.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace wire {
namespace detail {

/// Reads fields one by one; the first that does not fit is remembered and the rest reads as absent.
class field_reader {
 public:
  explicit field_reader(json::value object) : object_(object) {}

  bool failed() const noexcept { return failed_; }
  error take_error() { return std::move(why_); }
  void fail(std::string words);

  /// null counts as absent.
  json::value find(std::string_view name) const;

  /// Any JSON as text, also null; empty when it is absent.
  std::string any(const char* name) const;

  std::string text(const char* name, std::size_t max_bytes = std::string::npos);

  std::string id(const char* name);

  std::optional<bool> boolean(const char* name);

  std::optional<std::int64_t> integer(const char* name, std::int64_t least, std::int64_t most);

  std::optional<double> number(const char* name, double least, double most);

  /// The number of a numbered message, or 0.
  std::optional<std::uint64_t> number_of(const char* name);

  std::vector<std::string> ids(const char* name, std::size_t most);

  std::optional<resume_request> resume();

  /// The `token` of `auth`; empty when there is no `auth`. Its text is in no error.
  std::string token(std::size_t max_bytes);

  std::string object_text(const char* name, std::size_t max_bytes);

  void wrong_type(const char* name, const char* wanted, json::value found);

  static std::string quoted(std::string_view name);

 private:
  json::value object_;
  bool failed_ = false;
  error why_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void field_reader::fail(std::string words) {
  if (failed_) return;
  failed_ = true;
  why_ = error(errc::bad_message, std::move(words));
}

AGENT_WEBSOCKET_INLINE json::value field_reader::find(std::string_view name) const {
  const json::value found = object_[name];
  return found.is_null() ? json::value() : found;
}

AGENT_WEBSOCKET_INLINE std::string field_reader::any(const char* name) const {
  const json::value found = object_[name];
  return found ? json::to_text(found) : std::string();
}

AGENT_WEBSOCKET_INLINE std::string field_reader::text(const char* name, std::size_t max_bytes) {
  const json::value found = find(name);
  if (!found) return {};
  const auto words = found.string();
  if (!words) {
    wrong_type(name, "a string", found);
    return {};
  }
  if (words->size() > max_bytes) {
    fail(quoted(name) + " must have at most " + std::to_string(max_bytes) + " bytes");
    return {};
  }
  return std::string(*words);
}

AGENT_WEBSOCKET_INLINE std::string field_reader::id(const char* name) {
  std::string value = text(name);
  if (find(name) && !failed_ && !is_valid_id(value)) {
    fail(quoted(name) + " must have 1 to 64 characters out of A-Z a-z 0-9 _ . : -");
  }
  return failed_ ? std::string() : value;
}

AGENT_WEBSOCKET_INLINE std::optional<bool> field_reader::boolean(const char* name) {
  const json::value found = find(name);
  if (found && !found.is_boolean()) wrong_type(name, "true or false", found);
  return found.boolean();
}

AGENT_WEBSOCKET_INLINE std::optional<std::int64_t> field_reader::integer(const char* name,
                                                                         std::int64_t least,
                                                                         std::int64_t most) {
  const json::value found = find(name);
  if (!found) return std::nullopt;
  const auto number = found.integer();
  if (!number || *number < least || *number > most) {
    fail(quoted(name) + " must be a whole number from " + std::to_string(least) + " to " +
         std::to_string(most));
    return std::nullopt;
  }
  return number;
}

AGENT_WEBSOCKET_INLINE std::optional<double> field_reader::number(const char* name, double least,
                                                                  double most) {
  const json::value found = find(name);
  if (!found) return std::nullopt;
  const auto value = found.number();
  if (!value || !(*value >= least && *value <= most)) {
    fail(quoted(name) + " must be a number from " + json::print_double(least) + " to " +
         json::print_double(most));
    return std::nullopt;
  }
  return value;
}

AGENT_WEBSOCKET_INLINE std::optional<std::uint64_t> field_reader::number_of(const char* name) {
  const auto seq = integer(name, 0, std::int64_t{1} << 53);
  return seq ? std::optional<std::uint64_t>(static_cast<std::uint64_t>(*seq)) : std::nullopt;
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> field_reader::ids(const char* name,
                                                                  std::size_t most) {
  const json::value found = find(name);
  std::vector<std::string> read;
  if (!found) return read;
  const auto refuse = [&] {
    fail(quoted(name) + " must be an array of at most " + std::to_string(most) + " ids");
  };
  if (!found.is_array() || found.size() > most) {
    refuse();
    return read;
  }
  found.for_each_element([&](json::value each) {
    const auto text = each.string();
    if (!text || !is_valid_id(*text)) return refuse();
    read.emplace_back(*text);
  });
  return read;
}

AGENT_WEBSOCKET_INLINE std::optional<resume_request> field_reader::resume() {
  const json::value found = find("resume");
  if (!found) return std::nullopt;
  if (!found.is_object()) {
    wrong_type("resume", "an object", found);
    return std::nullopt;
  }
  const auto token = found["token"].string();
  const auto epoch = found["epoch"].string();
  const auto last_seq = found["last_seq"].integer();
  if (!token || !epoch || !last_seq || *last_seq < 0) {
    fail("`resume` needs `token` and `epoch`, both strings, and `last_seq`, a number from 0");
    return std::nullopt;
  }
  return resume_request{std::string(*token), std::string(*epoch),
                        static_cast<std::uint64_t>(*last_seq)};
}

AGENT_WEBSOCKET_INLINE std::string field_reader::token(std::size_t max_bytes) {
  const json::value found = find("auth");
  if (!found) return {};
  const auto text = found["token"].string();
  if (!text || text->empty() || text->size() > max_bytes) {
    fail("`auth` must be an object with a string `token` of 1 to " + std::to_string(max_bytes) +
         " bytes");
    return {};
  }
  return std::string(*text);
}

AGENT_WEBSOCKET_INLINE std::string field_reader::object_text(const char* name,
                                                             std::size_t max_bytes) {
  const json::value found = find(name);
  if (!found) return {};
  if (!found.is_object()) {
    wrong_type(name, "an object", found);
    return {};
  }
  std::string raw = json::to_text(found);
  if (raw.size() > max_bytes) {
    fail(quoted(name) + " must have at most " + std::to_string(max_bytes) + " bytes");
    return {};
  }
  return raw;
}

AGENT_WEBSOCKET_INLINE void field_reader::wrong_type(const char* name, const char* wanted,
                                                     json::value found) {
  fail(quoted(name) + " must be " + wanted + ", not " + json::describe(found.kind()));
}

AGENT_WEBSOCKET_INLINE std::string field_reader::quoted(std::string_view name) {
  return "`" + std::string(name) + "`";
}

#endif

}  // namespace detail
}  // namespace wire
}  // namespace agent_websocket
