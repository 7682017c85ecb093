// SPDX-License-Identifier: MIT
//
// A folder in the directory for temporary files, gone with all that is in it at the end of the test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace loopback {

class temporary_folder {
 public:
  temporary_folder() {
    name_ = (std::filesystem::temp_directory_path() / "agent_websocket_XXXXXX").string();
    if (::mkdtemp(name_.data()) == nullptr) throw std::runtime_error("no temporary folder");
  }
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(name_, ignored);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const std::string& name() const { return name_; }
  std::string file(const std::string& of) const { return name_ + "/" + of; }

 private:
  std::string name_;
};

}  // namespace loopback
