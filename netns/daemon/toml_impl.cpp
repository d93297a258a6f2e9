// The one compiled copy of toml++ (see dep_toml).

// toml++ 3.3 asserts, and lets clang assume, that a key follows "[[", and then reports "[[[" as a mistake like any other. A slip in the
// configuration file must be explained and not end in an abort, whatever the kind of build.
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)

#define TOML_IMPLEMENTATION
#include <toml++/toml.h>
