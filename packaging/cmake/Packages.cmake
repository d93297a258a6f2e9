# Manual pages, completions and Debian packages. What they tell of settings and commands comes from the programs themselves:
#   manuals   pages and completions of both programs, below manuals/ (with every build)
#   packages  vpn-sentinel-probe_*.deb and vpn-sentinel-hub_*.deb, below packages/
# Cross-built programs are asked by CMAKE_CROSSCOMPILING_EMULATOR.
find_package(Python3 3.11 COMPONENTS Interpreter)
if(NOT Python3_FOUND)
  message(STATUS "No Python 3.11: no manual pages and no packages")
  return()
endif()

set(manuals "${CMAKE_BINARY_DIR}/manuals")
set(manual_pages "")
foreach(program IN ITEMS vpn-sentinel-probe vpn-sentinel-hub)
  set(pages "${manuals}/man8/${program}.8" "${manuals}/man5/${program}.toml.5" "${manuals}/bash/${program}" "${manuals}/zsh/_${program}"
            "${manuals}/fish/${program}.fish")
  add_custom_command(OUTPUT ${pages}
    COMMAND "${Python3_EXECUTABLE}" "${CMAKE_SOURCE_DIR}/packaging/manuals.py" --program "$<TARGET_FILE:${program}>" --name "${program}"
            --version "${PROJECT_VERSION}" --output "${manuals}" --runner ${CMAKE_CROSSCOMPILING_EMULATOR}
    DEPENDS "${program}" "${CMAKE_SOURCE_DIR}/packaging/manuals.py" "${CMAKE_SOURCE_DIR}/packaging/completions.py"
            "${CMAKE_SOURCE_DIR}/packaging/program_help.py" VERBATIM)
  list(APPEND manual_pages ${pages})
endforeach()
add_custom_target(manuals ALL DEPENDS ${manual_pages})

set(package_options "")
if(CMAKE_CROSSCOMPILING)
  list(APPEND package_options --architecture "${VPN_SENTINEL_DEB_ARCHITECTURE}")
endif()
add_custom_target(packages
  COMMAND "${Python3_EXECUTABLE}" "${CMAKE_SOURCE_DIR}/packaging/make_debs.py" --build "${CMAKE_BINARY_DIR}" --manuals "${manuals}"
          --version "${PROJECT_VERSION}" --output "${CMAKE_BINARY_DIR}/packages" --strip "${CMAKE_STRIP}" ${package_options}
          --runner ${CMAKE_CROSSCOMPILING_EMULATOR}
  DEPENDS manuals USES_TERMINAL VERBATIM)

# sizes: what is installed and how soon it knows, in numbers, as root; they count for the release preset.
add_custom_target(sizes
  COMMAND "${Python3_EXECUTABLE}" "${CMAKE_SOURCE_DIR}/tests/lab/sizes.py" --build "${CMAKE_BINARY_DIR}"
  COMMAND "${Python3_EXECUTABLE}" "${CMAKE_SOURCE_DIR}/tests/lab/start_time.py" --build "${CMAKE_BINARY_DIR}"
  USES_TERMINAL VERBATIM)
add_dependencies(sizes packages)
