// SPDX-License-Identifier: MIT
//
// A Redis Cluster of three primaries on 127.0.0.1, made by redis-cli.
#pragma once

#include "loopback/redis_server.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace loopback {

class redis_cluster {
 public:
  redis_cluster() {
    std::vector<std::string> create{"redis-cli", "--cluster", "create"};
    for (int i = 0; i < 3; ++i) {
      servers_.push_back(std::make_unique<redis_server>(redis_server::words{
          "--cluster-enabled", "yes", "--cluster-node-timeout", "2500",
          "--cluster-require-full-coverage", "yes"}));
      create.push_back(servers_.back()->address());
    }
    for (const char* each : {"--cluster-replicas", "0", "--cluster-yes"}) create.push_back(each);
    if (run_program(create, servers_[0]->directory() + "/create") != 0) {
      throw std::runtime_error("redis-cli cannot make a cluster");
    }
    for (const auto& each : servers_) wait_for(*each, "cluster_state:ok");
  }

  std::string url() const { return servers_[0]->url() + "?cluster=1"; }
  redis_server& server(std::size_t i) { return *servers_[i]; }
  std::string id(std::size_t i) const { return servers_[i]->command({"CLUSTER", "MYID"}); }

  /// The one that says it has the slot.
  std::size_t owner_of(std::uint16_t slot) const {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const std::string told = servers_[i]->command({"CLUSTER", "NODES"});
      const std::size_t line = told.find("myself");
      const std::string mine = told.substr(line, told.find('\n', line) - line);
      if (contains(mine, slot)) return i;
    }
    throw std::runtime_error("nobody has the slot");
  }

  static void wait_for(const redis_server& server, const std::string& words) {
    for (int i = 0; i < 600; ++i) {
      if (server.command({"CLUSTER", "INFO"}).find(words) != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    throw std::runtime_error("the cluster does not say " + words);
  }

 private:
  /// Ranges at the end of a line of CLUSTER NODES: "0-5460 [1->-id]".
  static bool contains(const std::string& line, std::uint16_t slot) {
    std::size_t at = line.find("connected");
    while ((at = line.find(' ', at)) != std::string::npos) {
      ++at;
      if (line[at] == '[') continue;
      char* end = nullptr;
      const unsigned long first = std::strtoul(line.c_str() + at, &end, 10);
      const unsigned long last = *end == '-' ? std::strtoul(end + 1, nullptr, 10) : first;
      if (first <= slot && slot <= last) return true;
    }
    return false;
  }

  std::vector<std::unique_ptr<redis_server>> servers_;
};

}  // namespace loopback
