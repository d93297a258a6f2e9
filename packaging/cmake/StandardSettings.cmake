# Two INTERFACE targets that every own target links PRIVATE, so that third-party code never sees our warning flags.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)

add_library(standard_settings INTERFACE)
target_compile_features(standard_settings INTERFACE cxx_std_20)
target_include_directories(standard_settings INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/generated")
target_compile_definitions(standard_settings INTERFACE VPN_SENTINEL_VERSION="${PROJECT_VERSION}" _FORTIFY_SOURCE=$<IF:$<CONFIG:Debug>,0,2>)
target_compile_options(standard_settings INTERFACE -fstack-protector-strong -fno-omit-frame-pointer)
target_link_options(standard_settings INTERFACE -Wl,-z,relro,-z,now)

add_library(standard_warnings INTERFACE)
# Among sources that are compiled together a name of one may hide a name of another; packaging/tidy looks at each alone.
set(is_unity $<BOOL:$<TARGET_PROPERTY:IS_COMPILED_TOGETHER>>)
target_compile_options(standard_warnings INTERFACE
  -Wall -Wextra -Wpedantic $<$<NOT:${is_unity}>:-Wshadow> -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wnull-dereference -Wformat=2 -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(standard_warnings INTERFACE $<${is_unity}:-Wno-subobject-linkage>)
  # g++ 12 reports these inside its own <string> and <optional> at -O1 and -O2 (gcc bugs 105329, 105562); real cases are found by the sanitizer presets.
  target_compile_options(standard_warnings INTERFACE -Wlogical-op -Wno-maybe-uninitialized -Wno-restrict -Wno-null-dereference
    -Wno-array-bounds)
endif()
if(VPN_SENTINEL_WERROR)
  target_compile_options(standard_warnings INTERFACE -Werror)
endif()

if(VPN_SENTINEL_SANITIZE)
  # Applied to the whole directory tree, so that static libraries and tests agree.
  add_compile_options(-fsanitize=${VPN_SENTINEL_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VPN_SENTINEL_SANITIZE})
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()
# Beast translation units need about 1 GB each: never more compile jobs than the memory allows.
cmake_host_system_information(RESULT total_memory_mb QUERY TOTAL_PHYSICAL_MEMORY)
math(EXPR heavy_jobs "${total_memory_mb} / 1500 + 1")
set_property(GLOBAL PROPERTY JOB_POOLS heavy=${heavy_jobs})
