// SPDX-License-Identifier: MIT
// Appends to the sessions of a file without end, to be killed by run.py. It says "found S K" for
// each session, that its first K batches are there and nothing else, or "wrong S" when it is
// otherwise; then "kept S K" for each batch K (from 1) whose outcome came.
//   crash_sqlite FILE [SECONDS]      SECONDS: it ends by itself then, in good order
#include <agent_websocket/adapters/sqlite_store.hpp>

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::fence_number;
using agent_websocket::result;
using agent_websocket::store_batch;
using agent_websocket::stored_session;
using agent_websocket::adapters::sqlite_options;
using agent_websocket::adapters::sqlite_store;

namespace {

constexpr std::size_t sessions = 20;

/// At once and whole: run.py has what was said, whenever this process is killed.
void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    std::_Exit(2);
  }
}

/// What batch `k` (from 0) of session `s` always is.
std::vector<std::string> records_of(std::size_t s, std::uint64_t k) {
  std::vector<std::string> records(1 + (s * 7 + k) % 4);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::size_t size = (k * 31 + i * 977) % (k % 20 == 3 ? 30'000 : 300);
    records[i] = "{\"s\":" + std::to_string(s) + ",\"k\":" + std::to_string(k) +
                 ",\"i\":" + std::to_string(i) + ",\"x\":\"" + std::string(size, 'x') + "\"}";
  }
  return records;
}
bool replaces(std::uint64_t k) { return k % 9 == 8; }

class one_session {
 public:
  one_session(sqlite_store& store, std::size_t number)
      : store_(store), number_(number), name_("session-" + std::to_string(number)) {}

  void start() {
    store_.load(name_, [this](const result<stored_session>& found) {
      if (!found || !look(*found)) return say("wrong " + std::to_string(number_));
      say("found " + std::to_string(number_) + " " + std::to_string(batch_));
      if (batch_ == 0) return append();
      store_.claim(name_, *found, [this](const result<fence_number>& fence) {
        if (!fence) return say("wrong " + std::to_string(number_));
        fence_ = *fence;
        append();
      });
    });
  }

 private:
  /// True when it is just the first batches, as many as there are.
  bool look(const stored_session& found) {
    std::vector<std::string> expected;
    next_ = 0;
    for (batch_ = 0; next_ < found.next; ++batch_) {
      const auto records = records_of(number_, batch_);
      if (replaces(batch_)) expected.clear();
      expected.insert(expected.end(), records.begin(), records.end());
      next_ += records.size();
    }
    return next_ == found.next && found.records == expected && (batch_ == 0 || found.fence >= 1);
  }

  void append() {
    auto records = records_of(number_, batch_);
    const std::size_t count = records.size();
    store_.append(store_batch{name_, fence_, next_, std::move(records), replaces(batch_)},
                  [this, count](const result<void>& outcome) {
                    if (!outcome) return say("wrong " + std::to_string(number_));
                    next_ += count;
                    ++batch_;
                    say("kept " + std::to_string(number_) + " " + std::to_string(batch_));
                    append();
                  });
  }

  sqlite_store& store_;
  const std::size_t number_;
  const std::string name_;
  fence_number fence_ = 1;
  std::uint64_t batch_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  asio::io_context context(1);
  sqlite_options options;
  options.file = arguments[1];
  sqlite_store store(context, options);
  const auto opened = store.open();
  if (!opened) {
    say("wrong: " + opened.error().message);
    return 1;
  }
  std::deque<one_session> all;
  for (std::size_t i = 0; i < sessions; ++i) all.emplace_back(store, i).start();
  // Bounded, should nobody kill it.
  const int seconds = count > 2 ? std::atoi(arguments[2]) : 20;
  context.run_for(std::chrono::seconds(seconds));
  return 0;
}
