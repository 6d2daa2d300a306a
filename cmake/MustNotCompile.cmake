# Checks that SOURCE does not compile, for the reason it names in the line after its subject's (// expect: REGEX), and
# that it does compile with -DKILN_MUST_COMPILE, so that nothing else is wrong with it.
file(STRINGS "${SOURCE}" expectation REGEX "^// expect: ")
if(NOT expectation MATCHES "^// expect: ([^;]+)$")
  message(FATAL_ERROR "${SOURCE} must have one line '// expect: REGEX'")
endif()
set(expected "${CMAKE_MATCH_1}")
set(ENV{LC_ALL} C)  # plain quotes in the diagnostics
set(command "${COMPILER}" -std=c++20 -fsyntax-only "-I${ROOT}" "-I${ROOT}/core/include")

execute_process(COMMAND ${command} "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE diagnostics)
if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles, and must not")
endif()
if(NOT diagnostics MATCHES "${expected}")
  message(FATAL_ERROR "${SOURCE} does not compile, but not because of '${expected}':\n${diagnostics}")
endif()

execute_process(COMMAND ${command} -DKILN_MUST_COMPILE "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE diagnostics)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} must compile with -DKILN_MUST_COMPILE:\n${diagnostics}")
endif()
