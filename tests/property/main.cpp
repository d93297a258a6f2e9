/// Random sequences of route, rule, link, address and next hop operations in a namespace of its own: after each, the product's judgement
/// is compared with what packets really do. A wrong green is a packet to the Internet that left by the uplink while the state is not
/// danger; a wrong red is danger although nothing left, whatever was sent.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "netns/base/fatal_error.hpp"
#include "netns/base/random.hpp"
#include "tests/property/make_operation.hpp"
#include "tests/property/trial.hpp"

namespace vpn_sentinel::property {
namespace {

constexpr int exit_failed = 70;

struct Options {
  std::uint64_t seed = 0;
  int count = 400;
  int length = 25;  ///< operations of one sequence; then everything is made anew
  int failures = 1;
};

struct Totals {
  int operations = 0;
  int failures = 0;
  int late = 0;
  int leaks = 0;
  std::array<int, 5> states{};
};

void print_failure(const std::vector<Operation>& operations, Mismatch::Kind kind) {
  const auto fewest = shrink(operations, kind);
  Trial trial;
  for (const auto& operation : fewest) trial.apply(operation);
  const auto mismatch = trial.compare();
  fmt::print("\nWRONG {}: ", kind == Mismatch::Kind::wrong_green ? "GREEN" : "RED");
  if (mismatch) {
    fmt::print("state {}", to_string(mismatch->verdict.state));
    if (!mismatch->leak.empty()) fmt::print(", and a packet left {}", mismatch->leak);
    fmt::print("\n");
    for (const auto& finding : mismatch->verdict.findings) fmt::print("  finding {} {}\n", finding.code, finding.evidence.dump());
  } else {
    // The kernel finishes the addition of an IPv6 address in a work queue, for example.
    fmt::print("not each time that it is repeated\n");
  }
  for (const auto& operation : fewest) fmt::print("  {}\n", operation.to_string());
  std::fflush(stdout);
}

void run_sequence(Generator& generator, const Options& options, Totals& totals) {
  Trial trial;
  std::vector<Operation> operations = generator.baseline();
  for (const auto& operation : operations) trial.apply(operation);
  auto mismatch = trial.compare();
  for (int i = 0; i < options.length && !mismatch && totals.operations < options.count; ++i) {
    operations.push_back(generator.next(trial.model(), trial.leaking()));
    trial.apply(operations.back());
    mismatch = trial.compare();
    ++totals.operations;
    totals.late += trial.was_late() ? 1 : 0;
    totals.leaks += trial.leaking() ? 1 : 0;
    ++totals.states.at(static_cast<std::size_t>(trial.state()));
  }
  if (!mismatch) return;
  ++totals.failures;
  print_failure(operations, mismatch->kind);
}

/// Before anything is said about leaks: one is seen when there is one, and none when there is none.
void check_eyesight() {
  Trial trial;
  if (trial.compare()) throw FatalError(exit_failed, "an unrouted network is judged dangerous, or leaks");
  trial.apply(add_route_operation({"add", "", IpPrefix{}, "via 203.0.113.1 dev eth0 onlink"}));
  if (const auto mismatch = trial.compare(); mismatch || !trial.leaking()) {
    throw FatalError(exit_failed, "a default route by the uplink lets nothing out, or nobody says so");
  }
}

int run(Options options) {
  if (options.seed == 0) options.seed = random_u64() >> 1U;
  fmt::print("--seed {} --count {} --length {}\nEvery sequence begins with:\n{}", options.seed, options.count, options.length,
             Network::preparation());
  std::fflush(stdout);
  check_eyesight();
  const auto started = std::chrono::steady_clock::now();
  Generator generator(options.seed);
  Totals totals;
  while (totals.operations < options.count && totals.failures < options.failures) run_sequence(generator, options, totals);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  fmt::print("\n{} operations in {:.1f} s, {} with a leak; {} disagreements, {} more that a second look mended;", totals.operations,
             took.count(), totals.leaks, totals.failures, totals.late);
  for (const auto state : {State::secure, State::warning, State::contained, State::danger}) {
    fmt::print(" {} {}", to_string(state), totals.states.at(static_cast<std::size_t>(state)));
  }
  fmt::print("\n");
  return totals.failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vpn_sentinel::property

int main(int argc, char** argv) {
  vpn_sentinel::property::Options options;
  CLI::App app{"Compares the judgement with what packets really do, after each of many random changes of a network"};
  app.add_option("--seed", options.seed, "Repeats an earlier run; 0: a random one")->capture_default_str();
  app.add_option("--count", options.count, "Operations in all")->check(CLI::Range(1, 10'000'000))->capture_default_str();
  app.add_option("--length", options.length, "Operations of one sequence")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--failures", options.failures, "Disagreements before it gives up")->check(CLI::Range(1, 100'000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return vpn_sentinel::property::run(options);
  } catch (const vpn_sentinel::FatalError& error) {
    const bool skipped = error.exit_code() == vpn_sentinel::property::Network::no_root;
    fmt::print(stderr, "{}: {}\n", skipped ? "SKIPPED" : "property_routes", error.what());
    return error.exit_code();
  }
}
