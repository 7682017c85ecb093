// SPDX-License-Identifier: MIT
//
// One process of several that share a Redis, as far as a test needs it: an io_context of its own,
// which stands still while nobody runs it, a store, and what it said.
#pragma once

#include "loopback/redis_server.hpp"

#include <agent_websocket/adapters/redis_store.hpp>
#include <agent_websocket/policy/store.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loopback {

class redis_process {
 public:
  using settings = agent_websocket::adapters::redis_settings;
  using store_type = agent_websocket::adapters::redis_store;
  template <typename T>
  using result = agent_websocket::result<T>;
  using code = std::optional<agent_websocket::errc>;
  using texts = std::vector<std::string>;

  explicit redis_process(settings chosen) {
    chosen.on_event = [this](std::string_view event, std::string_view text) {
      events.push_back(std::string(event));
      told.push_back(std::string(event) + " " + std::string(text));
    };
    store_ = std::make_unique<store_type>(context_, std::move(chosen));
    const auto opened = store_->open();
    REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
  }
  explicit redis_process(const std::string& url) : redis_process(of(url)) {}

  static settings of(const std::string& url) {
    settings chosen;
    chosen.url = url;
    return chosen;
  }

  store_type& store() { return *store_; }
  asio::io_context& context() { return context_; }
  void drop() { store_.reset(); }

  /// Runs for as long as something is to come, twenty seconds at most.
  void run(const std::function<bool()>& ready) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!ready() && std::chrono::steady_clock::now() < end) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(20));
    }
  }
  void run_for(std::chrono::milliseconds time) {
    context_.restart();
    context_.run_for(time);
  }

  code append(const std::string& session, std::uint64_t fence, std::uint64_t first, texts records,
              bool replaces = false) {
    agent_websocket::store_batch batch{session, fence, first, std::move(records), replaces};
    return wait<void>([&](auto done) { store_->append(std::move(batch), std::move(done)); });
  }
  agent_websocket::stored_session load(const std::string& session) {
    wait<agent_websocket::stored_session>(
        [&](auto done) { store_->load(session, std::move(done)); });
    return std::exchange(loaded, {});
  }
  code claim(const std::string& session, const agent_websocket::stored_session& known) {
    return wait<agent_websocket::fence_number>(
        [&](auto done) { store_->claim(session, known, std::move(done)); });
  }
  code release(const std::string& session, std::uint64_t fence) {
    return wait<void>([&](auto done) { store_->release(session, fence, std::move(done)); });
  }
  code erase(const std::string& session, std::uint64_t fence) {
    return wait<void>([&](auto done) { store_->erase(session, fence, std::move(done)); });
  }
  code check() {
    return wait<void>([&](auto done) { store_->check(std::move(done)); });
  }
  /// Until check() says that Redis is there.
  bool reaches_redis() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(15);
    while (check() && std::chrono::steady_clock::now() < end) {
      run_for(std::chrono::milliseconds(20));
    }
    return !check();
  }
  bool said(const std::string& what) const {
    for (const std::string& each : told) {
      if (each.find(what) != std::string::npos) return true;
    }
    return false;
  }

  texts events;
  texts told;
  std::string detail;  ///< of the last error
  std::string words;   ///< and what of it people see
  agent_websocket::stored_session loaded;
  std::uint64_t claimed = 0;  ///< the fence of the last claim

 private:
  void keep(const result<void>&) {}
  void keep(const result<std::uint64_t>& outcome) { claimed = *outcome; }
  void keep(result<agent_websocket::stored_session> outcome) { loaded = std::move(*outcome); }

  template <typename T, typename Call>
  code wait(const Call& call) {
    int calls = 0;
    code failed;
    call([&](result<T> outcome) {
      ++calls;
      if (outcome) return keep(std::move(outcome));
      failed = outcome.error().code;
      detail = outcome.error().detail;
      words = outcome.error().message;
    });
    CHECK(calls == 0);  // never from within
    run([&] { return calls > 0; });
    REQUIRE(calls == 1);
    return failed;
  }

  asio::io_context context_;
  std::unique_ptr<store_type> store_;
};

}  // namespace loopback
