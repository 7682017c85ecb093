// SPDX-License-Identifier: MIT
//
// An environment variable for the length of a test.
#pragma once

#include <cstdlib>
#include <string>

namespace loopback {

class variable {
 public:
  variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~variable() { ::unsetenv(name_); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;

 private:
  const char* name_;
};

}  // namespace loopback
