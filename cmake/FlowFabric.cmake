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

# ff_add_test(name SOURCES … LIBS … LABEL unit): a cmocka program run by ctest.
function(ff_add_test name)
  cmake_parse_arguments(T "" "LABEL" "SOURCES;LIBS;ARGS" ${ARGN})
  if(NOT T_LABEL)
    set(T_LABEL unit)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LIBS} ${CMOCKA_LIBRARY})
  add_test(NAME ${name} COMMAND ${name} ${T_ARGS})
  set_tests_properties(${name} PROPERTIES LABELS ${T_LABEL} TIMEOUT 300)
endfunction()
