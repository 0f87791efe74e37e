# Stands in for the configuration of a Slicer build, so that the extension can be configured and packaged from a source
# tree of Slicer alone:
#
#   cmake -S . -B BUILD -DSlicer_DIR=Testing/packaging -DSLICER_SOURCE_TREE=<a Slicer source tree>
#   cmake --build BUILD --target package
#
# UseSlicer, the macros for scripted modules and their tests, the extension's description and the CPack settings are
# Slicer's own, unmodified. What a build takes from CTK is in stand-ins/. Nothing is compiled, nothing is run in Slicer.

if(NOT EXISTS "${SLICER_SOURCE_TREE}/CMake/UseSlicer.cmake.in")
  message(FATAL_ERROR "SLICER_SOURCE_TREE is not a source tree of Slicer: '${SLICER_SOURCE_TREE}'")
endif()

# Slicer asks for a newer CMake than packaging a Python extension needs.
macro(cmake_minimum_required)
endmacro()

set(Slicer_CMAKE_DIR "${SLICER_SOURCE_TREE}/CMake")
set(Slicer_EXTENSIONS_CMAKE_DIR "${SLICER_SOURCE_TREE}/Extensions/CMake")
set(Slicer_USE_FILE "${Slicer_CMAKE_DIR}/UseSlicer.cmake.in")
set(Slicer_EXTENSION_CPACK "${Slicer_CMAKE_DIR}/SlicerExtensionCPack.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${Slicer_CMAKE_DIR}/SlicerExtensionGenerateConfig.cmake")
set(Slicer_PYTHON_MODULE_TEST_TEMPLATES_DIR "${SLICER_SOURCE_TREE}/Base/QTCore/Testing/Python")
set(Slicer_LICENSE_FILE "${SLICER_SOURCE_TREE}/License.txt")
set(Slicer_README_FILE "${SLICER_SOURCE_TREE}/README.md")

# Files that Slicer includes for the sake of extensions in C++
set(unused "${CMAKE_BINARY_DIR}/CMakeFiles/unused")
foreach(name
  ctkFunctionAddExecutableUtf8 ctkMacroWrapPythonQt vtkMacroKitPythonWrap PythonQtConfig SlicerExecutionModelConfig)
  file(WRITE "${unused}/${name}.cmake" "")
endforeach()
set(PythonQt_DIR "${unused}")
set(SlicerExecutionModel_DIR "${unused}")
set(SlicerExecutionModel_USE_FILE "${unused}/SlicerExecutionModelConfig.cmake")

set(CTKAppLauncher_DIR "${CMAKE_CURRENT_LIST_DIR}/stand-ins")
list(PREPEND CMAKE_MODULE_PATH
  "${CMAKE_CURRENT_LIST_DIR}/stand-ins"
  "${unused}"
  "${Slicer_CMAKE_DIR}"
  "${Slicer_EXTENSIONS_CMAKE_DIR}"
  )

set(Slicer_VERSION_MAJOR 5)
set(Slicer_VERSION_MINOR 12)
set(Slicer_REVISION 0)
set(Slicer_OS linux)
set(Slicer_ARCHITECTURE amd64)
set(Slicer_WC_ROOT "NA")
set(Slicer_MAIN_PROJECT SlicerApp)
set(SlicerApp_APPLICATION_NAME Slicer)
set(Slicer_USE_PYTHONQT ON)
set(Slicer_USE_CTKAPPLAUNCHER OFF)
set(Slicer_LAUNCHER_EXECUTABLE Slicer)
set(Slicer_SKIP_SET_CMAKE_C_CXX_FLAGS ON)
set(Slicer_ExternalData_DATA_MANAGEMENT_TARGET HCCAssistData)

include(ExternalProjectDependency)
include(SlicerDirectories)
