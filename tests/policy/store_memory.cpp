// SPDX-License-Identifier: MIT
#include "store_suite.hpp"

#include <agent_websocket/policy/any_store.hpp>
#include <agent_websocket/policy/memory_store.hpp>

#include <memory>
#include <string>

using agent_websocket::any_store;
using agent_websocket::memory_space;
using agent_websocket::memory_store;

namespace {

class memory_fixture {
 public:
  static constexpr bool shared = true;

  memory_store& store() { return *store_; }
  memory_store& another() { return second_; }

  template <typename Ready>
  void run(const Ready& ready) {
    CHECK(ready());  // all is done at once
  }
  void settle() {}

  void reopen() {
    space_->drop_holder(name());
    ++processes_;
    store_ = std::make_unique<memory_store>(space_, name());
  }
  void drop() { store_.reset(); }

 private:
  std::string name() const { return "process " + std::to_string(processes_); }

  int processes_ = 0;
  std::shared_ptr<memory_space> space_ = std::make_shared<memory_space>();
  std::unique_ptr<memory_store> store_ = std::make_unique<memory_store>(space_, name());
  memory_store second_{space_, "another process"};
};

/// The same, seen through an any_store.
class any_fixture : public memory_fixture {
 public:
  any_store& store() { return store_; }
  any_store& another() { return second_; }
  void reopen() {
    memory_fixture::reopen();
    store_ = wrap(memory_fixture::store());
  }
  void drop() { store_ = any_store(); }

 private:
  static any_store wrap(const memory_store& one) {
    return any_store(std::make_unique<memory_store>(one));
  }

  any_store store_ = wrap(memory_fixture::store());
  any_store second_ = wrap(memory_fixture::another());
};

}  // namespace

TEST_CASE("store: memory_store keeps the contract") { store_suite::run_all<memory_fixture>(); }

TEST_CASE("store: any_store hands everything on") { store_suite::run_all<any_fixture>(); }
