# Targets "format" and "check-format" over every C++ file that git tracks.
find_program(CLANG_FORMAT NAMES clang-format-14 clang-format)
if(CLANG_FORMAT)
  foreach(mode IN ITEMS format check-format)
    set(flags "-i")
    if(mode STREQUAL "check-format")
      set(flags "--dry-run --Werror")
    endif()
    add_custom_target(${mode}
      COMMAND sh -c "git ls-files '*.cpp' '*.hpp' '*.c' '*.h' | xargs -r ${CLANG_FORMAT} ${flags}"
      WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" VERBATIM)
  endforeach()
endif()
