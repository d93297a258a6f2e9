# Files as bytes in a C++ source. Two uses of this file:
#   include(Embed); embed_files(OUTPUT header-name.cpp FUNCTION web_assets HEADER "hub/web/assets.hpp" FILES a b …)
#     adds the rule that writes the source into the build folder; the path is returned in EMBEDDED_SOURCE. With FOLDER f DEPENDS d instead of
#     FILES it is all that lies in f when the rule runs, which it does after d: for files whose names only their maker knows.
#   cmake -DOUTPUT=… -DFUNCTION=… -DHEADER=… -DFILES=a|b [-DFOLDER=f] -P Embed.cmake
#     writes it: std::span<const Asset> FUNCTION() over {name, body}.

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  string(REPLACE "|" ";" FILES "${FILES}")
  if(FOLDER)
    file(GLOB FILES "${FOLDER}/*")
  endif()
  set(arrays "")
  set(rows "")
  set(number 0)
  foreach(file IN LISTS FILES)
    file(READ "${file}" hex HEX)
    get_filename_component(name "${file}" NAME)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
    string(APPEND arrays "constexpr char file_${number}[] = {${bytes}'\\0'};\n")
    string(APPEND rows "    {\"${name}\", {static_cast<const char*>(file_${number}), sizeof file_${number} - 1}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(WRITE "${OUTPUT}" "// Written by packaging/cmake/Embed.cmake.
#include \"${HEADER}\"

namespace vpn_sentinel {
namespace {

${arrays}
constexpr Asset rows[] = {
${rows}};

}  // namespace

std::span<const Asset> ${FUNCTION}() { return rows; }

}  // namespace vpn_sentinel
")
  return()
endif()

set(EMBED_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")

function(embed_files)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "OUTPUT;FUNCTION;HEADER;FOLDER" "FILES;DEPENDS")
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${ARG_OUTPUT}")
  list(TRANSFORM ARG_FILES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  list(JOIN ARG_FILES "|" joined)
  add_custom_command(OUTPUT "${source}"
    COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${source}" "-DFUNCTION=${ARG_FUNCTION}" "-DHEADER=${ARG_HEADER}" "-DFILES=${joined}"
            "-DFOLDER=${ARG_FOLDER}" -P "${EMBED_SCRIPT}"
    DEPENDS ${ARG_FILES} ${ARG_DEPENDS} "${EMBED_SCRIPT}" VERBATIM)
  set(EMBEDDED_SOURCE "${source}" PARENT_SCOPE)
endfunction()
