// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/sink.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string_view>
#include <type_traits>

using namespace agent_websocket::openrouter;

namespace {

/// The smallest sink; it compiles as long as the interface is what programs have written against.
class smallest final : public completion_sink {
 public:
  void on_begin(completion_id, std::string_view) override { ++calls; }
  void on_text(completion_id, std::string_view) override { ++calls; }
  void on_reasoning(completion_id, std::string_view) override { ++calls; }
  void on_retry(completion_id, int, std::chrono::milliseconds, const failure&) override { ++calls; }
  void on_complete(completion_id, outcome) override { ++calls; }
  int calls = 0;
};

}  // namespace

TEST_CASE("sink: the smallest one, called through the interface") {
  smallest sink;
  completion_sink& seen = sink;
  seen.on_retry(1, 1, std::chrono::milliseconds(5), failure());
  seen.on_begin(1, "a/b");
  seen.on_reasoning(1, "hm");
  seen.on_text(1, "x");
  seen.on_complete(1, outcome());
  CHECK(sink.calls == 5);
  // Nobody deletes a sink through the interface.
  CHECK(!std::is_destructible_v<completion_sink>);
}
