// SPDX-License-Identifier: MIT
//
// One folder, to be read by a model: lists and gives texts, never writes, and never leaves the
// folder. A path is relative, has no ".." and no hidden name in it, and what it leads to, all
// symbolic links followed, has to lie inside. Whoever can change the folder while it is read could
// still swap a link: give a model no folder that strangers write to.
#pragma once

#include <agent_websocket.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace example_tools {

namespace fs = std::filesystem;

class folder {
 public:
  static constexpr std::size_t max_file_bytes = 16 * 1024;  // what a model reads is paid for
  static constexpr std::size_t max_entries = 200;

  using text = agent_websocket::result<std::string>;

  /// Fails when there is no such folder.
  static agent_websocket::result<folder> open(const std::string& path) {
    std::error_code failure;
    fs::path root = fs::canonical(fs::path(path), failure);
    if (failure || !fs::is_directory(root, failure)) return refuse("There is no folder " + path);
    return folder(std::move(root));
  }

  /// The names in a folder, one a line, sub-folders with a slash behind them.
  text list(std::string_view path) const {
    const auto inside = resolve(path);
    if (!inside) return inside.error();
    std::error_code failure;
    if (!fs::is_directory(*inside, failure)) return refuse("There is no such folder");
    std::vector<std::string> names;
    bool more = false;
    fs::directory_iterator each(*inside, failure);
    for (; !failure && each != fs::directory_iterator(); each.increment(failure)) {
      std::string name = each->path().filename().string();
      if (is_hidden(name) || !agent_websocket::is_utf8(name)) continue;
      more = names.size() == max_entries;
      if (more) break;
      std::error_code ignored;
      names.push_back(name + (each->is_directory(ignored) ? "/" : ""));
    }
    if (failure) return refuse("The folder cannot be listed");
    std::sort(names.begin(), names.end());
    if (more) names.push_back("(and more)");
    std::string joined;
    for (const std::string& name : names) joined += name + "\n";
    return joined.empty() ? std::string("The folder is empty.") : joined;
  }

  /// The text of a file.
  text read(std::string_view path) const {
    const auto inside = resolve(path);
    if (!inside) return inside.error();
    std::error_code failure;
    // Not a device or a pipe, which may have no end or never begin.
    if (!fs::is_regular_file(*inside, failure)) return refuse("There is no such file");
    std::ifstream file(*inside, std::ios::binary);
    std::string content(max_file_bytes + 1, '\0');
    file.read(&content[0], static_cast<std::streamsize>(content.size()));
    if (!file.is_open() || file.bad()) return refuse("The file cannot be read");
    content.resize(static_cast<std::size_t>(file.gcount()));
    if (content.size() > max_file_bytes) {
      return refuse("The file is larger than " + std::to_string(max_file_bytes) + " bytes");
    }
    if (!agent_websocket::is_utf8(content)) return refuse("The file is no text in UTF-8");
    return content;
  }

 private:
  explicit folder(fs::path root) : root_(std::move(root)) {}

  static agent_websocket::error refuse(std::string why) {
    return agent_websocket::error(agent_websocket::errc::bad_message, std::move(why));
  }

  /// ".." too, and files that are seldom meant to be shown, such as .env.
  static bool is_hidden(const fs::path& part) {
    const std::string name = part.string();
    return name.size() > 1 && name.front() == '.';
  }

  /// Where `path` leads to, which is inside; empty means the folder itself.
  agent_websocket::result<fs::path> resolve(std::string_view path) const {
    if (path.find('\0') != std::string_view::npos) return refuse("The path is not valid");
    const fs::path asked = fs::path(std::string(path));
    if (asked.is_absolute() || asked.has_root_path())
      return refuse("The path has to be relative to the folder");
    if (std::any_of(asked.begin(), asked.end(), is_hidden))
      return refuse("A part of the path must not begin with a dot");
    std::error_code failure;
    fs::path found = fs::canonical(root_ / asked, failure);
    if (failure) return refuse("There is no such file or folder");
    const auto [root_end, inside] =
        std::mismatch(root_.begin(), root_.end(), found.begin(), found.end());
    if (root_end != root_.end() || std::any_of(inside, found.end(), is_hidden))
      return refuse("The path leads out of what may be read");
    return found;
  }

  fs::path root_;  // canonical
};

}  // namespace example_tools
