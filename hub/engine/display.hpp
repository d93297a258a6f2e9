/// What readers are shown: what is stored, unless a client's lease has passed or a report of it could not be stored. The engine's thread
/// only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "hub/engine/writer.hpp"

namespace vpn_sentinel {

class Display {
 public:
  struct Turned {
    std::vector<ClientSnapshot> clients;
    std::vector<std::string> removed;  ///< nothing of them was ever stored, and they are silent again
  };

  /// How these stored states look at `now`.
  [[nodiscard]] std::vector<ClientSnapshot> show(const Fleet& fleet, const std::vector<ClientSnapshot>& stored, WallTime now);
  /// Who looks different because time went by.
  [[nodiscard]] Turned turn(const Fleet& fleet, WallTime now);
  /// Reports that could not be stored: what they said must be seen all the same. It stays until a report of the client is stored, or
  /// until its lease passes.
  [[nodiscard]] std::vector<ClientSnapshot> refuse(const Fleet& fleet, const std::vector<WaitingReport>& reports, WallTime now);
  void stored(const std::vector<WaitingReport>& reports, const std::vector<SubmitResult>& results);
  void forget(const std::vector<std::string>& client_ids);

 private:
  [[nodiscard]] ClientSnapshot refuse_group(const Fleet& fleet, const ClientState& member, WallTime now);
  [[nodiscard]] ClientSnapshot refused_view(const Fleet& fleet, const ClientSnapshot& refused, WallTime now) const;
  void forget_group_of(const std::string& group);
  [[nodiscard]] ClientSnapshot look(const Fleet& fleet, const ClientSnapshot& stored, WallTime now);
  [[nodiscard]] static ClientSnapshot look_at_group(const Fleet& fleet, const ClientSnapshot& group, WallTime now);

  std::map<std::string, ClientSnapshot> refused_;
  std::set<std::string> silent_;  ///< shown as silent although they are not offline by the book
};

}  // namespace vpn_sentinel
