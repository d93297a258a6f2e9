# vpn_sentinel_library(NAME SOURCES a.cpp… [ALONE b.cpp…] HEADERS a.hpp… [PUBLIC libs…] [PRIVATE libs…])
#   One library target per folder. Headers lie beside their sources and are included from the root ("netns/base/fd.hpp"). The target
#   all_verify_interface_header_sets compiles each header alone, to show that it needs no other.
#   With VPN_SENTINEL_UNITY the SOURCES of a folder are compiled together, so a name of an anonymous namespace occurs once in its folder;
#   those in ALONE and generated ones are not.

option(VPN_SENTINEL_UNITY "Compile some sources of a folder together: a whole build takes a fraction of the time" OFF)
set(unity_batch 20)
set(unity_batch_of_tests 7)  # one of them is changed and compiled again all the time

# Makes the target compile `sources` (names in this folder) some at a time. CMake's own UNITY_BUILD writes where the checkout lies into the
# files it makes, with which a compiler cache is of no use to another checkout.
function(compile_together target sources unity_batch)
  set_source_files_properties(${sources} PROPERTIES HEADER_FILE_ONLY ON)
  file(RELATIVE_PATH folder "${CMAKE_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  list(LENGTH sources count)
  set(first 0)
  while(first LESS count)
    list(SUBLIST sources ${first} ${unity_batch} batch)
    list(TRANSFORM batch REPLACE "(.+)" "#include \"${folder}/\\1\"\n" OUTPUT_VARIABLE lines)
    list(JOIN lines "" text)
    set(together "${CMAKE_CURRENT_BINARY_DIR}/${target}_${first}.cpp")
    file(CONFIGURE OUTPUT "${together}" CONTENT "${text}" @ONLY)
    target_sources(${target} PRIVATE "${together}")
    math(EXPR first "${first} + ${unity_batch}")
  endwhile()
  set_target_properties(${target} PROPERTIES IS_COMPILED_TOGETHER ON)
endfunction()

function(vpn_sentinel_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;ALONE;HEADERS;PUBLIC;PRIVATE")
  set(together ${ARG_SOURCES})
  list(FILTER together EXCLUDE REGEX "^/")
  list(APPEND ARG_SOURCES ${ARG_ALONE})
  if(ARG_SOURCES)
    add_library(${name} STATIC)
    target_sources(${name} PRIVATE ${ARG_SOURCES} PUBLIC FILE_SET HEADERS BASE_DIRS "${CMAKE_SOURCE_DIR}" FILES ${ARG_HEADERS})
    target_link_libraries(${name} PUBLIC standard_settings ${ARG_PUBLIC} PRIVATE standard_warnings ${ARG_PRIVATE})
    use_precompiled_headers(${name} precompiled_product)
    list(LENGTH together count)
    if(VPN_SENTINEL_UNITY AND count GREATER 1)
      compile_together(${name} "${together}" ${unity_batch})
    endif()
  else()
    add_library(${name} INTERFACE)
    target_sources(${name} INTERFACE FILE_SET HEADERS BASE_DIRS "${CMAKE_SOURCE_DIR}" FILES ${ARG_HEADERS})
    target_link_libraries(${name} INTERFACE standard_settings ${ARG_PUBLIC})
  endif()
endfunction()

# Under an emulator a test takes ten to fifty times as long.
set(test_timeout 120)
if(CMAKE_CROSSCOMPILING)
  set(test_timeout 1800)
endif()

# vpn_sentinel_unit_test(NAME SOURCES a_test.cpp… [ALONE b_test.cpp…] LINK libs… [LABELS l…])
#   One Boost.Test executable and one CTest entry; exit code 77 means SKIPPED (the reason is in the output). ALONE: as above.
#   The label "pure" marks tests without sockets, files and threads: what .ci/run repeats under sanitizers.
function(vpn_sentinel_unit_test name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;ALONE;LINK;LABELS")
  add_executable(${name} "${CMAKE_SOURCE_DIR}/tests/support/main.cpp" ${ARG_SOURCES} ${ARG_ALONE})
  list(LENGTH ARG_SOURCES count)
  if(VPN_SENTINEL_UNITY AND count GREATER 1)
    compile_together(${name} "${ARG_SOURCES}" ${unity_batch_of_tests})
  endif()
  target_link_libraries(${name} PRIVATE standard_settings standard_warnings dep_boost_test ${ARG_LINK})
  use_precompiled_headers(${name} precompiled_tests)
  # It defines what Boost.Test's headers look at.
  set_source_files_properties("${CMAKE_SOURCE_DIR}/tests/support/main.cpp" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  if("pure" IN_LIST ARG_LABELS)
    add_dependencies(pure_tests ${name})
  endif()
  add_test(NAME ${name} COMMAND ${name} --random --color_output=no)
  set_tests_properties(${name} PROPERTIES LABELS "unit;${ARG_LABELS}" SKIP_RETURN_CODE 77 TIMEOUT ${test_timeout})
endfunction()

# vpn_sentinel_fuzz_target(NAME SOURCE x_fuzz.cpp CORPUS dir LINK libs…)
#   LLVMFuzzerTestOneInput in SOURCE. Under plain g++ it is linked with a runner that replays the corpus as a CTest entry; in the
#   fuzz preset it is a libFuzzer binary.
function(vpn_sentinel_fuzz_target name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "SOURCE;CORPUS" "LINK")
  add_executable(${name} ${ARG_SOURCE})
  target_link_libraries(${name} PRIVATE standard_settings standard_warnings ${ARG_LINK})
  if(VPN_SENTINEL_LIBFUZZER)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cpp")
    add_dependencies(pure_tests ${name})
    add_test(NAME ${name} COMMAND ${name} "${ARG_CORPUS}")
    set_tests_properties(${name} PROPERTIES LABELS "fuzz" TIMEOUT ${test_timeout})
  endif()
endfunction()
