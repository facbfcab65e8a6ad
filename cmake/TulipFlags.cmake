# Compiler and linker flags: strict everywhere, sanitized in Debug, hardened in Release.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_compile_definitions(_GNU_SOURCE TB_VERSION="${PROJECT_VERSION}")
if(TB_FAULT_POINTS)
  add_compile_definitions(TB_FAULT_POINTS=1)
endif()

add_library(tulip_warnings INTERFACE)
target_compile_options(tulip_warnings INTERFACE -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wformat=2 -Wundef)

set(CMAKE_C_FLAGS_DEBUG "-O1 -g3 -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fstack-clash-protection -fcf-protection")
if(CMAKE_BUILD_TYPE STREQUAL "Debug" AND TB_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
