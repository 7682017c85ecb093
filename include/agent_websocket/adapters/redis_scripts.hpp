// SPDX-License-Identifier: MIT
//
// Lua scripts on Redis, each an atomic step there: the ones of redis_store, and how one is called
// by its digest (EVALSHA), with its text only where the server does not know it.
#pragma once

#include <agent_websocket/adapters/redis_client.hpp>
#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// SHA-1 in lower case hexadecimal digits, by which Redis knows a script.
std::string redis_digest(std::string_view text);

class redis_script {
 public:
  explicit redis_script(std::string text) : text_(std::move(text)), digest_(redis_digest(text_)) {}

  const std::string& text() const noexcept { return text_; }
  const std::string& digest() const noexcept { return digest_; }

  /// `words`: the keys, of one slot and at least one, then the arguments. The script outlives the
  /// call. See redis_client::send.
  void run(redis_client& client, std::size_t keys, std::vector<std::string> words,
           redis_handler done) const;

 private:
  static redis_command command(std::string_view name, std::string_view script, std::size_t keys,
                               const std::vector<std::string>& words);

  std::string text_;
  std::string digest_;
};

/// A session is a hash (fence, next, holder) and a list of records: KEYS[1] and KEYS[2]. One
/// without the other, as when Redis was short of memory and evicted it, is none. Numbers are
/// compared as text: Lua's have 53 bits.
struct redis_session_scripts {
  /// -> {fence, next, holder, records}, or {}.
  redis_script load{R"(
local s = redis.call('HMGET', KEYS[1], 'fence', 'next', 'holder')
local r = redis.call('LRANGE', KEYS[2], 0, -1)
if not s[1] or #r == 0 then return {} end
return {s[1], s[2], s[3] or '', r}
)"};

  /// -> {fence, next, holder}, or {}.
  redis_script peek{R"(
local s = redis.call('HMGET', KEYS[1], 'fence', 'next', 'holder')
if not s[1] or redis.call('EXISTS', KEYS[2]) == 0 then return {} end
return {s[1], s[2], s[3] or ''}
)"};

  /// fence, next, holder, the new holder, seconds to keep it -> the new fence, or a word.
  redis_script claim{R"(
local s = redis.call('HMGET', KEYS[1], 'fence', 'next', 'holder')
if not s[1] or redis.call('EXISTS', KEYS[2]) == 0 then return 'session_not_found' end
if s[1] ~= ARGV[1] or s[2] ~= ARGV[2] or (s[3] or '') ~= ARGV[3] then return 'moved' end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[1], 'holder', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return fence
)"};

  /// fence, first, the number after the last, holder, seconds to keep it, 1 if it replaces, records
  /// -> a word. Writes the hash first: a command that Redis refuses when it is out of memory,
  /// before the script has changed anything.
  redis_script append{R"(
local s = redis.call('HMGET', KEYS[1], 'fence', 'next')
local fresh = not s[1] or redis.call('EXISTS', KEYS[2]) == 0
if fresh then
  if ARGV[1] ~= '1' or ARGV[2] ~= '0' then return 'session_not_found' end
  redis.call('HSET', KEYS[1], 'fence', 1, 'next', ARGV[3], 'holder', ARGV[4])
elseif s[1] ~= ARGV[1] then return 'moved'
elseif s[2] == ARGV[3] then return 'ok'
elseif s[2] ~= ARGV[2] then return 'moved'
else redis.call('HSET', KEYS[1], 'next', ARGV[3]) end
if fresh or ARGV[6] == '1' then redis.call('DEL', KEYS[2]) end
for i = 7, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[2], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 'ok'
)"};

  /// fence -> a word.
  redis_script release{R"(
local fence = redis.call('HGET', KEYS[1], 'fence')
if not fence then return 'ok' end
if fence ~= ARGV[1] then return 'moved' end
redis.call('HDEL', KEYS[1], 'holder')
return 'ok'
)"};

  /// fence -> a word.
  redis_script erase{R"(
local fence = redis.call('HGET', KEYS[1], 'fence')
if fence and fence ~= ARGV[1] then return 'moved' end
redis.call('DEL', KEYS[1], KEYS[2])
return 'ok'
)"};
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string redis_digest(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), bytes.data(), &size, EVP_sha1(), nullptr) != 1) {
    throw std::bad_alloc();
  }
  std::string written;
  for (unsigned i = 0; i < size; ++i) {
    written.push_back(digits[bytes[i] >> 4]);
    written.push_back(digits[bytes[i] & 0xF]);
  }
  return written;
}

AGENT_WEBSOCKET_INLINE void redis_script::run(redis_client& client, std::size_t keys,
                                              std::vector<std::string> words,
                                              redis_handler done) const {
  const redis_command by_digest = command("EVALSHA", digest_, keys, words);
  const std::string key = words.front();
  auto kept = std::make_shared<const std::vector<std::string>>(std::move(words));
  client.send(key, by_digest,
              [this, &client, keys, kept, done = std::move(done)](result<redis_reply> reply) {
                const bool is_unknown =
                    reply && reply->is_error() && redis_error_kind(reply->text()) == "NOSCRIPT";
                if (!is_unknown) return done(std::move(reply));
                client.send(kept->front(), command("EVAL", text_, keys, *kept), done);
              });
}

AGENT_WEBSOCKET_INLINE redis_command redis_script::command(std::string_view name,
                                                           std::string_view script,
                                                           std::size_t keys,
                                                           const std::vector<std::string>& words) {
  const std::string count = std::to_string(keys);
  std::vector<std::string_view> all{name, script, count};
  all.reserve(all.size() + words.size());
  all.insert(all.end(), words.begin(), words.end());
  return make_redis_command(all);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
