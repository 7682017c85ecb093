// SPDX-License-Identifier: MIT
//
// Model of the requirement Store in Redis 5 or newer, one server or a Redis Cluster, for processes
// that share their sessions. Each step is a script there. A session is two keys,
// <prefix>{<session>} and <prefix>{<session>}:records, which end by themselves when nothing was
// appended for long. What Redis loses (it keeps as much as its own configuration says) is lost
// here.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/redis_client.hpp>
#include <agent_websocket/adapters/redis_lease.hpp>
#include <agent_websocket/adapters/redis_scripts.hpp>
#include <agent_websocket/adapters/redis_settings.hpp>
#include <agent_websocket/adapters/redis_url.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/base/random.hpp>
#include <agent_websocket/policy/store.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// One thread, the one that runs the context.
class redis_store {
 public:
  /// The context outlives the store.
  redis_store(asio::io_context& context, redis_settings settings);
  redis_store(const redis_store&) = delete;
  redis_store& operator=(const redis_store&) = delete;
  ~redis_store();

  /// Once, before all others. Fails with bad_configuration; a Redis that is away is no failure, see
  /// check().
  result<void> open();

  /// Of this process among those that share the store.
  const std::string& name() const noexcept { return settings_.name; }
  const redis_url& url() const noexcept { return url_; }
  /// Precondition: open() went well.
  redis_client& client() noexcept { return *client_; }
  asio::io_context& context() noexcept { return context_; }

  bool lasting() const noexcept { return true; }

  void load(std::string_view session, load_handler done);
  void claim(std::string_view session, const stored_session& known, claim_handler done);
  void append(store_batch batch, store_handler done);
  void release(std::string_view session, fence_number fence, store_handler done);
  void erase(std::string_view session, fence_number fence, store_handler done);

  /// Whether Redis takes writes; of a cluster, whether all slots are served.
  void check(store_handler done);

 private:
  using word_list = std::vector<std::string>;

  static const redis_session_scripts& scripts();

  static error strange();

  word_list keys_of(std::string_view session) const;

  template <typename Handler>
  bool refuse_unopened(const Handler& done) {
    if (client_) return false;
    asio::post(context_, [alive = std::weak_ptr<char>(alive_), done] {
      if (!alive.expired()) done(error(errc::connection_failed, "The store is not open"));
    });
    return true;
  }

  /// Calls for one session begin after the outcome of the one before: on different ways (a slot
  /// that moves, a script that is not known yet) one could overtake the other.
  void begin(const std::string& session, std::function<void()> call);
  void finish(const std::string& session);

  /// Ends the turn of the session, then tells. Nothing of this object is used after that.
  template <typename Handler, typename Outcome>
  void conclude(const std::string& session, const Handler& done, Outcome outcome) {
    const Handler tell = done;
    finish(session);
    tell(std::move(outcome));
  }

  static result<stored_session> parse(const redis_view& reply);

  static result<void> parse_word(const result<redis_reply>& reply);

  void run_with_fence(const redis_script& script, std::string_view session, fence_number fence,
                      store_handler done);
  void claim_from(const std::string& session, const stored_session& found, claim_handler done);

  asio::io_context& context_;
  redis_settings settings_;
  redis_url url_;
  std::unordered_map<std::string, std::deque<std::function<void()>>> lanes_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::unique_ptr<redis_lease> lease_;    // destroyed after the client, whose handlers use it
  std::unique_ptr<redis_client> client_;  // destroyed first: no handler is called after that
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE redis_store::redis_store(asio::io_context& context, redis_settings settings)
    : context_(context), settings_(std::move(settings)) {}

AGENT_WEBSOCKET_INLINE redis_store::~redis_store() {
  if (lease_) lease_->end();
}

AGENT_WEBSOCKET_INLINE void redis_store::release(std::string_view session, fence_number fence,
                                                 store_handler done) {
  run_with_fence(scripts().release, session, fence, std::move(done));
}

AGENT_WEBSOCKET_INLINE void redis_store::erase(std::string_view session, fence_number fence,
                                               store_handler done) {
  run_with_fence(scripts().erase, session, fence, std::move(done));
}

AGENT_WEBSOCKET_INLINE const redis_session_scripts& redis_store::scripts() {
  static const redis_session_scripts made;
  return made;
}

AGENT_WEBSOCKET_INLINE error redis_store::strange() {
  return error(errc::internal, "The store failed", "redis: the key holds something else");
}

AGENT_WEBSOCKET_INLINE redis_store::word_list redis_store::keys_of(std::string_view session) const {
  std::string key = url_.prefix + "{" + std::string(session) + "}";
  std::string records = key + ":records";
  return {std::move(key), std::move(records)};
}

AGENT_WEBSOCKET_INLINE void redis_store::begin(const std::string& session,
                                               std::function<void()> call) {
  const auto [lane, is_free] = lanes_.try_emplace(session);
  if (!is_free) return lane->second.push_back(std::move(call));
  call();
}

AGENT_WEBSOCKET_INLINE void redis_store::finish(const std::string& session) {
  const auto lane = lanes_.find(session);
  if (lane->second.empty()) {
    lanes_.erase(lane);
    return;
  }
  const auto next = std::move(lane->second.front());
  lane->second.pop_front();
  next();
}

AGENT_WEBSOCKET_INLINE result<stored_session> redis_store::parse(const redis_view& reply) {
  stored_session known;
  if (!reply.is_array()) return strange();
  if (reply.size() == 0) return known;
  const auto fence = reply[0].number(), next = reply[1].number();
  if (!fence || !next) return strange();
  known.fence = *fence;
  known.next = *next;
  known.holder = std::string(reply[2].text());
  known.records.reserve(reply[3].size());
  for (std::size_t i = 0; i < reply[3].size(); ++i) {
    known.records.emplace_back(reply[3][i].text());
  }
  return known;
}

AGENT_WEBSOCKET_INLINE result<void> redis_store::parse_word(const result<redis_reply>& reply) {
  if (!reply) return reply.error();
  const std::string_view word = reply->text();
  if (word == "ok") return {};
  if (word == "moved") return error(errc::moved);
  if (word == "session_not_found") return error(errc::session_not_found);
  return strange();
}

AGENT_WEBSOCKET_INLINE result<void> redis_store::open() {
  auto url = parse_redis_url(settings_.url);
  if (!url) return url.error();
  const auto refuse = [](const char* words) { return error(errc::bad_configuration, words); };
  if (settings_.name.empty()) {
    random_source random;
    settings_.name = make_uuid(random);
  }
  if (!is_valid_id(settings_.name)) {
    return refuse("the name of this process is 1 to 64 of the characters A-Z a-z 0-9 _ . : -");
  }
  if (settings_.timeout < std::chrono::milliseconds(1) ||
      settings_.lease < std::chrono::milliseconds(300) ||
      settings_.keep < std::chrono::seconds(1)) {
    return refuse("Redis needs a time-out from 1 ms, a lease from 300 ms, and to keep from 1 s");
  }
  redis_connection_settings each;
  if (url->secure) {
    auto trusted = tls_context::of_client(url->ca_file);
    if (!trusted) return trusted.error();
    each.tls = *trusted;
  }
  url_ = *url;
  each.address = url_.address;
  each.user = url_.user;
  each.password = url_.password;
  each.database = url_.database;
  each.timeout = settings_.timeout;
  each.max_pending_bytes = settings_.max_pending_bytes;
  each.on_event = settings_.on_event;
  client_ = std::make_unique<redis_client>(context_, std::move(each), url_.cluster);
  client_->connect();
  lease_ = std::make_unique<redis_lease>(context_, *client_, url_.prefix, settings_.name,
                                         settings_.lease);
  lease_->start();
  return {};
}

AGENT_WEBSOCKET_INLINE void redis_store::load(std::string_view session, load_handler done) {
  if (refuse_unopened(done)) return;
  begin(std::string(session), [this, key = std::string(session), done = std::move(done)] {
    scripts().load.run(*client_, 2, keys_of(key), [this, key, done](result<redis_reply> reply) {
      auto known = reply ? parse(*reply) : result<stored_session>(reply.error());
      if (!known || known->holder.empty() || known->holder == settings_.name) {
        if (known) known->holder.clear();
        return conclude(key, done, std::move(known));
      }
      auto found = std::make_shared<stored_session>(std::move(*known));
      lease_->look_for(found->holder, [this, key, done, found](const result<bool>& lives) {
        if (!lives) return conclude(key, done, result<stored_session>(lives.error()));
        if (!*lives) found->holder.clear();
        conclude(key, done, result<stored_session>(std::move(*found)));
      });
    });
  });
}

AGENT_WEBSOCKET_INLINE void redis_store::claim(std::string_view session,
                                               const stored_session& known, claim_handler done) {
  if (refuse_unopened(done)) return;
  begin(std::string(session), [this, key = std::string(session), fence = known.fence,
                               next = known.next, done = std::move(done)] {
    scripts().peek.run(*client_, 2, keys_of(key), [=](const result<redis_reply>& reply) {
      const auto found = reply ? parse(*reply) : result<stored_session>(reply.error());
      const auto fail = [&](error why) {
        conclude(key, done, result<fence_number>(std::move(why)));
      };
      if (!found) return fail(found.error());
      if (found->fence == 0) return fail(error(errc::session_not_found));
      if (found->fence != fence || found->next != next) return fail(error(errc::moved));
      if (found->holder.empty() || found->holder == settings_.name) {
        return claim_from(key, *found, done);
      }
      lease_->look_for(found->holder, [this, key, done, found = *found](const result<bool>& lives) {
        if (lives && !*lives) return claim_from(key, found, done);
        conclude(key, done, result<fence_number>(lives ? error(errc::busy) : lives.error()));
      });
    });
  });
}

/// Only if it is as it was found.
AGENT_WEBSOCKET_INLINE void redis_store::claim_from(const std::string& session,
                                                    const stored_session& found,
                                                    claim_handler done) {
  word_list all = keys_of(session);
  for (std::string each : {std::to_string(found.fence), std::to_string(found.next), found.holder,
                           settings_.name, std::to_string(settings_.keep.count())}) {
    all.push_back(std::move(each));
  }
  scripts().claim.run(*client_, 2, std::move(all),
                      [this, session, done = std::move(done)](const result<redis_reply>& reply) {
                        result<fence_number> outcome(strange());
                        const auto fence = reply ? reply->number() : std::nullopt;
                        if (fence) {
                          outcome = *fence;
                        } else if (const auto word = parse_word(reply); !word) {
                          outcome = word.error();
                        }
                        conclude(session, done, std::move(outcome));
                      });
}

AGENT_WEBSOCKET_INLINE void redis_store::append(store_batch batch, store_handler done) {
  if (refuse_unopened(done)) return;
  const std::string session = batch.session;
  auto kept = std::make_shared<store_batch>(std::move(batch));
  begin(session, [this, kept, done = std::move(done)] {
    word_list all = keys_of(kept->session);
    all.reserve(8 + kept->records.size());
    all.push_back(std::to_string(kept->fence));
    all.push_back(std::to_string(kept->first));
    all.push_back(std::to_string(kept->first + kept->records.size()));
    all.push_back(settings_.name);
    all.push_back(std::to_string(settings_.keep.count()));
    all.push_back(kept->replaces ? "1" : "0");
    for (std::string& each : kept->records) all.push_back(std::move(each));
    scripts().append.run(*client_, 2, std::move(all),
                         [this, session = kept->session, done](const result<redis_reply>& reply) {
                           conclude(session, done, parse_word(reply));
                         });
  });
}

AGENT_WEBSOCKET_INLINE void redis_store::run_with_fence(const redis_script& script,
                                                        std::string_view session,
                                                        fence_number fence, store_handler done) {
  if (refuse_unopened(done)) return;
  begin(std::string(session), [this, &script, key = std::string(session), fence,
                               done = std::move(done)] {
    word_list all = keys_of(key);
    all.push_back(std::to_string(fence));
    script.run(*client_, 2, std::move(all), [this, key, done](const result<redis_reply>& reply) {
      conclude(key, done, parse_word(reply));
    });
  });
}

AGENT_WEBSOCKET_INLINE void redis_store::check(store_handler done) {
  if (refuse_unopened(done)) return;
  lease_->renew([this, done = std::move(done)](const result<void>& written) {
    if (!written || !client_->is_cluster()) return done(written);
    static const redis_command command = make_redis_command({"CLUSTER", "INFO"});
    client_->send_to_any(command, [done](const result<redis_reply>& reply) {
      if (!reply) return done(reply.error());
      if (reply->text().find("cluster_state:ok") != std::string_view::npos) return done({});
      done(error(errc::connection_failed, "The store is not available",
                 "redis: the cluster does not serve all slots"));
    });
  });
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
