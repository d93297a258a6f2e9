# Half of each file's compile time is the same headers of the standard library, fmt, nlohmann/json and Asio: they are parsed once for
# the product and once for the tests (with Boost.Test). A file still names all headers that it needs: packaging/tidy reads without these.

# g++ refuses a precompiled header when a macro that it saw differs, so every user gets the definitions of all libraries in it.
add_library(precompiled_settings INTERFACE)
foreach(library fmt::fmt nlohmann_json::nlohmann_json dep_asio)
  target_compile_definitions(precompiled_settings INTERFACE $<TARGET_PROPERTY:${library},INTERFACE_COMPILE_DEFINITIONS>)
endforeach()

set(precompiled_list
  <algorithm> <array> <chrono> <cstdint> <filesystem> <functional> <map> <memory> <mutex> <optional> <span> <string> <string_view>
  <thread> <tl/expected.hpp> <utility> <vector> <fmt/format.h> <nlohmann/json.hpp> <boost/asio/io_context.hpp>
  <boost/asio/ip/tcp.hpp> <boost/asio/post.hpp> <boost/asio/steady_timer.hpp>)

function(add_precompiled_headers name)
  file(WRITE "${CMAKE_BINARY_DIR}/${name}.cpp" "")
  add_library(${name} OBJECT "${CMAKE_BINARY_DIR}/${name}.cpp")
  target_link_libraries(${name} PRIVATE standard_settings standard_warnings precompiled_settings dep_fmt dep_json dep_asio dep_expected)
  target_precompile_headers(${name} PRIVATE ${precompiled_list} ${ARGN})
endfunction()

function(use_precompiled_headers target name)
  target_link_libraries(${target} PRIVATE precompiled_settings)
  target_precompile_headers(${target} REUSE_FROM ${name})
endfunction()

add_precompiled_headers(precompiled_product)
