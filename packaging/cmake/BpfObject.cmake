# BPF programs as skeletons: clang compiles, bpftool links them and writes a header with the object inside.
#   bpf_skeleton(leak HEADERS a.h…): from leak.bpf.c of this folder the header leak.skel.h in BPF_SKELETONS.
# BPF_MISSING is what this machine lacks for that ("" for nothing).

option(VPN_SENTINEL_BPF "Build the BPF programs where clang, bpftool and libbpf are there" ON)

set(BPF_SKELETONS "${CMAKE_BINARY_DIR}/skeletons")
set(BPF_MISSING "")
if(VPN_SENTINEL_BPF)
  find_program(BPF_CLANG NAMES clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19)
  find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin)
  pkg_check_modules(bpf QUIET IMPORTED_TARGET "libbpf>=1.0")
  foreach(part IN ITEMS BPF_CLANG:clang BPFTOOL:bpftool bpf_FOUND:libbpf)
    string(REPLACE ":" ";" part "${part}")
    list(GET part 0 variable)
    list(GET part 1 name)
    if(NOT ${variable})
      list(APPEND BPF_MISSING ${name})
    endif()
  endforeach()
  list(JOIN BPF_MISSING ", " BPF_MISSING)
else()
  set(BPF_MISSING "the CMake option VPN_SENTINEL_BPF")
endif()
if(BPF_MISSING)
  message(STATUS "BPF programs: not built, without ${BPF_MISSING}")
endif()

function(bpf_skeleton name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "HEADERS")
  set(folder "${BPF_SKELETONS}")
  file(MAKE_DIRECTORY "${folder}")
  list(TRANSFORM ARG_HEADERS PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c")
  # asm/types.h lies in the machine's own folder on Debian, which clang does not look into for another target.
  add_custom_command(OUTPUT "${folder}/${name}.skel.h"
    COMMAND "${BPF_CLANG}" -target bpf -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror
            -idirafter "/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}" -c "${source}" -o "${folder}/${name}.compiled.o"
    COMMAND "${BPFTOOL}" gen object "${folder}/${name}.bpf.o" "${folder}/${name}.compiled.o"
    COMMAND sh -c "\"$1\" gen skeleton \"$2\" name \"$3\" > \"$4\"" sh
            "${BPFTOOL}" "${folder}/${name}.bpf.o" "${name}_bpf" "${folder}/${name}.skel.h"
    DEPENDS "${source}" ${ARG_HEADERS} VERBATIM)
endfunction()
