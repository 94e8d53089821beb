# Cross build for 64-bit Arm on Debian; tests run under qemu-aarch64.
#   dpkg --add-architecture arm64 && apt-get update
#   apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user libcmocka-dev:arm64 libpcre2-dev:arm64
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# Debian's foreign packages: libraries and .pc files of arm64 live beside the native ones.
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
# The emulator finds the arm64 libc of those packages by itself. ENG_QEMU_CPU chooses another CPU model, e.g. cortex-a53.
set(ENG_QEMU_CPU max CACHE STRING "CPU that qemu-aarch64 emulates for ctest")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-cpu;${ENG_QEMU_CPU})
