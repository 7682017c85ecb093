// SPDX-License-Identifier: MIT
//
// The environment as tests of proxies need it.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// All variables that name proxies, as given, for the length of a test.
class proxy_variables {
 public:
  using list = std::vector<std::pair<std::string, std::string>>;

  explicit proxy_variables(const list& values) {
    for (const char* const name : names) {
      const char* const value = std::getenv(name);
      before_.emplace_back(name,
                           value == nullptr ? std::nullopt : std::optional<std::string>(value));
      ::unsetenv(name);
    }
    for (const auto& [name, value] : values) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~proxy_variables() {
    for (const auto& [name, value] : before_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
  }
  proxy_variables(const proxy_variables&) = delete;
  proxy_variables& operator=(const proxy_variables&) = delete;

 private:
  static constexpr const char* names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                          "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};
