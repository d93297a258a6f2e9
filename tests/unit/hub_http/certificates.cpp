#include "certificates.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace vpn_sentinel {

Certificates::Certificates() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vpn-sentinel-certificates-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  folder_ = pattern;
  make_ca("ca");
  make("server", "/CN=localhost", "-days 30 -addext subjectAltName=DNS:localhost,IP:127.0.0.1");
}

Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Certificates::make_ca(const std::string& name) const {
  run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=test-" + name + " -keyout @" + name +
      ".key -out @" + name + ".pem");
}

void Certificates::make(const std::string& name, const std::string& subject, const std::string& more, const std::string& ca) const {
  run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '" + subject + "' -CA @" + ca + ".pem -CAkey @" + ca +
      ".key -addext basicConstraints=critical,CA:FALSE " + more + " -keyout @" + name + ".key -out @" + name + ".pem");
  run("chmod 600 @" + name + ".key");
}

void Certificates::copy(const std::string& from, const std::string& to) const {
  std::filesystem::copy_file(path(from), path(to), std::filesystem::copy_options::overwrite_existing);
}

void Certificates::write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }

void Certificates::run(std::string command) const {
  for (auto at = command.find('@'); at != std::string::npos; at = command.find('@')) command.replace(at, 1, folder_.string() + "/");
  command += " >/dev/null 2>&1";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace vpn_sentinel
