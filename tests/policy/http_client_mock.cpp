// SPDX-License-Identifier: MIT
#include "http_client_suite.hpp"

#include <agent_websocket/testing/mock_http_client.hpp>

#include <optional>

namespace {

using agent_websocket::testing::http_script;

class mock_fixture {
 public:
  agent_websocket::testing::mock_http_client& client() { return *client_; }
  void forget() { client_.reset(); }

  agent_websocket::http::request request(std::string body) {
    agent_websocket::http::request made;
    made.method = "POST";
    made.target = "http://mock/";
    made.body = std::move(body);
    return made;
  }
  void reply_with(http_script script) { client_->reply_with(std::move(script)); }
  void reply_by(const std::function<http_script(const std::string&)>& answer) {
    client_->reply_by(
        [answer](const agent_websocket::http::request& asked) { return answer(asked.body); });
  }

  template <typename Predicate>
  bool wait(Predicate holds) {
    while (!holds()) {
      if (!client_->step()) return false;
    }
    return true;
  }
  void settle() {
    if (client_) client_->run();
  }

 private:
  std::optional<agent_websocket::testing::mock_http_client> client_{std::in_place};
};

}  // namespace

TEST_CASE("http_client: mock_http_client keeps the contract") {
  http_client_suite::run_all<mock_fixture>();
}
