# Debian's cross compiler with libraries of arm64 beside those of the machine (multiarch); packaging/cross-arm64 makes a tree that has them.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} "/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig")
# Tests, and the programs that are asked for their manual pages, run here.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
set(VPN_SENTINEL_DEB_ARCHITECTURE arm64)
