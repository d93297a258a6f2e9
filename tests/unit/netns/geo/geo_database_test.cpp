#include "netns/geo/geo_database.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include "tests/support/mmdb_writer.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using nlohmann::json;

namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

struct Fixture {
  Fixture() { std::filesystem::create_directory(folder); }
  ~Fixture() { std::filesystem::remove_all(folder); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  std::string file(const MmdbWriter& writer, const std::string& name = "test.mmdb") const {
    writer.write(folder + "/" + name);
    return folder + "/" + name;
  }
  AddressFacts only(const json& record, std::string_view address = "198.51.100.7") {
    MmdbWriter writer;
    writer.put("198.51.100.0/24", record);
    GeoDatabase one;
    BOOST_REQUIRE(one.add(file(writer)).has_value());
    return one.find(ip(address));
  }
  Error refused(const std::string& name) {
    const auto added = database.add(name);
    BOOST_REQUIRE(!added);
    BOOST_TEST(added.error().message.find(name) != std::string::npos, added.error().message);
    BOOST_TEST(database.empty());
    return added.error();
  }

  std::string folder = (std::filesystem::temp_directory_path() / ("vs-geo-" + std::to_string(::getpid()))).string();
  GeoDatabase database;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(geo_database, Fixture)

BOOST_AUTO_TEST_CASE(a_city_database_of_maxmind_is_read) {
  const auto facts = only({{"city", {{"names", {{"de", "Bukarest"}, {"en", "Bucharest"}}}}},
                           {"country", {{"iso_code", "RO"}, {"names", {{"en", "Romania"}}}}},
                           {"location", {{"time_zone", "Europe/Bucharest"}}},
                           {"subdivisions", {{{"iso_code", "B"}, {"names", {{"en", "București"}}}}}}});
  BOOST_TEST((facts == AddressFacts{"RO", "Bucharest", "București", "Europe/Bucharest", "", std::nullopt}));
}

BOOST_AUTO_TEST_CASE(a_network_database_of_maxmind_or_db_ip_is_read) {
  const auto facts = only({{"autonomous_system_number", 64500}, {"autonomous_system_organization", "Example Networks"}});
  BOOST_TEST(facts.asn.value() == 64500);
  BOOST_TEST(facts.organisation == "Example Networks");
  BOOST_TEST(facts.country.empty());
}

BOOST_AUTO_TEST_CASE(a_full_database_of_db_ip_is_read) {
  const auto facts = only(
      {{"country", {{"iso_code", "RO"}}},
       {"traits", {{"autonomous_system_number", 64500}, {"autonomous_system_organization", "Example Networks"}, {"isp", "Example ISP"}}}});
  BOOST_TEST(facts.asn.value() == 64500);
  BOOST_TEST(facts.organisation == "Example Networks");
}

BOOST_AUTO_TEST_CASE(the_flat_databases_of_ipinfo_are_read) {
  const auto lite = only({{"as_domain", "example.com"},
                          {"as_name", "Example Networks"},
                          {"asn", "AS64500"},
                          {"continent", "Europe"},
                          {"country", "Romania"},
                          {"country_code", "RO"}});
  BOOST_TEST((lite == AddressFacts{"RO", "", "", "", "Example Networks", 64500}));
  const auto older = only({{"asn", "AS64500"}, {"country", "RO"}, {"country_name", "Romania"}, {"city", "Bucharest"}, {"region", "B"}});
  BOOST_TEST(older.country == "RO");
  BOOST_TEST(older.city == "Bucharest");
  BOOST_TEST(only({{"country", "Romania"}}).country.empty());
}

BOOST_AUTO_TEST_CASE(both_families_are_found_and_strangers_are_not) {
  MmdbWriter writer;
  writer.put("198.51.100.0/24", {{"country", {{"iso_code", "RO"}}}});
  writer.put("2001:db8:100::/48", {{"country", {{"iso_code", "DE"}}}});
  BOOST_REQUIRE(database.add(file(writer)).has_value());
  BOOST_TEST(database.find(ip("198.51.100.255")).country == "RO");
  BOOST_TEST(database.find(ip("2001:db8:100::7")).country == "DE");
  BOOST_TEST((database.find(ip("203.0.113.1")) == AddressFacts{}));
  BOOST_TEST((database.find(ip("2001:db8:101::7")) == AddressFacts{}));
}

BOOST_AUTO_TEST_CASE(a_database_of_ipv4_knows_no_ipv6) {
  MmdbWriter writer(4);
  writer.put("198.51.100.0/24", {{"country", {{"iso_code", "RO"}}}});
  BOOST_REQUIRE(database.add(file(writer)).has_value());
  BOOST_TEST(database.find(ip("198.51.100.7")).country == "RO");
  BOOST_TEST((database.find(ip("2001:db8::7")) == AddressFacts{}));
}

BOOST_AUTO_TEST_CASE(several_databases_complete_each_other_and_the_first_counts) {
  MmdbWriter country;
  country.put("198.51.100.0/24", {{"country", {{"iso_code", "RO"}}}});
  MmdbWriter network;
  network.put("198.51.100.0/24", {{"asn", "AS64500"}, {"country", "DE"}});
  BOOST_REQUIRE(database.add(file(country, "country.mmdb")).has_value());
  BOOST_REQUIRE(database.add(file(network, "network.mmdb")).has_value());
  const auto facts = database.find(ip("198.51.100.7"));
  BOOST_TEST(facts.country == "RO");
  BOOST_TEST(facts.asn.value() == 64500);
}

BOOST_AUTO_TEST_CASE(values_of_the_wrong_sort_are_left_out) {
  const auto facts = only({{"country", {{"iso_code", 7}}}, {"city", {1, 2}}, {"asn", "none"}, {"as_name", "two\nlines"}});
  BOOST_TEST((facts == AddressFacts{"", "", "", "", "two?lines", std::nullopt}));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_missing_or_none_of_its_kind_is_a_clear_error) {
  BOOST_TEST((refused(folder + "/absent.mmdb").kind == Error::Kind::not_found));
  BOOST_TEST((refused(folder).kind == Error::Kind::invalid));
  std::ofstream(folder + "/text.mmdb") << "not a database\n";
  BOOST_TEST((refused(folder + "/text.mmdb").kind == Error::Kind::invalid));
  std::ofstream(folder + "/empty.mmdb") << "";
  std::ignore = refused(folder + "/empty.mmdb");
  BOOST_REQUIRE(::mkfifo((folder + "/pipe.mmdb").c_str(), 0600) == 0);
  BOOST_TEST((refused(folder + "/pipe.mmdb").kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_refused_or_knows_less_and_never_does_harm) {
  MmdbWriter writer;
  writer.put("198.51.100.0/24", {{"country", {{"iso_code", "RO"}}}, {"city", {{"names", {{"en", "Bucharest"}}}}}});
  const auto whole = writer.bytes();
  for (std::size_t cut = 0; cut < whole.size(); cut += 7) {
    std::ofstream(folder + "/cut.mmdb", std::ios::binary) << whole.substr(0, cut);
    GeoDatabase damaged;
    if (damaged.add(folder + "/cut.mmdb")) std::ignore = damaged.find(ip("198.51.100.7"));
  }
  for (std::size_t at = 0; at < whole.size(); at += 3) {
    auto rotten = whole;
    rotten[at] = static_cast<char>(rotten[at] ^ 0x5a);
    std::ofstream(folder + "/rotten.mmdb", std::ios::binary) << rotten;
    GeoDatabase damaged;
    if (!damaged.add(folder + "/rotten.mmdb")) continue;
    const auto facts = damaged.find(ip("198.51.100.7"));
    BOOST_TEST(facts.city.size() <= 100U);
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_cut_short_while_it_is_used_harms_nobody) {
  MmdbWriter writer;
  writer.put("198.51.100.0/24", {{"country_code", "RO"}});
  const auto name = file(writer);
  BOOST_REQUIRE(database.add(name).has_value());
  std::filesystem::resize_file(name, 0);
  BOOST_TEST(database.find(ip("198.51.100.7")).country == "RO");
}

BOOST_AUTO_TEST_SUITE_END()
