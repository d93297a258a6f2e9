/// A CA and what it signs, made by openssl(1) into a folder of their own.
#pragma once

#include <filesystem>
#include <string>

namespace vpn_sentinel {

class Certificates {
 public:
  /// With ca.pem, and server.pem + server.key for "localhost" and 127.0.0.1, valid for 30 days.
  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// NAME.pem and NAME.key, signed by CA.pem. `subject` as "/CN=office"; `more` are further arguments of `openssl req -x509`.
  void make(const std::string& name, const std::string& subject, const std::string& more = "-days 30", const std::string& ca = "ca") const;
  /// NAME.pem and NAME.key, signed by itself.
  void make_ca(const std::string& name) const;
  void copy(const std::string& from, const std::string& to) const;
  void write(const std::string& name, const std::string& text) const;
  /// Throws when the command fails. `@` stands for the folder.
  void run(std::string command) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace vpn_sentinel
