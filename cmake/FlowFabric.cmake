# The project's own CMake functions; README.md in this folder says how they are used.

# Puts ccache before the compiler when there is one that works (it needs a folder to write to) and the
# caller has not done so already.
function(ff_use_ccache)
  find_program(CCACHE_PROGRAM ccache)
  mark_as_advanced(CCACHE_PROGRAM)
  if(NOT CCACHE_PROGRAM OR CMAKE_C_COMPILER_LAUNCHER OR CMAKE_C_COMPILER MATCHES "ccache")
    return()
  endif()
  set(probe ${CMAKE_BINARY_DIR}/CMakeFiles/ccache_probe)
  file(WRITE ${probe}.c "int probe;\n")
  execute_process(COMMAND ${CCACHE_PROGRAM} ${CMAKE_C_COMPILER} -c ${probe}.c -o ${probe}.o
                  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(NOT failed)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM} PARENT_SCOPE)
  endif()
endfunction()

# Applies FF_SANITIZE and FF_FUZZ to everything that is built.
function(ff_use_sanitizers)
  set(checks)
  if(FF_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
      message(FATAL_ERROR "FF_FUZZ needs clang: libFuzzer is part of it (cmake --preset fuzz)")
    endif()
    set(checks -fsanitize=fuzzer-no-link,address,undefined)
  elseif(FF_SANITIZE)
    set(checks -fsanitize=address,undefined)
  endif()
  if(checks)
    add_compile_options(${checks} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(${checks})
    add_compile_definitions(FF_SANITIZED) # a few things that a sanitizer must be let do
  endif()
endfunction()

# ff_add_module(name SOURCES … LIBS … TESTS …): one static library a module, and its tests.
# A test is tests/<module path>/<test>.c with a main of its own; label `unit`.
function(ff_add_module name)
  cmake_parse_arguments(M "" "" "SOURCES;LIBS;TESTS" ${ARGN})
  add_library(ff_${name} STATIC ${M_SOURCES})
  target_link_libraries(ff_${name} PUBLIC ${M_LIBS})
  file(RELATIVE_PATH where ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  foreach(test ${M_TESTS})
    ff_add_test(${test} SOURCES ${CMAKE_SOURCE_DIR}/tests/${where}/${test}.c LIBS ff_${name})
  endforeach()
endfunction()

# ff_add_test(name SOURCES … LIBS … ARGS … LABEL unit): a cmocka program run by ctest.
# Labels: unit store server scenario process sim fuzz tidy. A fuzz build has no tests, only targets.
function(ff_add_test name)
  cmake_parse_arguments(T "" "LABEL" "SOURCES;LIBS;ARGS" ${ARGN})
  if(FF_FUZZ OR NOT BUILD_TESTING)
    return()
  endif()
  if(NOT T_LABEL)
    set(T_LABEL unit)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LIBS} ${CMOCKA_LIBRARY})
  add_test(NAME ${name} COMMAND ${name} ${T_ARGS})
  set_tests_properties(${name} PROPERTIES LABELS ${T_LABEL} TIMEOUT 900) # a hang; 270 s at load 16
endfunction()

set(FF_FUZZ_SECONDS 20 CACHE STRING "how long ctest runs each libFuzzer target")

# ff_add_fuzz(name SOURCES … LIBS … SEEDS dir ARGS …): a libFuzzer target, label `fuzz`.
#   SOURCES  define LLVMFuzzerTestOneInput (tests/fuzz/fuzz.h)
#   SEEDS    folder of first inputs, of the caller's source folder; an input that once crashed
#            belongs there
#   ARGS     more options for libFuzzer (-max_len=…)
# With FF_FUZZ it hunts for FF_FUZZ_SECONDS; without, a plain driver replays the seeds, so that
# every build compiles the target and holds what was found before.
function(ff_add_fuzz name)
  cmake_parse_arguments(Z "" "SEEDS" "SOURCES;LIBS;ARGS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  set(seeds)
  if(Z_SEEDS)
    get_filename_component(seeds ${Z_SEEDS} ABSOLUTE)
  endif()
  if(FF_FUZZ)
    set(found ${CMAKE_BINARY_DIR}/corpus/${name})
    file(MAKE_DIRECTORY ${found})
    add_executable(${name} ${Z_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${name} COMMAND ${name} -max_total_time=${FF_FUZZ_SECONDS} -timeout=10
             -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1
             -artifact_prefix=${CMAKE_BINARY_DIR}/${name}- ${Z_ARGS} ${found} ${seeds})
  else()
    add_executable(${name} ${Z_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
    add_test(NAME ${name} COMMAND ${name} ${seeds})
  endif()
  target_link_libraries(${name} PRIVATE ${Z_LIBS})
  add_dependencies(fuzzers ${name})
  math(EXPR limit "${FF_FUZZ_SECONDS} + 300")
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT ${limit})
endfunction()
