// SPDX-License-Identifier: MIT
//
// The protocol of Redis (RESP2) by hiredis: commands as bytes, bytes as replies, and what an error
// reply means for its reader. No sockets; see redis_connection for these.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/result.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <hiredis/hiredis.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// Looks at a reply or at a part of one, which outlives it. Asked for another kind than its own it
/// answers with nothing: a server's mistake is no undefined behaviour.
class redis_view {
 public:
  redis_view() = default;
  explicit redis_view(const redisReply* reply) noexcept : reply_(reply) {}

  bool is_error() const noexcept { return is(REDIS_REPLY_ERROR); }
  bool is_nil() const noexcept { return reply_ == nullptr || is(REDIS_REPLY_NIL); }
  bool is_array() const noexcept { return is(REDIS_REPLY_ARRAY); }

  /// Of a string, a status or an error.
  std::string_view text() const noexcept;

  /// An integer, or a string that is one.
  std::optional<std::uint64_t> number() const noexcept;

  std::size_t size() const noexcept { return is_array() ? reply_->elements : 0; }
  /// Nil behind the end.
  redis_view operator[](std::size_t i) const noexcept;

 private:
  bool is(int type) const noexcept { return reply_ != nullptr && reply_->type == type; }

  const redisReply* reply_ = nullptr;
};

/// A whole reply.
class redis_reply : public redis_view {
 public:
  redis_reply() = default;
  explicit redis_reply(redisReply* reply) noexcept : redis_view(reply), owned_(reply) {}

 private:
  struct free_reply {
    void operator()(redisReply* each) const noexcept { freeReplyObject(each); }
  };
  std::unique_ptr<redisReply, free_reply> owned_;
};

/// Gets the reply, which may be an error of Redis, or why there is none.
using redis_handler = std::function<void(result<redis_reply>)>;

/// Bytes in, replies out.
class redis_reader {
 public:
  redis_reader();

  /// What failed is told by next().
  void feed(std::string_view bytes) { redisReaderFeed(reader_.get(), bytes.data(), bytes.size()); }

  /// The next whole reply, nothing while it is not all there. Fails with protocol_error, and then
  /// for good.
  result<std::optional<redis_reply>> next();

 private:
  struct free_reader {
    void operator()(redisReader* each) const noexcept { redisReaderFree(each); }
  };
  std::unique_ptr<redisReader, free_reader> reader_;
};

/// The bytes of one command, shared since it may have to be sent again, to another server.
using redis_command = std::shared_ptr<const std::string>;

/// Precondition: at least the command's name.
redis_command make_redis_command(const std::vector<std::string_view>& words);

/// The first word of an error: "MOVED", "NOSCRIPT".
std::string_view redis_error_kind(std::string_view text) noexcept;

/// What an error reply means to a store. The words of Redis are for the log.
error error_of_redis(std::string_view text);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string_view redis_view::text() const noexcept {
  const bool has = is(REDIS_REPLY_STRING) || is(REDIS_REPLY_STATUS) || is(REDIS_REPLY_ERROR);
  return has && reply_->str != nullptr ? std::string_view(reply_->str, reply_->len)
                                       : std::string_view();
}

AGENT_WEBSOCKET_INLINE std::optional<std::uint64_t> redis_view::number() const noexcept {
  if (is(REDIS_REPLY_INTEGER)) {
    if (reply_->integer < 0) return std::nullopt;
    return static_cast<std::uint64_t>(reply_->integer);
  }
  const std::string_view digits = text();
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || failure != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return value;
}

AGENT_WEBSOCKET_INLINE redis_view redis_view::operator[](std::size_t i) const noexcept {
  return i < size() ? redis_view(reply_->element[i]) : redis_view();
}

AGENT_WEBSOCKET_INLINE redis_reader::redis_reader() : reader_(redisReaderCreate()) {
  if (reader_ == nullptr) throw std::bad_alloc();
}

AGENT_WEBSOCKET_INLINE result<std::optional<redis_reply>> redis_reader::next() {
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
    return error(errc::protocol_error, "The store does not answer as Redis does",
                 std::string("no reply of Redis: ") + reader_->errstr);
  }
  if (reply == nullptr) return std::optional<redis_reply>();
  return std::optional<redis_reply>(redis_reply(static_cast<redisReply*>(reply)));
}

AGENT_WEBSOCKET_INLINE redis_command
make_redis_command(const std::vector<std::string_view>& words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  texts.reserve(words.size());
  sizes.reserve(words.size());
  for (const std::string_view each : words) {
    texts.push_back(each.empty() ? "" : each.data());
    sizes.push_back(each.size());
  }
  char* bytes = nullptr;
  const auto size =
      redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), texts.data(), sizes.data());
  if (size < 0) throw std::bad_alloc();
  const std::unique_ptr<char, void (*)(char*)> owned(bytes,
                                                     [](char* each) { redisFreeCommand(each); });
  return std::make_shared<const std::string>(bytes, static_cast<std::size_t>(size));
}

AGENT_WEBSOCKET_INLINE std::string_view redis_error_kind(std::string_view text) noexcept {
  return text.substr(0, text.find(' '));
}

AGENT_WEBSOCKET_INLINE error error_of_redis(std::string_view text) {
  const std::string_view kind = redis_error_kind(text);
  std::string detail = "redis: " + std::string(text);
  for (const char* const each : {"NOAUTH", "WRONGPASS", "NOPERM", "DENIED"}) {
    if (kind == each) {
      return error(errc::bad_configuration, "The store refuses this server", std::move(detail));
    }
  }
  if (kind == "OOM") return error(errc::internal, "The store is full", std::move(detail));
  for (const char* const each : {"LOADING", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "TRYAGAIN",
                                 "NOREPLICAS", "MISCONF", "BUSY", "MOVED", "ASK"}) {
    if (kind == each) {
      return error(errc::connection_failed, "The store is not available", std::move(detail));
    }
  }
  return error(errc::internal, "The store failed", std::move(detail));
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
