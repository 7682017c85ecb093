// SPDX-License-Identifier: MIT
//
// A file in the directory for temporary files, gone at the end of the test.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace loopback {

class temporary_file {
 public:
  explicit temporary_file(const std::string& text) {
    const char* const directory = std::getenv("TMPDIR");
    name_ = std::string(directory != nullptr ? directory : "/tmp") + "/agent_websocket_XXXXXX";
    const int file = ::mkstemp(name_.data());
    if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("no temporary file");
    }
    ::close(file);
  }
  ~temporary_file() { std::remove(name_.c_str()); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;

  const std::string& name() const { return name_; }

  /// Another text in place of the one that it holds.
  void replace(const std::string& text) const {
    std::ofstream(name_, std::ios::binary | std::ios::trunc) << text;
  }

 private:
  std::string name_;
};

}  // namespace loopback
